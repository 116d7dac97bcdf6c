// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func private @f
// CHECK-SAME: !lqc.buffer<tensor<64x256xf32>>
// CHECK-SAME: !lqc.buffer<tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>>
func.func private @f(!lqc.buffer<tensor<64x256xf32>>, !lqc.buffer<tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>>)
