// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {
  // CHECK: lqc.cache_append %{{.*}}, %{{.*}}, %{{.*}}[3] at %{{.*}}, %{{.*}} : tensor<?x128xf32>, tensor<?xi32>, <4x512x2x64xf32>
  lqc.cache_append %k, %v, %c[3] at %p, %s : tensor<?x128xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}
