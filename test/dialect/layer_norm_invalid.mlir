// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// layer_norm_c1
func.func @f(%x: tensor<?x64xf32>, %g: tensor<63xf32>) {
  // expected-error @+1 {{'lqc.layer_norm' op gain must have one element per input column, got: 63 != 64}}
  %0 = lqc.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<63xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer_norm_c1
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %b: tensor<65xf32>) {
  // expected-error @+1 {{'lqc.layer_norm' op bias must have one element per input column, got: 65 != 64}}
  %0 = lqc.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xf32>, tensor<65xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer_norm_c2
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error @+1 {{'lqc.layer_norm' op epsilon must be positive and finite}}
  %0 = lqc.layer_norm %x, %g {epsilon = -1.0 : f32} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}
