// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @symmetric
func.func @symmetric(%codes: tensor<4x2x16xi8>, %scales: tensor<8xf32>) {
  // CHECK: lqc.assemble %{{.*}}, %{{.*}} : (tensor<4x2x16xi8>, tensor<8xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g32-f32">>
  %0 = lqc.assemble %codes, %scales : (tensor<4x2x16xi8>, tensor<8xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g32-f32">>
  return
}

// Three zero points of 2 bits fill a byte of each row.
// CHECK-LABEL: func.func @zero_points
func.func @zero_points(%codes: tensor<4x12xi8>, %scales: tensor<4x3xf16>, %zeros: tensor<4xi8>) {
  // CHECK: lqc.assemble %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4x12xi8>, tensor<4x3xf16>, tensor<4xi8>) -> tensor<4x48xf32, #lqc.scheme<"uint2-g16">>
  %0 = lqc.assemble %codes, %scales, %zeros : (tensor<4x12xi8>, tensor<4x3xf16>, tensor<4xi8>) -> tensor<4x48xf32, #lqc.scheme<"uint2-g16">>
  return
}
