// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// arena_slice_c1
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 512 : i64} {
  // expected-error @+1 {{'lqc.arena_slice' op offset must be a multiple of 64, got: 32}}
  %0 = lqc.arena_slice 32 : !lqc.buffer<tensor<1x64xf32>>
}

// -----

// arena_slice_c2
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 512 : i64} {
  // expected-error @+1 {{'lqc.arena_slice' op must end within the arena, got: 576 > 512}}
  %0 = lqc.arena_slice 320 : !lqc.buffer<tensor<1x64xf32>>
}
