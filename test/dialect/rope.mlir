// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%x: tensor<?x256xf32>, %r: tensor<?x64xf32>) -> tensor<?x256xf32> {
  // CHECK: lqc.rope %{{.*}}, %{{.*}} {head_dim = 64 : i64} : (tensor<?x256xf32>, tensor<?x64xf32>) -> tensor<?x256xf32>
  %0 = lqc.rope %x, %r {head_dim = 64 : i64} : (tensor<?x256xf32>, tensor<?x64xf32>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
