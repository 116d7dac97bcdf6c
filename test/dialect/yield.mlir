// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: lqc.weight @w
// CHECK: lqc.yield %{{.*}} : tensor<4xf32>
lqc.weight @v : tensor<4xf32> = dense<1.0> : tensor<4xf32>
lqc.weight @w : tensor<4xf32> {
  %v = lqc.get_weight @v : tensor<4xf32>
  lqc.yield %v : tensor<4xf32>
}

// CHECK-LABEL: lqc.kernel @nothing
// CHECK: lqc.yield{{$}}
lqc.kernel @nothing() attributes {destinations = 0 : i64, units = 1 : i64} {
  lqc.yield
}
