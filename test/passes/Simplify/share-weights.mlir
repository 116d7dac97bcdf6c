// RUN: %lqc-opt %s --lqc-share-weights --verify-diagnostics --remarks-filter=lqc-share-weights | FileCheck %s

// Equal values of one type become the first of them.
// CHECK: lqc.weight @a :
// CHECK-NOT: lqc.weight @same
// CHECK: lqc.weight @other_type
// CHECK: lqc.weight @other_value
lqc.weight @a : tensor<4x64xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
// expected-remark @+1 {{same_as=a, weight=same}}
lqc.weight @same : tensor<4x64xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @other_type : tensor<8x32xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @other_value : tensor<4x64xf32> = #lqc.random<seed = 2, std = 1.0 : f64>

// So do equal initializers, here after what they read became one.
// CHECK: lqc.weight @derived_a : tensor<4x64xf32, #lqc.scheme<"int4-g64">> {
// CHECK-NEXT: lqc.get_weight @a
// CHECK-NOT: lqc.weight @derived_same
lqc.weight @derived_a : tensor<4x64xf32, #lqc.scheme<"int4-g64">> {
  %w = lqc.get_weight @a : tensor<4x64xf32>
  %q = lqc.quantize %w : (tensor<4x64xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  lqc.yield %q : tensor<4x64xf32, #lqc.scheme<"int4-g64">>
}
// expected-remark @+1 {{same_as=derived_a, weight=derived_same}}
lqc.weight @derived_same : tensor<4x64xf32, #lqc.scheme<"int4-g64">> {
  %w = lqc.get_weight @same : tensor<4x64xf32>
  %q = lqc.quantize %w : (tensor<4x64xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  lqc.yield %q : tensor<4x64xf32, #lqc.scheme<"int4-g64">>
}

// CHECK-LABEL: func.func @uses
func.func @uses(%x: tensor<?x64xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: lqc.get_weight @a :
  // CHECK: lqc.get_weight @derived_a :
  %0 = lqc.get_weight @same : tensor<4x64xf32>
  %1 = lqc.get_weight @derived_same : tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  %2 = lqc.linear %x, %0 : (tensor<?x64xf32>, tensor<4x64xf32>) -> tensor<?x4xf32>
  %3 = lqc.linear %x, %1 : (tensor<?x64xf32>, tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x4xf32>
  return %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>
}
