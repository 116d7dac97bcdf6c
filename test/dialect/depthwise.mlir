// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @image
func.func @image(%x: tensor<?x34x34x16xi8>, %w: tensor<9x16xi8>, %b: tensor<16xi32>) -> tensor<?x16xi32> {
  // CHECK: lqc.depthwise %{{.+}}, %{{.+}}, %{{.+}} {dilations = array<i64: 1, 1>, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>} : (tensor<?x34x34x16xi8>, tensor<9x16xi8>, tensor<16xi32>) -> tensor<?x16xi32>
  %0 = lqc.depthwise %x, %w, %b {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : (tensor<?x34x34x16xi8>, tensor<9x16xi8>, tensor<16xi32>) -> tensor<?x16xi32>
  return %0 : tensor<?x16xi32>
}

// CHECK-LABEL: func.func @sequence
func.func @sequence(%x: tensor<2x6x4xi8>, %w: tensor<2x4xi8>) -> tensor<4x4xi32> {
  // CHECK: lqc.depthwise %{{.+}}, %{{.+}} {
  %0 = lqc.depthwise %x, %w {kernel = array<i64: 2>, strides = array<i64: 3>, dilations = array<i64: 2>} : (tensor<2x6x4xi8>, tensor<2x4xi8>) -> tensor<4x4xi32>
  return %0 : tensor<4x4xi32>
}
