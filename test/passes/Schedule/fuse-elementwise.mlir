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
