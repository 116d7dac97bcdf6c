// RUN: %lqc-opt %s --split-input-file --verify-diagnostics

// depthwise_c1
func.func @c1(%x: tensor<1x34x34x16xi8>, %w: tensor<3x16xi8>) {
  // expected-error @+1 {{'lqc.depthwise' op must have a positive number for each position, got: array<i64: 3> for 'tensor<1x34x34x16xi8>'}}
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x34x34x16xi8>, tensor<3x16xi8>) -> tensor<?x16xi32>
  return
}

// -----

// depthwise_c2
func.func @c2_rows(%x: tensor<1x34x16xi8>, %w: tensor<4x16xi8>) {
  // expected-error @+1 {{'lqc.depthwise' op weight must have a row for each place of the kernel and a column for each channel, got: 'tensor<4x16xi8>'}}
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x34x16xi8>, tensor<4x16xi8>) -> tensor<?x16xi32>
  return
}

// -----

// depthwise_c2
func.func @c2_channels(%x: tensor<1x34x?xi8>, %w: tensor<3x16xi8>) {
  // expected-error @+1 {{'lqc.depthwise' op weight must have a row for each place of the kernel and a column for each channel, got: 'tensor<3x16xi8>'}}
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x34x?xi8>, tensor<3x16xi8>) -> tensor<?x16xi32>
  return
}

// -----

// depthwise_c3
func.func @c3_rows(%x: tensor<2x34x16xi8>, %w: tensor<3x16xi8>) {
  // expected-error @+1 {{'lqc.depthwise' op result must have a row for each place, got: 60 != 64}}
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x34x16xi8>, tensor<3x16xi8>) -> tensor<60x16xi32>
  return
}

// -----

// depthwise_c3
func.func @c3_columns(%x: tensor<2x34x16xi8>, %w: tensor<3x16xi8>) {
  // expected-error @+1 {{'lqc.depthwise' op result must have a column for each channel, got: 15 != 16}}
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x34x16xi8>, tensor<3x16xi8>) -> tensor<64x15xi32>
  return
}

// -----

// depthwise_c4
func.func @c4(%x: tensor<2x34x16xi8>, %w: tensor<3x16xi8>, %b: tensor<8xi32>) {
  // expected-error @+1 {{'lqc.depthwise' op bias must have one element per channel, got: 8 != 16}}
  %0 = lqc.depthwise %x, %w, %b {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x34x16xi8>, tensor<3x16xi8>, tensor<8xi32>) -> tensor<64x16xi32>
  return
}
