// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func private @f(!lqc.cache<4x512x2x64xf32>)
func.func private @f(!lqc.cache<4x512x2x64xf32>)
