// RUN: %lqc-opt %s --lqc-raise | FileCheck %s

// CHECK-LABEL: func.func @silu
// CHECK-SAME: %[[G:.*]]: tensor<?x8xf32>, %[[U:.*]]: tensor<?x8xf32>
func.func @silu(%g: tensor<?x8xf32>, %u: tensor<?x8xf32>, %rows: index) -> tensor<?x8xf32> {
  // CHECK: %[[R:.*]] = lqc.gated_activation silu %[[G]], %[[U]]
  // CHECK-NEXT: return %[[R]]
  %unit = arith.constant 1.0 : f32
  %space = tensor.empty(%rows) : tensor<?x8xf32>
  %one = linalg.fill ins(%unit : f32) outs(%space : tensor<?x8xf32>) -> tensor<?x8xf32>
  %0 = arith.negf %g : tensor<?x8xf32>
  %1 = math.exp %0 : tensor<?x8xf32>
  %2 = arith.addf %one, %1 : tensor<?x8xf32>
  %3 = arith.divf %one, %2 : tensor<?x8xf32>
  %4 = arith.mulf %g, %3 : tensor<?x8xf32>
  %5 = arith.mulf %4, %u : tensor<?x8xf32>
  return %5 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @gelu_tanh
// CHECK-SAME: %[[G:.*]]: tensor<4x8xf32>, %[[U:.*]]: tensor<4x8xf32>
func.func @gelu_tanh(%g: tensor<4x8xf32>, %u: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: %[[R:.*]] = lqc.gated_activation gelu_tanh %[[G]], %[[U]]
  // CHECK-NEXT: return %[[R]]
  %half = arith.constant dense<0.5> : tensor<4x8xf32>
  %one = arith.constant dense<1.0> : tensor<4x8xf32>
  %three = arith.constant dense<3.0> : tensor<4x8xf32>
  %c = arith.constant dense<0.044715> : tensor<4x8xf32>
  %s = arith.constant dense<0.797884583> : tensor<4x8xf32>
  %cube = math.powf %g, %three : tensor<4x8xf32>
  %0 = arith.mulf %c, %cube : tensor<4x8xf32>
  %1 = arith.addf %g, %0 : tensor<4x8xf32>
  %2 = arith.mulf %1, %s : tensor<4x8xf32>
  %3 = math.tanh %2 : tensor<4x8xf32>
  %4 = arith.addf %3, %one : tensor<4x8xf32>
  %5 = arith.mulf %half, %g : tensor<4x8xf32>
  %6 = arith.mulf %5, %4 : tensor<4x8xf32>
  %7 = arith.mulf %u, %6 : tensor<4x8xf32>
  return %7 : tensor<4x8xf32>
}

// Another constant is another function.
// CHECK-LABEL: func.func @others
func.func @others(%g: tensor<4x8xf32>, %u: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK-NOT: lqc.gated_activation
  %two = arith.constant dense<2.0> : tensor<4x8xf32>
  %one = arith.constant dense<1.0> : tensor<4x8xf32>
  %0 = arith.negf %g : tensor<4x8xf32>
  %1 = math.exp %0 : tensor<4x8xf32>
  %2 = arith.addf %two, %1 : tensor<4x8xf32>
  %3 = arith.divf %one, %2 : tensor<4x8xf32>
  %4 = arith.mulf %g, %3 : tensor<4x8xf32>
  %5 = arith.mulf %4, %u : tensor<4x8xf32>
  return %5 : tensor<4x8xf32>
}
