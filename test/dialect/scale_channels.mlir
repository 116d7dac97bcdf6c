// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @scale
func.func @scale(%w: tensor<4x64xbf16>, %c: tensor<64xf32>, %r: tensor<4xf32>, %q: tensor<4x256xf32, #lqc.scheme<"q4_k">>, %gain: tensor<64xf16>) {
  // CHECK: lqc.scale_channels %{{.*}}, %{{.*}} axis 1 : (tensor<4x64xbf16>, tensor<64xf32>) -> tensor<4x64xf32>
  %0 = lqc.scale_channels %w, %c axis 1 : (tensor<4x64xbf16>, tensor<64xf32>) -> tensor<4x64xf32>
  // CHECK: lqc.scale_channels %{{.*}}, %{{.*}} axis 0 : (tensor<4x256xf32, #lqc.scheme<"q4_k">>, tensor<4xf32>) -> tensor<4x256xf32, #lqc.scheme<"q4_k">>
  %1 = lqc.scale_channels %q, %r axis 0 : (tensor<4x256xf32, #lqc.scheme<"q4_k">>, tensor<4xf32>) -> tensor<4x256xf32, #lqc.scheme<"q4_k">>
  // CHECK: lqc.scale_channels %{{.*}}, %{{.*}} axis 0 : (tensor<64xf16>, tensor<64xf32>) -> tensor<64xf32>
  %2 = lqc.scale_channels %gain, %c axis 0 : (tensor<64xf16>, tensor<64xf32>) -> tensor<64xf32>
  return
}
