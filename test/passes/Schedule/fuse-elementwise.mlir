// RUN: lqc-opt %s --lqc-fuse-elementwise --split-input-file | FileCheck %s

// Elementwise operations and what moves their operands become one loop.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  // CHECK-SAME: %[[X:.+]]: tensor<?x4xf32>, %[[B:.+]]: tensor<4xf32>
  func.func @main(%x: tensor<?x4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
    // CHECK: linalg.generic
    // CHECK-SAME: ins(%[[X]], %[[B]] : tensor<?x4xf32>, tensor<4xf32>)
    // CHECK: %[[SUM:.+]] = arith.addf
    // CHECK-NEXT: %[[EXP:.+]] = math.exp %[[SUM]]
    // CHECK-NEXT: linalg.yield %[[EXP]]
    // CHECK-NOT: linalg
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %empty = tensor.empty(%n) : tensor<?x4xf32>
    %rows = linalg.broadcast ins(%b : tensor<4xf32>) outs(%empty : tensor<?x4xf32>) dimensions = [0]
    %sum = arith.addf %x, %rows : tensor<?x4xf32>
    %exp = math.exp %sum : tensor<?x4xf32>
    return %exp : tensor<?x4xf32>
  }
}

// -----

// What two consumers read is computed once.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    // CHECK-COUNT-1: math.exp
    // CHECK-NOT: math.exp
    %exp = math.exp %x : tensor<4xf32>
    %a = arith.addf %exp, %x : tensor<4xf32>
    %b = arith.mulf %exp, %x : tensor<4xf32>
    return %a, %b : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// The exponentials of a row are not computed for each column of a product.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<4xf32>, %empty: tensor<4x8xf32>) -> tensor<4x8xf32> {
    // CHECK: math.exp
    // CHECK-NEXT: linalg.yield
    // CHECK: arith.negf
    %exp = math.exp %x : tensor<4xf32>
    %columns = linalg.generic {
        indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%exp : tensor<4xf32>) outs(%empty : tensor<4x8xf32>) {
    ^bb0(%a: f32, %out: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    } -> tensor<4x8xf32>
    return %columns : tensor<4x8xf32>
  }
}

// -----

// Softmax and concatenations are taken apart.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<2x4xf32>) -> tensor<4x4xf32> {
    // CHECK-NOT: linalg.softmax
    // CHECK: arith.maxnumf
    // CHECK: arith.divf
    // CHECK-NOT: tensor.concat
    // CHECK-COUNT-2: tensor.insert_slice
    %empty = tensor.empty() : tensor<2x4xf32>
    %soft = linalg.softmax dimension(1) ins(%x : tensor<2x4xf32>) outs(%empty : tensor<2x4xf32>) -> tensor<2x4xf32>
    %both = tensor.concat dim(0) %x, %soft : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
    return %both : tensor<4x4xf32>
  }
}

// -----

// A module that is no graph stays as it is.

// CHECK-LABEL: func.func @layer
func.func @layer(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: arith.addf %{{.+}} : tensor<?x4xf32>
  %sum = arith.addf %x, %x : tensor<?x4xf32>
  return %sum : tensor<?x4xf32>
}

// -----

// Float linears and norms of a graph are loops.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x4xf32>, %w: tensor<3x4xbf16>, %g: tensor<4xf32>) -> (tensor<?x3xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
    // CHECK: iterator_types = ["parallel", "parallel", "reduction"]
    // CHECK: arith.extf {{.*}} : bf16 to f32
    // CHECK: arith.mulf
    // CHECK: math.sqrt
    // CHECK: arith.subf
    // CHECK: math.sqrt
    // CHECK-NOT: lqc.linear
    // CHECK-NOT: _norm
    %y = lqc.linear %x, %w : (tensor<?x4xf32>, tensor<3x4xbf16>) -> tensor<?x3xf32>
    %r = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %l = lqc.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    return %y, %r, %l : tensor<?x3xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

// A number that is repeated is not written down.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  // CHECK-SAME: %[[X:.+]]: tensor<?x4xf32>, %[[N:.+]]: f32
  func.func @main(%x: tensor<?x4xf32>, %number: f32) -> tensor<?x4xf32> {
    // CHECK-NOT: tensor.splat
    // CHECK: linalg.generic
    // CHECK-SAME: ins(%[[X]] : tensor<?x4xf32>)
    // CHECK: arith.addf %{{.+}}, %[[N]]
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %splat = tensor.splat %number[%n] : tensor<?x4xf32>
    %sum = arith.addf %x, %splat : tensor<?x4xf32>
    return %sum : tensor<?x4xf32>
  }
}

// -----

// What is done with the rows of a kernel's result, in the shape of images, is
// done with rows.

#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
module attributes {lqc.graph = {}} {
  lqc.kernel @linear(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %out: tensor<?x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 64 : i64} {
    %y = lqc.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>) -> tensor<?x16xf32>
    lqc.yield %y : tensor<?x16xf32>
  }
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %e: tensor<?x16xf32>, %f: tensor<?x3x5x16xf32>, %rows: index, %n: index) -> tensor<?x3x5x16xf32> {
    // CHECK: %[[Y:.+]] = lqc.dispatch @linear
    // CHECK: %[[Z:.+]] = linalg.generic {{.+}} iterator_types = ["parallel", "parallel"]} ins(%[[Y]] : tensor<?x16xf32>)
    // CHECK: tensor.expand_shape %[[Z]]
    %y = lqc.dispatch @linear(%x, %w, %e) rows %rows : tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>, tensor<?x16xf32> -> tensor<?x16xf32>
    %images = tensor.expand_shape %y [[0, 1, 2], [3]] output_shape [%n, 3, 5, 16] : tensor<?x16xf32> into tensor<?x3x5x16xf32>
    %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%images : tensor<?x3x5x16xf32>) outs(%f : tensor<?x3x5x16xf32>) {
    ^bb0(%a: f32, %out: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    } -> tensor<?x3x5x16xf32>
    return %z : tensor<?x3x5x16xf32>
  }
}

// -----

// A window over images of unknown size has no kernel.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x?x8x3xi8>, %w: tensor<6x3xi8>, %b: tensor<3xi32>) -> tensor<?x3xi32> {
    // CHECK: linalg.generic {{.+}} iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]}
    // CHECK: arith.extui
    // CHECK: arith.extsi
    // CHECK: arith.muli
    // CHECK: arith.addi
    // CHECK: tensor.collapse_shape %{{.+}} {{\[\[}}0, 1, 2], [3]]
    %y = lqc.depthwise %x, %w, %b {kernel = array<i64: 3, 2>, strides = array<i64: 1, 2>, dilations = array<i64: 2, 1>} : (tensor<?x?x8x3xi8>, tensor<6x3xi8>, tensor<3xi32>) -> tensor<?x3xi32>
    return %y : tensor<?x3xi32>
  }
}
