// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// kernel_c1
// expected-error @+1 {{'lqc.kernel' op must have an argument per destination, got: 1 < 2}}
lqc.kernel @k(%x: tensor<1x64xf32>) attributes {destinations = 2 : i64, units = 1 : i64} {
  lqc.yield %x : tensor<1x64xf32>
}

// -----

// kernel_c2
lqc.kernel @k(%x: tensor<1x64xf32>, %out: tensor<2x64xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  // expected-error @+1 {{'lqc.yield' op must yield the types of the destinations}}
  lqc.yield %x : tensor<1x64xf32>
}

// -----

// kernel_c2: no yield
// expected-error @+1 {{'lqc.kernel' op must end with lqc.yield}}
lqc.kernel @k() attributes {destinations = 0 : i64, units = 1 : i64} {
  llvm.unreachable
}

// -----

// kernel_c3
// expected-error @+1 {{'lqc.kernel' op units must be positive, got: 0}}
lqc.kernel @k() attributes {destinations = 0 : i64, units = 0 : i64} {
  lqc.yield
}
