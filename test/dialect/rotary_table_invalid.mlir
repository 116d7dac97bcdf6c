// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// rotary_table_c1: rows
func.func @f(%p: tensor<2xi32>, %freq: tensor<32xf32>) {
  // expected-error @+1 {{'lqc.rotary_table' op result must have one row per position, got: 3 != 2}}
  %0 = lqc.rotary_table %p, %freq : (tensor<2xi32>, tensor<32xf32>) -> tensor<3x64xf32>
  return
}

// -----

// rotary_table_c1: columns
func.func @f(%p: tensor<?xi32>, %freq: tensor<32xf32>) {
  // expected-error @+1 {{'lqc.rotary_table' op result must have two columns per frequency, got: 32 != 64}}
  %0 = lqc.rotary_table %p, %freq : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}
