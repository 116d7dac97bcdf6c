// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// rms_norm_c1
func.func @f(%x: tensor<?x64xf32>, %g: tensor<63xf32>) {
  // expected-error @+1 {{'lqc.rms_norm' op gain must have one element per input column, got: 63 != 64}}
  %0 = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<63xf32>) -> tensor<?x64xf32>
  return
}

// -----

// rms_norm_c2
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error @+1 {{'lqc.rms_norm' op epsilon must be positive and finite}}
  %0 = lqc.rms_norm %x, %g {epsilon = 0.0 : f32} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// The result has the input's type.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error @+1 {{'lqc.rms_norm' op failed to verify that result has the input's type}}
  %0 = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x32xf32>
  return
}
