// RUN: %lqc-opt %s --canonicalize | FileCheck %s

// linear(x, dequantize(w)) -> linear(x, w): an encoding never changes what is computed.
// CHECK-LABEL: func.func @absorbs_dequantize
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<96x64xf32, #lqc.scheme<"int4-g64">>
func.func @absorbs_dequantize(%x: tensor<?x64xf32>, %w: tensor<96x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x96xf32> {
  // CHECK-NOT: lqc.dequantize
  // CHECK: lqc.linear %[[X]], %[[W]]
  %f = lqc.dequantize %w : (tensor<96x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<96x64xf32>
  %y = lqc.linear %x, %f : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
