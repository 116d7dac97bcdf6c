// RUN: lqc-opt %s --lqc-pack-weights --split-input-file --verify-diagnostics | FileCheck %s

// A tied embedding and head stay one matrix; quantized weights keep their scheme.

// CHECK: lqc.weight @embed.packed : tensor<32x64xbf16, #lqc.packed<16x1>> {
// CHECK-NEXT: %[[W:.+]] = lqc.get_weight @embed : tensor<32x64xbf16>
// CHECK-NEXT: %[[P:.+]] = lqc.pack %[[W]]
// CHECK-NEXT: lqc.yield %[[P]]
// CHECK-NOT: lqc.weight @embed.packed
lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
// CHECK: lqc.weight @q.packed : tensor<64x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>
lqc.weight @q : tensor<64x64xf32, #lqc.scheme<"int4-g64">> {
  %0 = lqc.get_weight @plain : tensor<64x64xf32>
  %1 = lqc.quantize %0 : (tensor<64x64xf32>) -> tensor<64x64xf32, #lqc.scheme<"int4-g64">>
  lqc.yield %1 : tensor<64x64xf32, #lqc.scheme<"int4-g64">>
}
lqc.weight @plain : tensor<64x64xf32> = #lqc.random<seed = 2, std = 1.0 : f64>

// CHECK-LABEL: func.func @tied
func.func @tied(%tokens: tensor<?xi32>) -> tensor<?x32xf32> {
  // CHECK: %[[E:.+]] = lqc.get_weight @embed.packed
  // CHECK: %[[X:.+]] = lqc.embedding %{{.+}}, %[[E]]
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  %x = lqc.embedding %tokens, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  // CHECK: %[[Q:.+]] = lqc.get_weight @q.packed
  // CHECK: %[[Y:.+]] = lqc.linear %[[X]], %[[Q]]
  %q = lqc.get_weight @q : tensor<64x64xf32, #lqc.scheme<"int4-g64">>
  %y = lqc.linear %x, %q : (tensor<?x64xf32>, tensor<64x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x64xf32>
  // CHECK: %[[H:.+]] = lqc.get_weight @embed.packed
  // CHECK: lqc.linear %[[Y]], %[[H]]
  %l = lqc.linear %y, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}

// -----

func.func @not_a_weight(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
  // expected-error@+1 {{'lqc.linear' op matrix operand must be a weight for the CPU's kernels}}
  %y = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
