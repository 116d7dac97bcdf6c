// RUN: lqc-opt %s --lqc-raise --canonicalize --split-input-file | FileCheck %s

#x = affine_map<(n, g, o, p, q, c, i, j) -> (n, g, c, p * 2 + i, q + j * 3)>
#w = affine_map<(n, g, o, p, q, c, i, j) -> (g, o, c, i, j)>
#y = affine_map<(n, g, o, p, q, c, i, j) -> (n, g, o, p, q)>

// A group for each channel, of bytes less their zero point: what is around them
// is the zero point, and what comes of it is a bias.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<5x1x2x2xi8> = #lqc.file<"m.onnx", tensor = "w", offset = 0, bytes = 20, header = "onnx-0">
  // CHECK: lqc.weight @w.sums : tensor<5xi32> {
  // CHECK: arith.constant dense<-131> : tensor<5xi32>
  // CHECK: lqc.weight @w.depthwise : tensor<4x5xi8> {
  // CHECK: linalg.transpose {{.+}} permutation = [1, 2, 3, 0]

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<1x5x7x8xi8>) -> tensor<1x5x4x6xi32> {
    %zero = arith.constant dense<131> : tensor<1x5x7x8xi32>
    %none = arith.constant 0 : i32
    %z = arith.constant dense<0> : tensor<1x5x1x4x6xi32>
    %w = lqc.get_weight @w : tensor<5x1x2x2xi8>
    // CHECK: %[[LAST:.+]] = linalg.transpose ins(%arg0 : tensor<1x5x7x8xi8>)
    // CHECK: %[[IMAGE:.+]] = tensor.pad %[[LAST]] low[0, 1, 0, 0] high[0, 0, 1, 0]
    // CHECK: tensor.yield %c-125_i8
    // CHECK: %[[Y:.+]] = lqc.depthwise %[[IMAGE]], %{{.+}}, %{{.+}} {dilations = array<i64: 1, 3>, kernel = array<i64: 2, 2>, strides = array<i64: 2, 1>} : (tensor<1x8x9x5xi8>, tensor<4x5xi8>, tensor<5xi32>) -> tensor<24x5xi32>
    // CHECK: %[[PLACES:.+]] = tensor.expand_shape %[[Y]] {{.+}} into tensor<1x4x6x5xi32>
    // CHECK: %[[FIRST:.+]] = linalg.transpose ins(%[[PLACES]] : tensor<1x4x6x5xi32>)
    // CHECK: return %[[FIRST]]
    %0 = arith.extui %x : tensor<1x5x7x8xi8> to tensor<1x5x7x8xi32>
    %1 = arith.subi %0, %zero : tensor<1x5x7x8xi32>
    %2 = tensor.pad %1 low[0, 0, 1, 0] high[0, 0, 0, 1] {
    ^bb0(%n: index, %c: index, %h: index, %i: index):
      tensor.yield %none : i32
    } : tensor<1x5x7x8xi32> to tensor<1x5x8x9xi32>
    %3 = arith.extsi %w : tensor<5x1x2x2xi8> to tensor<5x1x2x2xi32>
    %4 = tensor.expand_shape %2 [[0], [1], [2, 3], [4]] output_shape [1, 5, 1, 8, 9] : tensor<1x5x8x9xi32> into tensor<1x5x1x8x9xi32>
    %5 = tensor.expand_shape %3 [[0], [1], [2, 3], [4]] output_shape [5, 1, 1, 2, 2] : tensor<5x1x2x2xi32> into tensor<5x1x1x2x2xi32>
    %6 = linalg.generic {indexing_maps = [#x, #w, #y],
        iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
        ins(%4, %5 : tensor<1x5x1x8x9xi32>, tensor<5x1x1x2x2xi32>) outs(%z : tensor<1x5x1x4x6xi32>) {
    ^bb0(%a: i32, %b: i32, %out: i32):
      %8 = arith.muli %a, %b : i32
      %9 = arith.addi %out, %8 : i32
      linalg.yield %9 : i32
    } -> tensor<1x5x1x4x6xi32>
    %7 = tensor.collapse_shape %6 [[0], [1], [2, 3], [4]] : tensor<1x5x1x4x6xi32> into tensor<1x5x4x6xi32>
    return %7 : tensor<1x5x4x6xi32>
  }
}

// -----

#x = affine_map<(n, g, o, p, c, i) -> (n, g, c, p + i)>
#w = affine_map<(n, g, o, p, c, i) -> (g, o, c, i)>
#y = affine_map<(n, g, o, p, c, i) -> (n, g, o, p)>

// Two outputs a group: loops.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<6x1x2xi8> = #lqc.file<"m.onnx", tensor = "w", offset = 0, bytes = 12, header = "onnx-0">
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<1x3x8xi8>) -> tensor<1x3x2x7xi32> {
    %z = arith.constant dense<0> : tensor<1x3x2x7xi32>
    %w = lqc.get_weight @w : tensor<6x1x2xi8>
    // CHECK-NOT: lqc.depthwise
    // CHECK: linalg.generic
    %0 = arith.extui %x : tensor<1x3x8xi8> to tensor<1x3x8xi32>
    %1 = arith.extsi %w : tensor<6x1x2xi8> to tensor<6x1x2xi32>
    %2 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [1, 3, 1, 8] : tensor<1x3x8xi32> into tensor<1x3x1x8xi32>
    %3 = tensor.expand_shape %1 [[0, 1], [2], [3]] output_shape [3, 2, 1, 2] : tensor<6x1x2xi32> into tensor<3x2x1x2xi32>
    %4 = linalg.generic {indexing_maps = [#x, #w, #y],
        iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
        ins(%2, %3 : tensor<1x3x1x8xi32>, tensor<3x2x1x2xi32>) outs(%z : tensor<1x3x2x7xi32>) {
    ^bb0(%a: i32, %b: i32, %out: i32):
      %5 = arith.muli %a, %b : i32
      %6 = arith.addi %out, %5 : i32
      linalg.yield %6 : i32
    } -> tensor<1x3x2x7xi32>
    return %4 : tensor<1x3x2x7xi32>
  }
}
