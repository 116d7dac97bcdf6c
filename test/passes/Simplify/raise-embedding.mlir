// RUN: %lqc-opt %s --lqc-raise | FileCheck %s

#rows = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
lqc.weight @table : tensor<60x48xf32> = #lqc.random<seed = 1, std = 1.0 : f64>

// Indices become one dimension; negative ones count from the end.
// CHECK-LABEL: func.func @lookup
// CHECK-SAME: %[[I:.*]]: tensor<?x?xi64>
func.func @lookup(%i: tensor<?x?xi64>) -> tensor<?x?x48xf32> {
  // CHECK: %[[T:.*]] = lqc.get_weight @table
  // CHECK: %[[F:.*]] = tensor.collapse_shape %[[I]] {{\[\[}}0, 1]]
  // CHECK: %[[N:.*]] = arith.cmpi slt, %[[F]]
  // CHECK: %[[S:.*]] = arith.addi %[[F]]
  // CHECK: %[[P:.*]] = arith.select %[[N]], %[[S]], %[[F]]
  // CHECK: %[[J:.*]] = arith.trunci %[[P]] : tensor<?xi64> to tensor<?xi32>
  // CHECK: %[[E:.*]] = lqc.embedding %[[J]], %[[T]] : (tensor<?xi32>, tensor<60x48xf32>) -> tensor<?x48xf32>
  // CHECK: tensor.expand_shape %[[E]] {{\[\[}}0, 1], [2]]
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c59 = arith.constant 59 : index
  %c60 = arith.constant 60 : index
  %b = tensor.dim %i, %c0 : tensor<?x?xi64>
  %s = tensor.dim %i, %c1 : tensor<?x?xi64>
  %t = lqc.get_weight @table : tensor<60x48xf32>
  %0 = tensor.empty(%b, %s) : tensor<?x?x48xf32>
  %1 = linalg.generic {indexing_maps = [#rows], iterator_types = ["parallel", "parallel", "parallel"]} outs(%0 : tensor<?x?x48xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %q = linalg.index 1 : index
    %c = linalg.index 2 : index
    %n = tensor.extract %i[%r, %q] : tensor<?x?xi64>
    %2 = arith.index_cast %n : i64 to index
    %3 = arith.cmpi slt, %2, %c0 : index
    %4 = arith.addi %2, %c60 : index
    %5 = arith.select %3, %4, %2 : index
    %6 = arith.maxsi %5, %c0 : index
    %7 = arith.minsi %6, %c59 : index
    %x = tensor.extract %t[%7, %c] : tensor<60x48xf32>
    linalg.yield %x : f32
  } -> tensor<?x?x48xf32>
  return %1 : tensor<?x?x48xf32>
}

// The other dimension first is no row.
// CHECK-LABEL: func.func @columns
func.func @columns(%i: tensor<4xi64>) -> tensor<4x60xf32> {
  // CHECK-NOT: lqc.embedding
  %c0 = arith.constant 0 : index
  %c47 = arith.constant 47 : index
  %c48 = arith.constant 48 : index
  %t = lqc.get_weight @table : tensor<60x48xf32>
  %0 = tensor.empty() : tensor<4x60xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%0 : tensor<4x60xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %c = linalg.index 1 : index
    %n = tensor.extract %i[%r] : tensor<4xi64>
    %2 = arith.index_cast %n : i64 to index
    %3 = arith.cmpi slt, %2, %c0 : index
    %4 = arith.addi %2, %c48 : index
    %5 = arith.select %3, %4, %2 : index
    %6 = arith.maxsi %5, %c0 : index
    %7 = arith.minsi %6, %c47 : index
    %x = tensor.extract %t[%c, %7] : tensor<60x48xf32>
    linalg.yield %x : f32
  } -> tensor<4x60xf32>
  return %1 : tensor<4x60xf32>
}
