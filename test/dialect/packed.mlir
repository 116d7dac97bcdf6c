// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func private @f
// CHECK-SAME: tensor<20x64xbf16, #lqc.packed<16x1>>
// CHECK-SAME: tensor<20x64xf32, #lqc.packed<16x4, #lqc.scheme<"uint4-g32">>>
func.func private @f(tensor<20x64xbf16, #lqc.packed<16x1>>, tensor<20x64xf32, #lqc.packed<16x4, #lqc.scheme<"uint4-g32">>>)
