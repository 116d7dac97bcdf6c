// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%w: tensor<20x64xbf16>, %q: tensor<20x64xf32, #lqc.scheme<"int4-g64">>) {
  // CHECK: lqc.pack %{{.*}} : (tensor<20x64xbf16>) -> tensor<20x64xbf16, #lqc.packed<16x1>>
  %0 = lqc.pack %w : (tensor<20x64xbf16>) -> tensor<20x64xbf16, #lqc.packed<16x1>>
  // CHECK: lqc.pack %{{.*}} -> tensor<20x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>
  %1 = lqc.pack %q : (tensor<20x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<20x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>
  return
}
