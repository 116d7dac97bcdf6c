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

// -----

// dispatch_c2: rows of bytes
// expected-note @+1 {{kernel is here}}
lqc.kernel @q(%x: tensor<?x64xf32>, %out: tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  %0 = lqc.quantize %x : (tensor<?x64xf32>) -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
  lqc.yield %0 : tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
}
func.func @f(%x: tensor<?x64xf32>, %out: tensor<?x64xi8>, %rows: index) {
  // expected-error @+1 {{'lqc.dispatch' op operands must match the kernel's arguments}}
  %y = lqc.dispatch @q(%x, %out) rows %rows : tensor<?x64xf32>, tensor<?x64xi8> -> tensor<?x64xi8>
  return
}

// -----

// dispatch_c3
lqc.kernel @norm(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %out: tensor<?x64xf32>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  %y = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  lqc.yield %y : tensor<?x64xf32>
}
func.func @g(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %rows: index) {
  // expected-error @+1 {{'lqc.dispatch' op results must have the types of the destinations}}
  %y = lqc.dispatch @norm(%x, %g, %x) rows %rows : tensor<?x64xf32>, tensor<64xf32>, tensor<?x64xf32> -> tensor<4x64xf32>
  return
}
