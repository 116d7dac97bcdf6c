// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// quantize_c1: no encoding
func.func @f(%w: tensor<4x64xf32>) {
  // expected-error @+1 {{'lqc.quantize' op result must have a #lqc.scheme encoding, got: 'tensor<4x64xf32>'}}
  %0 = lqc.quantize %w : (tensor<4x64xf32>) -> tensor<4x64xf32>
  return
}

// -----

// quantize_c1: shape
func.func @f(%w: tensor<4x64xf32>) {
  // expected-error @+1 {{'lqc.quantize' op result must have the operand's shape, got: 'tensor<5x64xf32, #lqc.scheme<"int4-g64">>' of 'tensor<4x64xf32>'}}
  %0 = lqc.quantize %w : (tensor<4x64xf32>) -> tensor<5x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// quantize_c2
func.func @f(%w: tensor<4x64xf32, #lqc.scheme<"int4-g64">>) {
  // expected-error @+1 {{'lqc.quantize' op operand must have no encoding, got: 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.quantize %w : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<4x64xf32, #lqc.scheme<"int8-g64">>
  return
}
