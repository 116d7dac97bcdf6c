// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// step_c1
// expected-error @+1 {{'lqc.step' op must take tokens, positions, slots, outputs, logits, a cache and two counts}}
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>) attributes {arena_bytes = 0 : i64} {
}

// -----

// step_c2
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 0 : i64} {
  // expected-error @+1 {{'arith.addi' op is not a part of a step: schedule makes dispatches of all work}}
  %sum = arith.addi %count, %output_count : index
}
