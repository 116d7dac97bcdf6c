// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// rope_c1: odd
func.func @f(%x: tensor<?x63xf32>, %r: tensor<?x63xf32>) {
  // expected-error @+1 {{'lqc.rope' op head_dim must be positive, even and divide the columns, got: 63 for 63}}
  %0 = lqc.rope %x, %r {head_dim = 63 : i64} : (tensor<?x63xf32>, tensor<?x63xf32>) -> tensor<?x63xf32>
  return
}

// -----

// rope_c1: not a divisor
func.func @f(%x: tensor<?x96xf32>, %r: tensor<?x64xf32>) {
  // expected-error @+1 {{'lqc.rope' op head_dim must be positive, even and divide the columns, got: 64 for 96}}
  %0 = lqc.rope %x, %r {head_dim = 64 : i64} : (tensor<?x96xf32>, tensor<?x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

// rope_c2
func.func @f(%x: tensor<?x128xf32>, %r: tensor<?x32xf32>) {
  // expected-error @+1 {{'lqc.rope' op table must have head_dim columns, got: 32 != 64}}
  %0 = lqc.rope %x, %r {head_dim = 64 : i64} : (tensor<?x128xf32>, tensor<?x32xf32>) -> tensor<?x128xf32>
  return
}
