// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// embedding_c1
func.func @f(%t: tensor<3xi32>, %w: tensor<1024x64xbf16>) {
  // expected-error @+1 {{'lqc.embedding' op result must have one row per index, got: 4 != 3}}
  %0 = lqc.embedding %t, %w : (tensor<3xi32>, tensor<1024x64xbf16>) -> tensor<4x64xf32>
  return
}

// -----

// embedding_c2
func.func @f(%t: tensor<?xi32>, %w: tensor<1024x64xbf16>) {
  // expected-error @+1 {{'lqc.embedding' op result rows must be as long as the table's, got: 63 != 64}}
  %0 = lqc.embedding %t, %w : (tensor<?xi32>, tensor<1024x64xbf16>) -> tensor<?x63xf32>
  return
}
