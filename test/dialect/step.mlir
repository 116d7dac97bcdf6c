// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: lqc.step @empty(
// CHECK-SAME: %{{.*}}: !lqc.buffer<tensor<1xi32>>, {{.*}}, %{{.*}}: !lqc.cache<1x8x1x64xf32>, %{{.*}}: index, %{{.*}}: index) attributes {arena_bytes = 0 : i64} {
lqc.step @empty(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 0 : i64} {
}

lqc.weight @w : tensor<64x64xf32, #lqc.packed<16x1>> {
  %w = lqc.get_weight @plain : tensor<64x64xf32>
  %p = lqc.pack %w : (tensor<64x64xf32>) -> tensor<64x64xf32, #lqc.packed<16x1>>
  lqc.yield %p : tensor<64x64xf32, #lqc.packed<16x1>>
}
lqc.weight @plain : tensor<64x64xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.kernel @embedding(%t: tensor<1xi32>, %w: tensor<64x64xf32, #lqc.packed<16x1>>, %out: tensor<1x64xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  %x = lqc.embedding %t, %w : (tensor<1xi32>, tensor<64x64xf32, #lqc.packed<16x1>>) -> tensor<1x64xf32>
  lqc.yield %x : tensor<1x64xf32>
}

// CHECK-LABEL: lqc.step @decode(
lqc.step @decode(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 0 : i64} {
  // CHECK: %[[W:.*]] = lqc.get_weight @w
  // CHECK: lqc.dispatch @embedding(%{{.*}}, %[[W]], %{{.*}}) rows %{{.*}} : !lqc.buffer<tensor<1xi32>>, tensor<64x64xf32, #lqc.packed<16x1>>, !lqc.buffer<tensor<1x64xf32>>
  %w = lqc.get_weight @w : tensor<64x64xf32, #lqc.packed<16x1>>
  lqc.dispatch @embedding(%tokens, %w, %logits) rows %count : !lqc.buffer<tensor<1xi32>>, tensor<64x64xf32, #lqc.packed<16x1>>, !lqc.buffer<tensor<1x64xf32>>
}
