// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%g: tensor<?x96xf32>, %u: tensor<?x96xf32>) {
  // CHECK: lqc.gated_activation silu %{{.*}}, %{{.*}} : tensor<?x96xf32>
  %0 = lqc.gated_activation silu %g, %u : tensor<?x96xf32>
  // CHECK: lqc.gated_activation gelu_tanh %{{.*}}, %{{.*}} : tensor<?x96xf32>
  %1 = lqc.gated_activation gelu_tanh %g, %u : tensor<?x96xf32>
  return
}
