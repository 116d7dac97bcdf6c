// RUN: %lqc-opt %s --cse --canonicalize | FileCheck %s

// Attention reads the cache, so it stays behind the append, and two appends do not merge.
// CHECK-LABEL: func.func @order
func.func @order(%k: tensor<?x64xf32>, %c: !lqc.cache<1x8x1x64xf32>, %p: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: lqc.attention
  // CHECK: lqc.cache_append
  // CHECK: lqc.attention
  %0 = lqc.attention %k, %c[0] at %p, %p scale 1.0 : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<1x8x1x64xf32>
  lqc.cache_append %k, %k, %c[0] at %p, %p : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<1x8x1x64xf32>
  %1 = lqc.attention %k, %c[0] at %p, %p scale 1.0 : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<1x8x1x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}
