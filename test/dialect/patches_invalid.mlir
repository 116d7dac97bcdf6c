// RUN: %lqc-opt %s --split-input-file --verify-diagnostics

// patches_c1
func.func @c1_count(%x: tensor<1x34x34x16xf32>) {
  // expected-error @+1 {{'lqc.patches' op must have a positive number for each position, got: array<i64: 3> for 'tensor<1x34x34x16xf32>'}}
  %0 = lqc.patches %x {kernel = array<i64: 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x34x34x16xf32>) -> tensor<?x144xf32>
  return
}

// -----

// patches_c1
func.func @c1_zero(%x: tensor<1x34x16xf32>) {
  // expected-error @+1 {{'lqc.patches' op must have a positive number for each position, got: array<i64: 0> for 'tensor<1x34x16xf32>'}}
  %0 = lqc.patches %x {kernel = array<i64: 3>, strides = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x34x16xf32>) -> tensor<?x48xf32>
  return
}

// -----

// patches_c2
func.func @c2(%x: tensor<1x34x16xf32>) {
  // expected-error @+1 {{'lqc.patches' op result must have the input's elements and a column for each channel of each place of the kernel, got: 'tensor<?x47xf32>'}}
  %0 = lqc.patches %x {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x34x16xf32>) -> tensor<?x47xf32>
  return
}

// -----

// patches_c3
func.func @c3(%x: tensor<2x34x16xf32>) {
  // expected-error @+1 {{'lqc.patches' op result must have a row for each place, got: 60 != 64}}
  %0 = lqc.patches %x {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x34x16xf32>) -> tensor<60x48xf32>
  return
}
