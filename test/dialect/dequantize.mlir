// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%q: tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<4x64xf32> {
  // CHECK: lqc.dequantize %{{.*}} : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<4x64xf32>
  %0 = lqc.dequantize %q : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
