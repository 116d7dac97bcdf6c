// RUN: lqc-opt %s --lqc-raise --split-input-file | FileCheck %s

// Two convolutions with a bias and a ReLU each: channels stay last from the
// first to the second, padding included. A kernel of one element sees rows as
// they are.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<8x3x3x3xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  // CHECK: lqc.weight @w.channels_last : tensor<8x27xf32> {
  // CHECK: linalg.transpose {{.+}} permutation = [0, 2, 3, 1]
  // CHECK: tensor.collapse_shape %{{.+}} {{\[}}[0], [1, 2, 3]] : tensor<8x3x3x3xf32> into tensor<8x27xf32>
  lqc.weight @b : tensor<8xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
  lqc.weight @v : tensor<4x8x1x1xf32> = #lqc.random<seed = 3, std = 1.0 : f64>

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x3x16x16xf32>) -> tensor<?x4x18x18xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %w = lqc.get_weight @w : tensor<8x3x3x3xf32>
    %b = lqc.get_weight @b : tensor<8xf32>
    %v = lqc.get_weight @v : tensor<4x8x1x1xf32>
    %batch = tensor.dim %x, %c0 : tensor<?x3x16x16xf32>
    // CHECK: %[[LAST:.+]] = linalg.transpose ins(%arg0 : tensor<?x3x16x16xf32>) {{.+}} permutation = [0, 2, 3, 1]
    // CHECK: %[[PADDED:.+]] = tensor.pad %[[LAST]] low[0, 1, 1, 0] high[0, 1, 1, 0]
    %padded = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%n: index, %c: index, %h: index, %i: index):
      tensor.yield %zero : f32
    } : tensor<?x3x16x16xf32> to tensor<?x3x18x18xf32>
    %z = tensor.splat %zero[%batch] : tensor<?x8x16x16xf32>
    // CHECK: %[[ROWS:.+]] = lqc.patches %[[PADDED]] {{.+}} : (tensor<?x18x18x3xf32>) -> tensor<?x27xf32>
    // CHECK: %[[B:.+]] = lqc.get_weight @b
    // CHECK: %[[Y:.+]] = lqc.linear %[[ROWS]], %{{.+}}, %[[B]]
    %0 = linalg.conv_2d_nchw_fchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%padded, %w : tensor<?x3x18x18xf32>, tensor<8x3x3x3xf32>) outs(%z : tensor<?x8x16x16xf32>) -> tensor<?x8x16x16xf32>
    %e = tensor.empty(%batch) : tensor<?x8x16x16xf32>
    %bias = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<?x8x16x16xf32>) dimensions = [0, 2, 3]
    %1 = arith.addf %0, %bias : tensor<?x8x16x16xf32>
    // CHECK: %[[R:.+]] = arith.maximumf %[[Y]], %{{.+}} : tensor<?x8xf32>
    %2 = arith.maximumf %1, %z : tensor<?x8x16x16xf32>
    // CHECK-NOT: linalg.transpose
    // CHECK: tensor.pad %{{.+}} low[0, 1, 1, 0] high[0, 1, 1, 0]
    %3 = tensor.pad %2 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%n: index, %c: index, %h: index, %i: index):
      tensor.yield %zero : f32
    } : tensor<?x8x16x16xf32> to tensor<?x8x18x18xf32>
    %z2 = tensor.splat %zero[%batch] : tensor<?x4x18x18xf32>
    // CHECK-NOT: lqc.patches
    // CHECK: lqc.linear %{{.+}}, %{{.+}} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
    %4 = linalg.conv_2d_nchw_fchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%3, %v : tensor<?x8x18x18xf32>, tensor<4x8x1x1xf32>) outs(%z2 : tensor<?x4x18x18xf32>) -> tensor<?x4x18x18xf32>
    // CHECK: linalg.transpose {{.+}} permutation = [0, 3, 1, 2]
    return %4 : tensor<?x4x18x18xf32>
  }
}

// -----

// Strides, dilations and one position; an input that is no multiple of anything.

module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<2x3x2xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<2x3x7xf32>) -> tensor<2x2x2xf32> {
    %w = lqc.get_weight @w : tensor<2x3x2xf32>
    %z = arith.constant dense<0.0> : tensor<2x2x2xf32>
    // CHECK: lqc.patches %{{.+}} {dilations = array<i64: 2>, kernel = array<i64: 2>, strides = array<i64: 3>} : (tensor<2x7x3xf32>) -> tensor<4x6xf32>
    %0 = linalg.conv_1d_ncw_fcw {strides = dense<3> : tensor<1xi64>, dilations = dense<2> : tensor<1xi64>}
        ins(%x, %w : tensor<2x3x7xf32>, tensor<2x3x2xf32>) outs(%z : tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
    return %0 : tensor<2x2x2xf32>
  }
}

// -----

// A kernel that is computed stays a convolution.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<2x3x7xf32>, %w: tensor<2x3x2xf32>) -> tensor<2x2x6xf32> {
    %z = arith.constant dense<0.0> : tensor<2x2x6xf32>
    // CHECK: linalg.conv_1d_ncw_fcw
    %0 = linalg.conv_1d_ncw_fcw ins(%x, %w : tensor<2x3x7xf32>, tensor<2x3x2xf32>) outs(%z : tensor<2x2x6xf32>) -> tensor<2x2x6xf32>
    return %0 : tensor<2x2x6xf32>
  }
}

// -----

// A select of which one branch has no channels stays behind the transpose, and
// nothing is made for the other.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%m: tensor<?x4x4x8xi1>, %y: tensor<?x8x4x4xf32>) -> tensor<?x8x4x4xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %batch = tensor.dim %m, %c0 : tensor<?x4x4x8xi1>
    %e = tensor.empty(%batch) : tensor<?x8x4x4xi1>
    // CHECK: %[[T:.+]] = linalg.transpose
    %t = linalg.transpose ins(%m : tensor<?x4x4x8xi1>) outs(%e : tensor<?x8x4x4xi1>) permutation = [0, 3, 1, 2]
    %s = tensor.splat %zero[%batch] : tensor<?x8x4x4xf32>
    // CHECK-NOT: linalg.fill
    // CHECK: arith.select %[[T]], %{{.+}}, %arg1
    %r = arith.select %t, %s, %y : tensor<?x8x4x4xi1>, tensor<?x8x4x4xf32>
    return %r : tensor<?x8x4x4xf32>
  }
}

// -----

// The body of a linalg operation works on channels last as well; what it reads
// at one place stays as it is.

#id = affine_map<(n, c, h, w) -> (n, c, h, w)>
#one = affine_map<(n, c, h, w) -> ()>
module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  // CHECK-SAME: %[[X:.+]]: tensor<?x4x5x8xf32>, %[[S:.+]]: tensor<f32>
  func.func @main(%x: tensor<?x4x5x8xf32>, %scale: tensor<f32>) -> tensor<?x8x4x5xi8> {
    %c0 = arith.constant 0 : index
    %batch = tensor.dim %x, %c0 : tensor<?x4x5x8xf32>
    %e = tensor.empty(%batch) : tensor<?x8x4x5xf32>
    // CHECK: %[[Q:.+]] = linalg.generic {{.+}} ins(%[[X]], %[[S]] : tensor<?x4x5x8xf32>, tensor<f32>) outs(%{{.+}} : tensor<?x4x5x8xi8>)
    // CHECK: %[[T:.+]] = linalg.transpose ins(%[[Q]] : tensor<?x4x5x8xi8>) {{.+}} permutation = [0, 3, 1, 2]
    // CHECK: return %[[T]]
    %t = linalg.transpose ins(%x : tensor<?x4x5x8xf32>) outs(%e : tensor<?x8x4x5xf32>) permutation = [0, 3, 1, 2]
    %f = tensor.empty(%batch) : tensor<?x8x4x5xi8>
    %q = linalg.generic {indexing_maps = [#id, #one, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%t, %scale : tensor<?x8x4x5xf32>, tensor<f32>) outs(%f : tensor<?x8x4x5xi8>) {
    ^bb0(%a: f32, %b: f32, %out: i8):
      %0 = arith.divf %a, %b : f32
      %1 = arith.fptoui %0 : f32 to i8
      linalg.yield %1 : i8
    } -> tensor<?x8x4x5xi8>
    return %q : tensor<?x8x4x5xi8>
  }
}

// -----

// A body that wants to know where it is stays behind the transpose.

#id = affine_map<(n, c, h, w) -> (n, c, h, w)>
module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<2x4x5x8xi64>) -> tensor<2x8x4x5xi64> {
    // CHECK: %[[T:.+]] = linalg.transpose
    // CHECK: linalg.generic {{.+}} ins(%[[T]]
    %e = tensor.empty() : tensor<2x8x4x5xi64>
    %t = linalg.transpose ins(%x : tensor<2x4x5x8xi64>) outs(%e : tensor<2x8x4x5xi64>) permutation = [0, 3, 1, 2]
    %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%t : tensor<2x8x4x5xi64>) outs(%e : tensor<2x8x4x5xi64>) {
    ^bb0(%a: i64, %out: i64):
      %i = linalg.index 1 : index
      %0 = arith.index_cast %i : index to i64
      %1 = arith.addi %a, %0 : i64
      linalg.yield %1 : i64
    } -> tensor<2x8x4x5xi64>
    return %q : tensor<2x8x4x5xi64>
  }
}
