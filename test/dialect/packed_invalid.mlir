// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{a tile has rows and columns, as in 16x4}}
func.func private @f(tensor<20x64xbf16, #lqc.packed<16>>)

// -----

// packed_c1
// expected-error @+1 {{a packed tensor must be a matrix of static size}}
func.func private @f(tensor<?x64xbf16, #lqc.packed<16x1>>)

// -----

// packed_c2
// expected-error @+1 {{scheme int4-g64 does not fit: 96 columns are not a multiple of the group size 64}}
func.func private @f(tensor<16x96xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>)

// -----

// packed_c3: floats
// expected-error @+1 {{tile must be 16x1 without a scheme, got: 8x1}}
func.func private @f(tensor<20x64xbf16, #lqc.packed<8x1>>)

// -----

// packed_c3: codes
// expected-error @+1 {{tile must be 16x4 with a scheme, got: 16x1}}
func.func private @f(tensor<20x64xf32, #lqc.packed<16x1, #lqc.scheme<"int4-g64">>>)
