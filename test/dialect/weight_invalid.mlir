// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// weight_c1: neither
// expected-error @+1 {{'lqc.weight' op must have either a value or an initializer}}
lqc.weight @w : tensor<4xf32>

// -----

// weight_c1: both
// expected-error @+1 {{'lqc.weight' op must have either a value or an initializer}}
lqc.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32> {
  %v = lqc.get_weight @w : tensor<4xf32>
  lqc.yield %v : tensor<4xf32>
}

// -----

// weight_c2
// expected-error @+1 {{'lqc.weight' op must have a static size, got: 'tensor<?xf32>'}}
lqc.weight @w : tensor<?xf32> = #lqc.random<seed = 1, std = 1.0 : f64>

// -----

// weight_c3
// expected-error @+1 {{'lqc.weight' op file must hold the bytes of the type, got: 15 != 16}}
lqc.weight @w : tensor<4xf32> = #lqc.file<"f", tensor = "w", offset = 0, bytes = 15, header = "">

// -----

// weight_c4: dense
// expected-error @+1 {{'lqc.weight' op value must have the weight's type, got: 'tensor<5xf32>' != 'tensor<4xf32>'}}
lqc.weight @w : tensor<4xf32> = dense<1.0> : tensor<5xf32>

// -----

// weight_c4: random
// expected-error @+1 {{'lqc.weight' op #lqc.random makes plain f32, f16 and bf16 tensors, got: 'tensor<4xi32>'}}
lqc.weight @w : tensor<4xi32> = #lqc.random<seed = 1, std = 1.0 : f64>

// -----

// weight_c4: another attribute
// expected-error @+1 {{'lqc.weight' op value must be #lqc.file, #lqc.random or dense, got: "text"}}
lqc.weight @w : tensor<4xf32> = "text"

// -----

// weight_c5
lqc.weight @v : tensor<4xf32> = dense<1.0> : tensor<4xf32>
// expected-error @+1 {{'lqc.weight' op initializer must yield one value of type 'tensor<5xf32>'}}
lqc.weight @w : tensor<5xf32> {
  %v = lqc.get_weight @v : tensor<4xf32>
  lqc.yield %v : tensor<4xf32>
}
