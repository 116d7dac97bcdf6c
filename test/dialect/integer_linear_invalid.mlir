// RUN: %lqc-opt %s --split-input-file --verify-diagnostics

// integer_linear_c1
func.func @c1(%x: tensor<?x64xi8>, %w: tensor<96x64xf32, #lqc.scheme<"int8-g64">>) {
  // expected-error @+1 {{'lqc.integer_linear' op weight must have a scheme int8-g0 or int8-g0-f32, got: 'tensor<96x64xf32, #lqc.scheme<"int8-g64">>'}}
  %0 = lqc.integer_linear %x, %w : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g64">>) -> tensor<?x96xi32>
  return
}

// -----

// integer_linear_c2
func.func @c2(%x: tensor<?x32xi8>, %w: tensor<96x64xf32, #lqc.scheme<"int8-g0">>) {
  // expected-error @+1 {{'lqc.integer_linear' op input rows must be as long as weight rows, got: 32 != 64}}
  %0 = lqc.integer_linear %x, %w : (tensor<?x32xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0">>) -> tensor<?x96xi32>
  return
}

// -----

// integer_linear_c3
func.func @c3(%x: tensor<?x64xi8>, %w: tensor<96x64xf32, #lqc.scheme<"int8-g0">>) {
  // expected-error @+1 {{'lqc.integer_linear' op result must have one column per weight row, got: 64 != 96}}
  %0 = lqc.integer_linear %x, %w : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0">>) -> tensor<?x64xi32>
  return
}

// -----

// integer_linear_c4
func.func @c4(%x: tensor<?x64xi8>, %w: tensor<96x64xf32, #lqc.scheme<"int8-g0">>, %b: tensor<64xi32>) {
  // expected-error @+1 {{'lqc.integer_linear' op bias must have one element per weight row, got: 64 != 96}}
  %0 = lqc.integer_linear %x, %w, %b : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0">>, tensor<64xi32>) -> tensor<?x96xi32>
  return
}
