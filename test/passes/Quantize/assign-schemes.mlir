// RUN: %lqc-opt %s --lqc-assign-schemes='scheme=int4-g32' | FileCheck %s
// RUN: %lqc-opt %s --lqc-assign-schemes='scheme=int4-g32 overrides=do*=int8-g32,he*=int2-g32' | FileCheck %s --check-prefix=OVERRIDES
// RUN: %lqc-opt %s --lqc-assign-schemes='scheme=int4-g32 overrides=up=float' | FileCheck %s --check-prefix=FLOAT
// RUN: not %lqc-opt %s --lqc-assign-schemes='scheme=int4-g32 overrides=nobody=int8-g32' 2>&1 | FileCheck %s --check-prefix=NOBODY
// RUN: not %lqc-opt %s --lqc-assign-schemes='scheme=int4-g64 strict' 2>&1 | FileCheck %s --check-prefix=STRICT
// RUN: %lqc-opt %s --lqc-assign-schemes='scheme=int4-g64' 2>&1 | FileCheck %s --check-prefix=KEPT

// CHECK: lqc.weight @up : tensor<96x64xbf16> = {{.*}} attributes {lqc.scheme = #lqc.scheme<"int4-g32">}
// CHECK: lqc.weight @down : tensor<64x96xbf16> = {{.*}} attributes {lqc.scheme = #lqc.scheme<"int4-g32">}
// Linears outside layers are not for methods that walk the layers.
// CHECK: lqc.weight @head : tensor<32x64xbf16>
// CHECK-NOT: attributes
// CHECK-SAME: {{$}}

// OVERRIDES: lqc.weight @up {{.*}} #lqc.scheme<"int4-g32">
// OVERRIDES: lqc.weight @down {{.*}} #lqc.scheme<"int8-g32">
// OVERRIDES: lqc.weight @head : tensor<32x64xbf16> = #lqc.random<seed = 3, std = 1.000000e+00 : f64>{{$}}

// FLOAT: lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.000000e+00 : f64>{{$}}
// FLOAT: lqc.weight @down {{.*}} #lqc.scheme<"int4-g32">

// NOBODY: error: override nobody=int8-g32: must match the name of a weight that a linear or an embedding reads
// STRICT: error: weight @down: cannot be int4-g64: 96 columns are not a multiple of the group size 64
// KEPT: warning: weight @down: stays bf16: 96 columns are not a multiple of the group size 64
// KEPT: lqc.weight @up {{.*}} #lqc.scheme<"int4-g64">
// KEPT: lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 2, std = 1.000000e+00 : f64>{{$}}

lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
lqc.weight @head : tensor<32x64xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {lqc.layer = 0 : i64} {
  %up = lqc.get_weight @up : tensor<96x64xbf16>
  %0 = lqc.linear %x, %up : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %down = lqc.get_weight @down : tensor<64x96xbf16>
  %1 = lqc.linear %0, %down : (tensor<?x96xf32>, tensor<64x96xbf16>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %head = lqc.get_weight @head : tensor<32x64xbf16>
  %0 = lqc.linear %x, %head : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
