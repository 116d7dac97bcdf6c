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

// -----

// quantize_c3: no scales
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lqc.quantize' op a static scheme of activations must have its scales as an operand, got: static-int8-g32}}
  %0 = lqc.quantize %x : (tensor<?x64xf32>) -> tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>
  return
}

// -----

// quantize_c3: scales of another scheme
func.func @f(%x: tensor<?x64xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{'lqc.quantize' op scales must go with a static scheme of activations, got: dynamic-int8-g32}}
  %0 = lqc.quantize %x, %s : (tensor<?x64xf32>, tensor<2xf32>) -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g32">>
  return
}

// -----

// quantize_c3: number of scales
func.func @f(%x: tensor<?x64xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'lqc.quantize' op scales must have one f32 element per group of columns, got: 'tensor<1xf32>' for 'tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>'}}
  %0 = lqc.quantize %x, %s : (tensor<?x64xf32>, tensor<1xf32>) -> tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>
  return
}

// -----

// quantize_c3: type of scales
func.func @f(%x: tensor<?x64xf32>, %s: tensor<2xbf16>) {
  // expected-error @+1 {{'lqc.quantize' op scales must have one f32 element per group of columns, got: 'tensor<2xbf16>' for 'tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>'}}
  %0 = lqc.quantize %x, %s : (tensor<?x64xf32>, tensor<2xbf16>) -> tensor<?x64xf32, #lqc.scheme<"static-int8-g32">>
  return
}
