// RUN: %lqc-opt %s --lqc-drop-unused-weights --verify-diagnostics --remarks-filter=lqc-drop-unused-weights | FileCheck %s

// A weight that only an unused weight is made of is unused as well.
// CHECK-NOT: @unused
// CHECK: lqc.weight @read
// CHECK-NOT: @unused
// CHECK: lqc.weight @derived
// expected-remark @+1 {{weight=unused_source}}
lqc.weight @unused_source : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @read : tensor<4xf32> = dense<2.0> : tensor<4xf32>
// expected-remark @+1 {{weight=unused}}
lqc.weight @unused : tensor<4xf32> {
  %0 = lqc.get_weight @unused_source : tensor<4xf32>
  lqc.yield %0 : tensor<4xf32>
}
lqc.weight @derived : tensor<4xf32> {
  %0 = lqc.get_weight @read : tensor<4xf32>
  lqc.yield %0 : tensor<4xf32>
}

func.func @uses() -> tensor<4xf32> {
  %0 = lqc.get_weight @derived : tensor<4xf32>
  return %0 : tensor<4xf32>
}
