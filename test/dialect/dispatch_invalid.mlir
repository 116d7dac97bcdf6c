// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// dispatch_c1
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 256 : i64} {
  // expected-error @+1 {{'lqc.dispatch' op must name an lqc.kernel, got: @missing}}
  lqc.dispatch @missing(%tokens) rows %count : !lqc.buffer<tensor<1xi32>>
}

// -----

// dispatch_c2
// expected-note @+1 {{kernel is here}}
lqc.kernel @k(%x: tensor<2xi32>) attributes {destinations = 0 : i64, units = 1 : i64} {
  lqc.yield
}
lqc.step @s(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x64xf32>>, %cache: !lqc.cache<1x8x1x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 256 : i64} {
  // expected-error @+1 {{'lqc.dispatch' op operands must match the kernel's arguments}}
  lqc.dispatch @k(%tokens) rows %count : !lqc.buffer<tensor<1xi32>>
}
