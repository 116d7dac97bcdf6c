// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%q: tensor<?x256xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xf32> {
  // CHECK: lqc.attention %{{.*}}, %{{.*}}[0] at %{{.*}}, %{{.*}} scale 1.250000e-01 : tensor<?x256xf32>, tensor<?xi32>, <4x512x2x64xf32>
  %0 = lqc.attention %q, %c[0] at %p, %s scale 1.25e-01 : tensor<?x256xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return %0 : tensor<?x256xf32>
}
