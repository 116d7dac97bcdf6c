// RUN: %lqc-opt %s --lqc-simplify | FileCheck %s

// Two reads of equal weights end as one read of one weight.
// CHECK-COUNT-1: lqc.weight
// CHECK-NOT: lqc.weight
lqc.weight @a : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @b : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @unused : tensor<4xf32> = dense<2.0> : tensor<4xf32>

// CHECK-LABEL: func.func @f
// CHECK: %[[A:.*]] = lqc.get_weight @a
// CHECK-NEXT: return %[[A]], %[[A]]
func.func @f() -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = lqc.get_weight @a : tensor<4xf32>
  %1 = lqc.get_weight @b : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
