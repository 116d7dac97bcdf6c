// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%t: tensor<?xi32>, %w: tensor<1024x64xbf16>, %q: tensor<1024x64xf32, #lqc.scheme<"int8-g64">>) {
  // CHECK: lqc.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<1024x64xbf16>) -> tensor<?x64xf32>
  %0 = lqc.embedding %t, %w : (tensor<?xi32>, tensor<1024x64xbf16>) -> tensor<?x64xf32>
  // CHECK: lqc.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<1024x64xf32, #lqc.scheme<"int8-g64">>) -> tensor<?x64xf32>
  %1 = lqc.embedding %t, %q : (tensor<?xi32>, tensor<1024x64xf32, #lqc.scheme<"int8-g64">>) -> tensor<?x64xf32>
  return
}
