// RUN: %lqc-opt %s --lqc-raise-decoder=context=16 --canonicalize | FileCheck %s
// RUN: sed 's/cmpi sle/cmpi sge/' %s | %lqc-opt --lqc-raise-decoder --remarks-filter=lqc-raise-decoder 2>&1 >/dev/null | FileCheck %s --check-prefix=MASK
// RUN: sed 's/addf \(.*\), .mask :/addf \1, \1 :/' %s | %lqc-opt --lqc-raise-decoder --remarks-filter=lqc-raise-decoder 2>&1 >/dev/null | FileCheck %s --check-prefix=OTHER
// RUN: sed '/return/s/, .v2 :/, %k2 :/' %s | %lqc-opt --lqc-raise-decoder --remarks-filter=lqc-raise-decoder 2>&1 >/dev/null | FileCheck %s --check-prefix=LOST

// A decoder of one layer: two heads of queries share one of keys and values.
// MASK: its mask is not causal: token 0 and position 1
// OTHER: its mask depends on a weight
// LOST: input 'past.value' is not returned with something behind it

// CHECK: module attributes {lqc.model = #lqc.model<"onnx", vocabulary = 8, context = 16
// CHECK-LABEL: func.func @forward
// CHECK-SAME: (%[[T:.*]]: tensor<?xi32>, %[[P:.*]]: tensor<?xi32>, %[[S:.*]]: tensor<?xi32>, %[[C:.*]]: !lqc.cache<1x16x1x2xf32>) -> tensor<?x8xf32>
// CHECK: %[[X:.*]] = lqc.embedding %[[T]]
// CHECK: %[[Y:.*]] = call @layers.0(%[[X]], %[[P]], %[[S]], %[[C]])
// CHECK: lqc.linear %[[Y]]
// CHECK-LABEL: func.func private @layers.0
// CHECK-SAME: attributes {lqc.layer = 0 : i64}
// CHECK: %[[Q:.*]] = lqc.linear
// CHECK: lqc.cache_append
// CHECK: %[[A:.*]] = lqc.attention %[[Q]], %{{.*}}[0] at %{{.*}}, %{{.*}} scale 5.000000e-01
// CHECK: lqc.linear %[[A]]
#rows = affine_map<(d0, d1) -> (d0, d1)>
module attributes {lqc.graph = {name = "decoder"}} {
  lqc.weight @embed : tensor<8x4xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @q : tensor<4x4xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
  lqc.weight @k : tensor<2x4xf32> = #lqc.random<seed = 3, std = 1.0 : f64>
  lqc.weight @v : tensor<2x4xf32> = #lqc.random<seed = 4, std = 1.0 : f64>
  lqc.weight @o : tensor<4x4xf32> = #lqc.random<seed = 5, std = 1.0 : f64>
  func.func @main(%ids: tensor<?x?xi32> {lqc.name = "input_ids"}, %k0: tensor<?x1x?x2xf32> {lqc.name = "past.key"}, %v0: tensor<?x1x?x2xf32> {lqc.name = "past.value"}) -> (tensor<?x?x8xf32>, tensor<?x1x?x2xf32>, tensor<?x1x?x2xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %zero = arith.constant 0.0 : f32
    %low = arith.constant -1.0e9 : f32
    %half = arith.constant 0.5 : f32
    %b = tensor.dim %ids, %c0 : tensor<?x?xi32>
    %s = tensor.dim %ids, %c1 : tensor<?x?xi32>
    %past = tensor.dim %k0, %c2 : tensor<?x1x?x2xf32>
    %total = arith.addi %past, %s : index
    %b2 = arith.muli %b, %c2 : index
    %flat = tensor.collapse_shape %ids [[0, 1]] : tensor<?x?xi32> into tensor<?xi32>
    %table = lqc.get_weight @embed : tensor<8x4xf32>
    %x = lqc.embedding %flat, %table : (tensor<?xi32>, tensor<8x4xf32>) -> tensor<?x4xf32>
    %wq = lqc.get_weight @q : tensor<4x4xf32>
    %wk = lqc.get_weight @k : tensor<2x4xf32>
    %wv = lqc.get_weight @v : tensor<2x4xf32>
    %wo = lqc.get_weight @o : tensor<4x4xf32>
    %q = lqc.linear %x, %wq : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %k = lqc.linear %x, %wk : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
    %v = lqc.linear %x, %wv : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
    %qe = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [%b, %s, 2, 2] : tensor<?x4xf32> into tensor<?x?x2x2xf32>
    %ke = tensor.expand_shape %k [[0, 1], [2, 3]] output_shape [%b, %s, 1, 2] : tensor<?x2xf32> into tensor<?x?x1x2xf32>
    %ve = tensor.expand_shape %v [[0, 1], [2, 3]] output_shape [%b, %s, 1, 2] : tensor<?x2xf32> into tensor<?x?x1x2xf32>
    %qs = tensor.empty(%b, %s) : tensor<?x2x?x2xf32>
    %ks = tensor.empty(%b, %s) : tensor<?x1x?x2xf32>
    %qh = linalg.transpose ins(%qe : tensor<?x?x2x2xf32>) outs(%qs : tensor<?x2x?x2xf32>) permutation = [0, 2, 1, 3]
    %kh = linalg.transpose ins(%ke : tensor<?x?x1x2xf32>) outs(%ks : tensor<?x1x?x2xf32>) permutation = [0, 2, 1, 3]
    %vh = linalg.transpose ins(%ve : tensor<?x?x1x2xf32>) outs(%ks : tensor<?x1x?x2xf32>) permutation = [0, 2, 1, 3]
    %k2 = tensor.concat dim(2) %k0, %kh : (tensor<?x1x?x2xf32>, tensor<?x1x?x2xf32>) -> tensor<?x1x?x2xf32>
    %v2 = tensor.concat dim(2) %v0, %vh : (tensor<?x1x?x2xf32>, tensor<?x1x?x2xf32>) -> tensor<?x1x?x2xf32>
    %rs = tensor.empty(%b, %total) : tensor<?x1x2x?x2xf32>
    %kr = linalg.broadcast ins(%k2 : tensor<?x1x?x2xf32>) outs(%rs : tensor<?x1x2x?x2xf32>) dimensions = [2]
    %vr = linalg.broadcast ins(%v2 : tensor<?x1x?x2xf32>) outs(%rs : tensor<?x1x2x?x2xf32>) dimensions = [2]
    %kc = tensor.collapse_shape %kr [[0, 1, 2], [3], [4]] : tensor<?x1x2x?x2xf32> into tensor<?x?x2xf32>
    %vc = tensor.collapse_shape %vr [[0, 1, 2], [3], [4]] : tensor<?x1x2x?x2xf32> into tensor<?x?x2xf32>
    %ts = tensor.empty(%b2, %total) : tensor<?x2x?xf32>
    %kt = linalg.transpose ins(%kc : tensor<?x?x2xf32>) outs(%ts : tensor<?x2x?xf32>) permutation = [0, 2, 1]
    %qc = tensor.collapse_shape %qh [[0, 1], [2], [3]] : tensor<?x2x?x2xf32> into tensor<?x?x2xf32>
    %z1 = tensor.splat %zero[%b2, %s, %total] : tensor<?x?x?xf32>
    %scores = linalg.batch_matmul ins(%qc, %kt : tensor<?x?x2xf32>, tensor<?x2x?xf32>) outs(%z1 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %scale = tensor.splat %half[%b2, %s, %total] : tensor<?x?x?xf32>
    %scaled = arith.mulf %scores, %scale : tensor<?x?x?xf32>
    %space = tensor.empty(%b2, %s, %total) : tensor<?x?x?xf32>
    %mask = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%space : tensor<?x?x?xf32>) {
    ^bb0(%out: f32):
      %row = linalg.index 1 : index
      %column = linalg.index 2 : index
      %own = arith.addi %row, %past : index
      %seen = arith.cmpi sle, %column, %own : index
      %number = arith.select %seen, %zero, %low : f32
      linalg.yield %number : f32
    } -> tensor<?x?x?xf32>
    %masked = arith.addf %scaled, %mask : tensor<?x?x?xf32>
    %p = linalg.softmax dimension(2) ins(%masked : tensor<?x?x?xf32>) outs(%space : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %z2 = tensor.splat %zero[%b2, %s] : tensor<?x?x2xf32>
    %mixed = linalg.batch_matmul ins(%p, %vc : tensor<?x?x?xf32>, tensor<?x?x2xf32>) outs(%z2 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %me = tensor.expand_shape %mixed [[0, 1], [2], [3]] output_shape [%b, 2, %s, 2] : tensor<?x?x2xf32> into tensor<?x2x?x2xf32>
    %ms = tensor.empty(%b, %s) : tensor<?x?x2x2xf32>
    %mt = linalg.transpose ins(%me : tensor<?x2x?x2xf32>) outs(%ms : tensor<?x?x2x2xf32>) permutation = [0, 2, 1, 3]
    %rows = tensor.collapse_shape %mt [[0, 1], [2, 3]] : tensor<?x?x2x2xf32> into tensor<?x4xf32>
    %o = lqc.linear %rows, %wo : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %y = arith.addf %x, %o : tensor<?x4xf32>
    %l = lqc.linear %y, %table : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
    %logits = tensor.expand_shape %l [[0, 1], [2]] output_shape [%b, %s, 8] : tensor<?x8xf32> into tensor<?x?x8xf32>
    return %logits, %k2, %v2 : tensor<?x?x8xf32>, tensor<?x1x?x2xf32>, tensor<?x1x?x2xf32>
  }
}
