// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

func.func @f(%g: tensor<?x96xf32>, %u: tensor<?x96xf32>) {
  // expected-error @+1 {{expected string or keyword containing one of the following enum values for attribute 'kind' [silu, gelu_tanh]}}
  %0 = lqc.gated_activation relu %g, %u : tensor<?x96xf32>
  return
}

// -----

func.func @f(%g: tensor<?x96xf32>, %u: tensor<?x95xf32>) {
  // expected-error @+1 {{'lqc.gated_activation' op failed to verify that all of {gate, up, result} have same type}}
  %0 = "lqc.gated_activation"(%g, %u) {kind = 0 : i32} : (tensor<?x96xf32>, tensor<?x95xf32>) -> tensor<?x96xf32>
  return
}
