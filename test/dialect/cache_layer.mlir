// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%c: !lqc.cache<4x512x2x64xf32>) -> !lqc.cache<4x512x2x64xf32> {
  // CHECK: lqc.cache_layer %{{.*}}[3] : <4x512x2x64xf32>
  %0 = lqc.cache_layer %c[3] : !lqc.cache<4x512x2x64xf32>
  return %0 : !lqc.cache<4x512x2x64xf32>
}
