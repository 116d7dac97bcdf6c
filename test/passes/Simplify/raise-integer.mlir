// RUN: lqc-opt %s --lqc-raise --canonicalize --split-input-file | FileCheck %s

// Bytes less their zero point, times codes: what comes of the zero point is a
// bias. Three channels are four, and padding is the zero point.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<8x3x3x3xi8> = #lqc.file<"m.onnx", tensor = "w", offset = 0, bytes = 216, header = "onnx-0">
  // CHECK: lqc.weight @w.sums : tensor<8xi32> {
  // CHECK: arith.constant dense<-131> : tensor<8xi32>
  // CHECK: linalg.reduce ins(%{{.+}} : tensor<8x3x3x3xi32>)
  // CHECK: lqc.weight @w.codes : tensor<8x36xf32, #lqc.scheme<"int8-g0-f32">> {
  // CHECK: arith.xori
  // CHECK: linalg.transpose {{.+}} permutation = [0, 2, 3, 1]
  // CHECK: tensor.pad %{{.+}} low[0, 0, 0, 0] high[0, 0, 0, 1]
  // CHECK: lqc.assemble

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<1x3x16x16xi8>) -> tensor<1x8x16x16xi32> {
    %zero = arith.constant dense<131> : tensor<1x3x16x16xi32>
    %none = arith.constant 0 : i32
    %z = arith.constant dense<0> : tensor<1x8x16x16xi32>
    %w = lqc.get_weight @w : tensor<8x3x3x3xi8>
    // CHECK: %[[LAST:.+]] = linalg.transpose ins(%arg0 : tensor<1x3x16x16xi8>)
    // CHECK: %[[IMAGE:.+]] = tensor.pad %[[LAST]] low[0, 1, 1, 0] high[0, 1, 1, 1]
    // CHECK: tensor.yield %c-125_i8
    // CHECK: %[[ROWS:.+]] = lqc.patches %[[IMAGE]] {{.+}} : (tensor<1x18x18x4xi8>) -> tensor<256x36xi8>
    // CHECK: lqc.integer_linear %[[ROWS]], %{{.+}}, %{{.+}} : (tensor<256x36xi8>, tensor<8x36xf32, #lqc.scheme<"int8-g0-f32">>, tensor<8xi32>) -> tensor<256x8xi32>
    %0 = arith.extui %x : tensor<1x3x16x16xi8> to tensor<1x3x16x16xi32>
    %1 = arith.subi %0, %zero : tensor<1x3x16x16xi32>
    %2 = tensor.pad %1 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%n: index, %c: index, %h: index, %i: index):
      tensor.yield %none : i32
    } : tensor<1x3x16x16xi32> to tensor<1x3x18x18xi32>
    %3 = arith.extsi %w : tensor<8x3x3x3xi8> to tensor<8x3x3x3xi32>
    %4 = linalg.conv_2d_nchw_fchw ins(%2, %3 : tensor<1x3x18x18xi32>, tensor<8x3x3x3xi32>) outs(%z : tensor<1x8x16x16xi32>) -> tensor<1x8x16x16xi32>
    return %4 : tensor<1x8x16x16xi32>
  }
}

// -----

// Signed bytes are unsigned ones less 128; without a zero point of 128 unsigned
// codes have no scheme.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<16x8xi8> = #lqc.file<"m.onnx", tensor = "w", offset = 0, bytes = 128, header = "onnx-0">
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x16xi8>) -> (tensor<?x8xi32>, tensor<?x8xi32>) {
    %c0 = arith.constant 0 : index
    %none = arith.constant 0 : i32
    %rows = tensor.dim %x, %c0 : tensor<?x16xi8>
    %z = tensor.splat %none[%rows] : tensor<?x8xi32>
    %w = lqc.get_weight @w : tensor<16x8xi8>
    // CHECK: %[[U:.+]] = arith.xori %arg0
    // CHECK: lqc.integer_linear %[[U]], %{{.+}}, %{{.+}} : (tensor<?x16xi8>, tensor<8x16xf32, #lqc.scheme<"int8-g0-f32">>, tensor<8xi32>) -> tensor<?x8xi32>
    %0 = arith.extsi %x : tensor<?x16xi8> to tensor<?x16xi32>
    %1 = arith.extsi %w : tensor<16x8xi8> to tensor<16x8xi32>
    %2 = linalg.matmul ins(%0, %1 : tensor<?x16xi32>, tensor<16x8xi32>) outs(%z : tensor<?x8xi32>) -> tensor<?x8xi32>
    // CHECK: linalg.matmul
    %3 = arith.extui %w : tensor<16x8xi8> to tensor<16x8xi32>
    %4 = linalg.matmul ins(%0, %3 : tensor<?x16xi32>, tensor<16x8xi32>) outs(%z : tensor<?x8xi32>) -> tensor<?x8xi32>
    return %2, %4 : tensor<?x8xi32>, tensor<?x8xi32>
  }
}
