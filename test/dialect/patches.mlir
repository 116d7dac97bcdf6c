// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @image
func.func @image(%x: tensor<?x34x34x16xf32>) -> tensor<?x144xf32> {
  // CHECK: lqc.patches %{{.+}} {dilations = array<i64: 1, 1>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>} : (tensor<?x34x34x16xf32>) -> tensor<?x144xf32>
  %0 = lqc.patches %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x34x34x16xf32>) -> tensor<?x144xf32>
  return %0 : tensor<?x144xf32>
}

// A sequence of codes: places 0 and 3 of 2, each two numbers, two apart.
// CHECK-LABEL: func.func @sequence
func.func @sequence(%x: tensor<2x6x4xi8>) -> tensor<4x8xi8> {
  // CHECK: lqc.patches
  %0 = lqc.patches %x {kernel = array<i64: 2>, strides = array<i64: 3>, dilations = array<i64: 2>} : (tensor<2x6x4xi8>) -> tensor<4x8xi8>
  return %0 : tensor<4x8xi8>
}
