// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

lqc.weight @model.layers.0.mlp.up_proj.weight : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @model.layers.0.mlp.up_proj.weight.packed : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @"7" : tensor<4xf32> = dense<1.0> : tensor<4xf32>

// The result is called what the weight is called, without what every name shares.
// CHECK-LABEL: func.func @names
func.func @names() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %up_proj = lqc.get_weight @model.layers.0.mlp.up_proj.weight : tensor<4xf32>
  // CHECK: %up_proj_0 = lqc.get_weight @model.layers.0.mlp.up_proj.weight.packed : tensor<4xf32>
  // CHECK: %w_7 = lqc.get_weight @"7" : tensor<4xf32>
  %0 = lqc.get_weight @model.layers.0.mlp.up_proj.weight : tensor<4xf32>
  %1 = lqc.get_weight @model.layers.0.mlp.up_proj.weight.packed : tensor<4xf32>
  %2 = lqc.get_weight @"7" : tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
