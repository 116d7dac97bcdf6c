// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// pack_c1: no layout
func.func @f(%w: tensor<20x64xbf16>) {
  // expected-error @+1 {{'lqc.pack' op result must be the operand's type with a #lqc.packed encoding, got: 'tensor<20x64xbf16>' of 'tensor<20x64xbf16>'}}
  %0 = lqc.pack %w : (tensor<20x64xbf16>) -> tensor<20x64xbf16>
  return
}

// -----

// pack_c1: another element type
func.func @f(%w: tensor<20x64xbf16>) {
  // expected-error @+1 {{'lqc.pack' op result must be the operand's type with a #lqc.packed encoding, got: 'tensor<20x64xf32, #lqc.packed<16x1>>' of 'tensor<20x64xbf16>'}}
  %0 = lqc.pack %w : (tensor<20x64xbf16>) -> tensor<20x64xf32, #lqc.packed<16x1>>
  return
}

// -----

// pack_c2
func.func @f(%w: tensor<20x64xf32, #lqc.scheme<"int4-g64">>) {
  // expected-error @+1 {{'lqc.pack' op packing must keep the scheme, got: 'tensor<20x64xf32, #lqc.packed<16x1>>' of 'tensor<20x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.pack %w : (tensor<20x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<20x64xf32, #lqc.packed<16x1>>
  return
}
