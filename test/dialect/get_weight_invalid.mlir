// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// get_weight_c1
func.func private @f()
func.func @g() {
  // expected-error @+1 {{'lqc.get_weight' op must name an lqc.weight, got: @f}}
  %w = lqc.get_weight @f : tensor<4xf32>
  return
}

// -----

// get_weight_c2
// expected-note @+1 {{declared here}}
lqc.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @g() {
  // expected-error @+1 {{'lqc.get_weight' op must have the weight's type, got: 'tensor<5xf32>' != 'tensor<4xf32>'}}
  %w = lqc.get_weight @w : tensor<5xf32>
  return
}
