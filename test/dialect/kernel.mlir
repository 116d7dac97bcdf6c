// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: lqc.kernel @linear(
// CHECK-SAME: %{{.*}}: tensor<1x64xf32>, %{{.*}}: tensor<96x64xbf16, #lqc.packed<16x1>>, %{{.*}}: tensor<1x96xf32>) attributes {destinations = 1 : i64, units = 6 : i64} {
lqc.kernel @linear(%x: tensor<1x64xf32>, %w: tensor<96x64xbf16, #lqc.packed<16x1>>, %out: tensor<1x96xf32>) attributes {destinations = 1 : i64, units = 6 : i64} {
  // CHECK: %[[Y:.*]] = lqc.linear
  // CHECK: lqc.yield %[[Y]] : tensor<1x96xf32>
  %y = lqc.linear %x, %w : (tensor<1x64xf32>, tensor<96x64xbf16, #lqc.packed<16x1>>) -> tensor<1x96xf32>
  lqc.yield %y : tensor<1x96xf32>
}

// CHECK-LABEL: lqc.kernel @per_row
// CHECK-SAME: unit_rows = 1 : i64
lqc.kernel @per_row(%x: tensor<4x64xf32>, %g: tensor<64xf32>, %out: tensor<4x64xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
  %y = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<4x64xf32>, tensor<64xf32>) -> tensor<4x64xf32>
  lqc.yield %y : tensor<4x64xf32>
}
