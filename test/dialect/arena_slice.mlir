// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: lqc.step @s
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 512 : i64} {
  // CHECK: lqc.arena_slice 0 : <tensor<1x64xf32>>
  %0 = lqc.arena_slice 0 : !lqc.buffer<tensor<1x64xf32>>
  // Codes (64), a scale and a sum (4 each).
  // CHECK: lqc.arena_slice 384 : <tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>>
  %1 = lqc.arena_slice 384 : !lqc.buffer<tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>>
}
