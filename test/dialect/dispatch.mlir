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

lqc.kernel @linear(%x: tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<96x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, %out: tensor<?x96xf32>) attributes {destinations = 1 : i64, unit_rows = 64 : i64, units = 6 : i64} {
  %y = lqc.linear %x, %w : (tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<96x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>) -> tensor<?x96xf32>
  lqc.yield %y : tensor<?x96xf32>
}

// In a graph: tensors, and then memrefs; bytes of what has no numbers.
// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<5x128xi8>, %w: tensor<96x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, %out: tensor<5x96xf32>, %rows: index) -> tensor<5x96xf32> {
  // CHECK: lqc.dispatch @linear(%{{.*}}, %{{.*}}, %{{.*}}) rows %{{.*}} : tensor<5x128xi8>, tensor<96x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, tensor<5x96xf32> -> tensor<5x96xf32>
  %y = lqc.dispatch @linear(%x, %w, %out) rows %rows : tensor<5x128xi8>, tensor<96x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, tensor<5x96xf32> -> tensor<5x96xf32>
  return %y : tensor<5x96xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%x: memref<?x128xi8>, %w: memref<3264xi8>, %out: memref<?x96xf32>, %rows: index) {
  // CHECK: lqc.dispatch @linear(%{{.*}}, %{{.*}}, %{{.*}}) rows %{{.*}} : memref<?x128xi8>, memref<3264xi8>, memref<?x96xf32>
  lqc.dispatch @linear(%x, %w, %out) rows %rows : memref<?x128xi8>, memref<3264xi8>, memref<?x96xf32>
  return
}
