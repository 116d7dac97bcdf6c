// RUN: lqc-opt %s --lqc-bufferize-graph --split-input-file | FileCheck %s

// Weights are globals that know their place in the payload; functions get the
// call's context.

module attributes {lqc.graph = {}} {
  // CHECK-DAG: memref.global "private" @a : memref<3xf32> {alignment = 64 : i64, lqc.offset = 0 : i64}
  // CHECK-DAG: memref.global "private" @b : memref<2xi64> {alignment = 64 : i64, lqc.offset = 64 : i64}
  // CHECK-NOT: lqc.weight @
  lqc.weight @b : tensor<2xi64> = dense<1> : tensor<2xi64>
  lqc.weight @a : tensor<3xf32> = dense<1.0> : tensor<3xf32>
  lqc.weight @unused : tensor<3xf32> = dense<1.0> : tensor<3xf32>

  // CHECK-LABEL: func.func @main
  // CHECK-SAME: (%{{.+}}: !llvm.ptr, %[[X:.+]]: memref<3xf32>
  func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<2xi64>) {
    // CHECK-DAG: memref.get_global @a
    // CHECK-DAG: memref.get_global @b
    %a = lqc.get_weight @a : tensor<3xf32>
    %b = lqc.get_weight @b : tensor<2xi64>
    // The input stays as it is.
    // CHECK: %[[Y:.+]] = memref.alloc() {{.*}} : memref<3xf32>
    // CHECK: linalg.generic {{.*}} outs(%[[Y]] : memref<3xf32>)
    %y = linalg.generic {
        indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
        iterator_types = ["parallel"]}
        ins(%a : tensor<3xf32>) outs(%x : tensor<3xf32>) {
    ^bb0(%w: f32, %out: f32):
      %0 = arith.addf %w, %out : f32
      linalg.yield %0 : f32
    } -> tensor<3xf32>
    return %y, %b : tensor<3xf32>, tensor<2xi64>
  }
}

// -----

// Buffers are given back.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?xf32>) -> tensor<f32> {
    // CHECK: %[[T:.+]] = memref.alloc(%{{.+}}) {{.*}} : memref<?xf32>
    // CHECK: linalg.exp
    // CHECK: memref.dealloc %[[T]]
    // CHECK: return
    %c0 = arith.constant 0 : index
    %zero = arith.constant dense<0.0> : tensor<f32>
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %empty = tensor.empty(%n) : tensor<?xf32>
    %exp = linalg.exp ins(%x : tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.reduce { arith.addf } ins(%exp : tensor<?xf32>) outs(%zero : tensor<f32>) dimensions = [0]
    return %sum : tensor<f32>
  }
}
