// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @float
func.func @float(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>, %b: tensor<96xf32>) {
  // CHECK: lqc.linear %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %0 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  // CHECK: lqc.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<96x64xbf16>, tensor<96xf32>) -> tensor<?x96xf32>
  %1 = lqc.linear %x, %w, %b : (tensor<?x64xf32>, tensor<96x64xbf16>, tensor<96xf32>) -> tensor<?x96xf32>
  return
}

// A group of the input may span groups of the weight, and the other way round.
// CHECK-LABEL: func.func @quantized
func.func @quantized(%x: tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<96x64xf32, #lqc.scheme<"int4-g32">>) {
  // CHECK: lqc.linear %{{.*}}, %{{.*}} : (tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<96x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x96xf32>
  %0 = lqc.linear %x, %w : (tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<96x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x96xf32>
  return
}
