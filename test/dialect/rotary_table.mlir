// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%p: tensor<?xi32>, %freq: tensor<32xf32>) -> tensor<?x64xf32> {
  // CHECK: lqc.rotary_table %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  %0 = lqc.rotary_table %p, %freq : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
