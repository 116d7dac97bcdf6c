// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

lqc.kernel @add(%a: tensor<1x64xf32>, %out: tensor<1x64xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  %0 = arith.addf %a, %out : tensor<1x64xf32>
  lqc.yield %0 : tensor<1x64xf32>
}
// CHECK-LABEL: lqc.step @s
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 256 : i64} {
  // CHECK: %[[X:.*]] = lqc.arena_slice
  // CHECK: lqc.dispatch @add(%[[X]], %{{.*}}) rows %{{.*}} : !lqc.buffer<tensor<1x64xf32>>, !lqc.buffer<tensor<1x64xf32>>
  %x = lqc.arena_slice 0 : !lqc.buffer<tensor<1x64xf32>>
  lqc.dispatch @add(%x, %logits) rows %count : !lqc.buffer<tensor<1x64xf32>>, !lqc.buffer<tensor<1x64xf32>>
}
