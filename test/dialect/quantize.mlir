// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @weights
func.func @weights(%w: tensor<4x64xbf16>) {
  // CHECK: lqc.quantize %{{.*}} : (tensor<4x64xbf16>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  %0 = lqc.quantize %w : (tensor<4x64xbf16>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  // CHECK: lqc.quantize %{{.*}} {clip = 1 : i32} : (tensor<4x64xbf16>) -> tensor<4x64xf32, #lqc.scheme<"uint3-g32">>
  %1 = lqc.quantize %w {clip = 1 : i32} : (tensor<4x64xbf16>) -> tensor<4x64xf32, #lqc.scheme<"uint3-g32">>
  return
}

// CHECK-LABEL: func.func @activations
func.func @activations(%x: tensor<?x64xf32>) {
  // CHECK: lqc.quantize %{{.*}} : (tensor<?x64xf32>) -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
  %0 = lqc.quantize %x : (tensor<?x64xf32>) -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
  return
}

// CHECK-LABEL: func.func @static_activations
func.func @static_activations(%x: tensor<?x64xf32>, %s: tensor<2xf32>) {
  // CHECK: lqc.quantize %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<2xf32>) -> tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>
  %0 = lqc.quantize %x, %s : (tensor<?x64xf32>, tensor<2xf32>) -> tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>
  return
}
