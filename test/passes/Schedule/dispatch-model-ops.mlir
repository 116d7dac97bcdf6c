// RUN: lqc-opt %s --lqc-pack-weights --lqc-dispatch-model-ops --split-input-file | FileCheck %s

// Equal operations share a kernel, whatever their rows; one row has its own.

module attributes {lqc.graph = {name = "t"}} {
  lqc.weight @w : tensor<40x32xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @q : tensor<32x40xf32, #lqc.scheme<"int8-g0">> {
    %0 = lqc.get_weight @plain : tensor<32x40xf32>
    %1 = lqc.quantize %0 : (tensor<32x40xf32>) -> tensor<32x40xf32, #lqc.scheme<"int8-g0">>
    lqc.yield %1 : tensor<32x40xf32, #lqc.scheme<"int8-g0">>
  }
  lqc.weight @plain : tensor<32x40xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
  lqc.weight @gain : tensor<32xf32> = #lqc.random<seed = 3, std = 1.0 : f64>

  // CHECK: lqc.kernel @linear_32_40x32(%{{.+}}: tensor<?x32xf32>, %{{.+}}: tensor<40x32xf32, #lqc.packed<16x1>>, %{{.+}}: tensor<?x40xf32>) attributes {destinations = 1 : i64, unit_rows = 64 : i64, units = 3 : i64}
  // CHECK: lqc.kernel @quantize_40_40_dynamic_int8_g0({{.+}}) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64}
  // CHECK: lqc.kernel @linear_40_dynamic_int8_g0_32x40_int8_g0(
  // CHECK: lqc.kernel @rms_norm_32(
  // CHECK: lqc.kernel @rms_norm_1x32(
  // CHECK-NOT: lqc.kernel

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x32xf32>, %row: tensor<1x32xf32>, %table: tensor<8x32xf32>) -> (tensor<?x32xf32>, tensor<1x32xf32>, tensor<?x8xf32>) {
    %w = lqc.get_weight @w : tensor<40x32xf32>
    %q = lqc.get_weight @q : tensor<32x40xf32, #lqc.scheme<"int8-g0">>
    %g = lqc.get_weight @gain : tensor<32xf32>
    // CHECK: %[[ROWS:.+]] = tensor.dim %[[X:.+]], %c0
    // CHECK: %[[OUT:.+]] = tensor.empty(%[[ROWS]]) : tensor<?x40xf32>
    // CHECK: %[[Y:.+]] = lqc.dispatch @linear_32_40x32(%[[X]], %{{.+}}, %[[OUT]]) rows %[[ROWS]] : tensor<?x32xf32>, tensor<40x32xf32, #lqc.packed<16x1>>, tensor<?x40xf32> -> tensor<?x40xf32>
    %y = lqc.linear %x, %w : (tensor<?x32xf32>, tensor<40x32xf32>) -> tensor<?x40xf32>
    // Codes, scale and sum: 64 + 4 + 4 bytes, a multiple of 64.
    // CHECK: %[[CODES:.+]] = lqc.dispatch @quantize_40_40_dynamic_int8_g0(%[[Y]], %{{.+}}) rows %{{.+}} : tensor<?x40xf32>, tensor<?x128xi8> -> tensor<?x128xi8>
    %a = lqc.quantize %y : (tensor<?x40xf32>) -> tensor<?x40xf32, #lqc.scheme<"dynamic-int8-g0">>
    // CHECK: %[[Z:.+]] = lqc.dispatch @linear_40_dynamic_int8_g0_32x40_int8_g0(%[[CODES]],
    %z = lqc.linear %a, %q : (tensor<?x40xf32, #lqc.scheme<"dynamic-int8-g0">>, tensor<32x40xf32, #lqc.scheme<"int8-g0">>) -> tensor<?x32xf32>
    // CHECK: %[[N:.+]] = lqc.dispatch @rms_norm_32(%[[Z]],
    %n = lqc.rms_norm %z, %g {epsilon = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    // CHECK: %[[ONE:.+]] = lqc.dispatch @rms_norm_1x32(
    %one = lqc.rms_norm %row, %g {epsilon = 1.0e-5 : f32} : (tensor<1x32xf32>, tensor<32xf32>) -> tensor<1x32xf32>
    // A matrix that is no weight is left to loops.
    // CHECK: %[[P:.+]] = lqc.linear %[[X]], %{{.+}} : (tensor<?x32xf32>, tensor<8x32xf32>)
    %p = lqc.linear %x, %table : (tensor<?x32xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
    // CHECK: return %[[N]], %[[ONE]], %[[P]]
    return %n, %one, %p : tensor<?x32xf32>, tensor<1x32xf32>, tensor<?x8xf32>
  }
}

// -----

// The kernel of a convolution finds its patches in the image: their number is
// that of the images times the places of the window.

module attributes {lqc.graph = {name = "t"}} {
  lqc.weight @w : tensor<40x27xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @q : tensor<40x27xf32, #lqc.scheme<"int8-g0">> {
    %0 = lqc.get_weight @w : tensor<40x27xf32>
    %1 = lqc.quantize %0 : (tensor<40x27xf32>) -> tensor<40x27xf32, #lqc.scheme<"int8-g0">>
    lqc.yield %1 : tensor<40x27xf32, #lqc.scheme<"int8-g0">>
  }

  // CHECK: lqc.kernel @convolution_40x27(%[[IMAGE:.+]]: tensor<?x18x18x3xf32>, %[[W:.+]]: tensor<40x27xf32, #lqc.packed<16x1>>, %{{.+}}: tensor<?x40xf32>) attributes {destinations = 1 : i64, unit_rows = 64 : i64, units = 3 : i64} {
  // CHECK-NEXT: %[[P:.+]] = lqc.patches %[[IMAGE]] {{.+}} -> tensor<?x27xf32>
  // CHECK-NEXT: lqc.linear %[[P]], %[[W]]
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x18x18x3xf32>, %y: tensor<?x?x18x3xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>) {
    %w = lqc.get_weight @w : tensor<40x27xf32>
    %q = lqc.get_weight @q : tensor<40x27xf32, #lqc.scheme<"int8-g0">>
    // CHECK: %[[P:.+]] = lqc.patches %[[X:.+]] {
    // CHECK: %[[BATCH:.+]] = tensor.dim %[[X]], %c0
    // CHECK: %[[ROWS:.+]] = affine.apply #{{.+}}()[%[[BATCH]]]
    // CHECK: lqc.dispatch @convolution_40x27(%[[X]], %{{.+}}, %{{.+}}) rows %[[ROWS]]
    %p = lqc.patches %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x18x18x3xf32>) -> tensor<?x27xf32>
    %0 = lqc.linear %p, %w : (tensor<?x27xf32>, tensor<40x27xf32>) -> tensor<?x40xf32>
    // Its groups of codes are of columns: the patches are written down. The same
    // if the image's size is not known.
    // CHECK: lqc.dispatch @linear_27_40x27_int8_g0(%[[P]],
    %1 = lqc.linear %p, %q : (tensor<?x27xf32>, tensor<40x27xf32, #lqc.scheme<"int8-g0">>) -> tensor<?x40xf32>
    // CHECK: %[[R:.+]] = lqc.patches
    // CHECK: lqc.dispatch @linear_27_40x27(%[[R]],
    %r = lqc.patches %y {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x?x18x3xf32>) -> tensor<?x27xf32>
    %2 = lqc.linear %r, %w : (tensor<?x27xf32>, tensor<40x27xf32>) -> tensor<?x40xf32>
    return %0, %1, %2 : tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>
  }
}

// -----

// A convolution that leaves channels apart has a row for each place of its
// window; if the size of images is not known, it is left to loops.

module attributes {lqc.graph = {name = "t"}} {
  // CHECK: lqc.kernel @depthwise_9x16_i8(%{{.+}}: tensor<?x18x18x16xi8>, %{{.+}}: tensor<9x16xi8>, %{{.+}}: tensor<?x16xi32>) attributes {destinations = 1 : i64, unit_rows = 64 : i64, units = 1 : i64}
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x18x18x16xi8>, %y: tensor<1x?x18x16xi8>, %w: tensor<9x16xi8>) -> (tensor<?x16xi32>, tensor<?x16xi32>) {
    // CHECK: %[[BATCH:.+]] = tensor.dim %[[X:.+]], %c0
    // CHECK: %[[ROWS:.+]] = affine.apply #{{.+}}()[%[[BATCH]]]
    // CHECK: lqc.dispatch @depthwise_9x16_i8(%[[X]], %{{.+}}, %{{.+}}) rows %[[ROWS]]
    %0 = lqc.depthwise %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x18x18x16xi8>, tensor<9x16xi8>) -> tensor<?x16xi32>
    // CHECK: lqc.depthwise
    %1 = lqc.depthwise %y, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x?x18x16xi8>, tensor<9x16xi8>) -> tensor<?x16xi32>
    return %0, %1 : tensor<?x16xi32>, tensor<?x16xi32>
  }
}
