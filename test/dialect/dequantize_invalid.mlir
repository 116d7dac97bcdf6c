// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// dequantize_c1
func.func @f(%q: tensor<4x64xf32>) {
  // expected-error @+1 {{'lqc.dequantize' op operand must have a #lqc.scheme encoding, got: 'tensor<4x64xf32>'}}
  %0 = lqc.dequantize %q : (tensor<4x64xf32>) -> tensor<4x64xf32>
  return
}

// -----

// dequantize_c2: encoding
func.func @f(%q: tensor<4x64xf32, #lqc.scheme<"int4-g64">>) {
  // expected-error @+1 {{'lqc.dequantize' op result must have no encoding, got: 'tensor<4x64xf32, #lqc.scheme<"int8-g64">>'}}
  %0 = lqc.dequantize %q : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<4x64xf32, #lqc.scheme<"int8-g64">>
  return
}

// -----

// dequantize_c2: shape
func.func @f(%q: tensor<4x64xf32, #lqc.scheme<"int4-g64">>) {
  // expected-error @+1 {{'lqc.dequantize' op result must have the operand's shape, got: 'tensor<64x4xf32>' of 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.dequantize %q : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<64x4xf32>
  return
}
