// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// linear_c1
func.func @f(%x: tensor<?x64xf32>, %w: tensor<96x63xf32>) {
  // expected-error @+1 {{'lqc.linear' op input rows must be as long as weight rows, got: 64 != 63}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<96x63xf32>) -> tensor<?x96xf32>
  return
}

// -----

// linear_c2: rows
func.func @f(%x: tensor<3x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @+1 {{'lqc.linear' op result must have one row per input row, got: 4 != 3}}
  %0 = lqc.linear %x, %w : (tensor<3x64xf32>, tensor<96x64xf32>) -> tensor<4x96xf32>
  return
}

// -----

// linear_c2: columns
func.func @f(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @+1 {{'lqc.linear' op result must have one column per weight row, got: 95 != 96}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x95xf32>
  return
}

// -----

// linear_c3
func.func @f(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>, %b: tensor<95xf32>) {
  // expected-error @+1 {{'lqc.linear' op bias must have one element per weight row, got: 95 != 96}}
  %0 = lqc.linear %x, %w, %b : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<95xf32>) -> tensor<?x96xf32>
  return
}

// -----

// linear_c4: float weight
func.func @f(%x: tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<96x64xf32>) {
  // expected-error @+1 {{'lqc.linear' op a quantized input must meet a quantized weight, got: 'tensor<96x64xf32>'}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

// linear_c4: group sizes
func.func @f(%x: tensor<?x192xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<16x192xf32, #lqc.scheme<"int4-g96">>) {
  // expected-error @+1 {{'lqc.linear' op one group size must divide the other, got: 64 and 96}}
  %0 = lqc.linear %x, %w : (tensor<?x192xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<16x192xf32, #lqc.scheme<"int4-g96">>) -> tensor<?x16xf32>
  return
}

// -----

// linear_c4: scheme of weights as input
func.func @f(%x: tensor<?x64xf32, #lqc.scheme<"int8-g64">>, %w: tensor<96x64xf32, #lqc.scheme<"int4-g64">>) {
  // expected-error @+1 {{'lqc.linear' op a quantized input must have a scheme of activations (dynamic-int8-gG, static-int8-gG), got: int8-g64}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32, #lqc.scheme<"int8-g64">>, tensor<96x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x96xf32>
  return
}

// -----

// linear_c4: levels that are no integers
func.func @f(%x: tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<96x64xf32, #lqc.scheme<"nf4-g64">>) {
  // expected-error @+1 {{'lqc.linear' op a quantized input must meet weights whose levels are integers times a constant, got: nf4-g64}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<96x64xf32, #lqc.scheme<"nf4-g64">>) -> tensor<?x96xf32>
  return
}
