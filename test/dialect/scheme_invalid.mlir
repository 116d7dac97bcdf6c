// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{scheme must be intB-gG or uintB-gG with B from 2 to 8, intB-gG-f32 or uintB-gG-f32 with B 2, 4 or 8, nf4-gG, nf4-gG-dq, fp4-gG, fp4-gG-dq, fp8-e4m3-gG, fp8-e5m2-gG, mxfp4, nvfp4, q2_k, q3_k, q4_k, q5_k, q6_k, dynamic-int8-gG or static-int8-gG, got: 'int9-g64'}}
func.func private @f(tensor<4x64xf32, #lqc.scheme<"int9-g64">>)

// -----

// expected-error @+1 {{group size must be 0, 16 or a multiple of 32, got: 48}}
func.func private @f(tensor<4x96xf32, #lqc.scheme<"int4-g48">>)

// -----

// scheme_c1: rank
// expected-error @+1 {{a quantized tensor must be an f32 matrix, got: rank 1 of 'f32'}}
func.func private @f(tensor<64xf32, #lqc.scheme<"int4-g64">>)

// -----

// scheme_c1: element type
// expected-error @+1 {{a quantized tensor must be an f32 matrix, got: rank 2 of 'bf16'}}
func.func private @f(tensor<4x64xbf16, #lqc.scheme<"int4-g64">>)

// -----

// scheme_c2: dynamic
// expected-error @+1 {{a quantized tensor must have a static row length}}
func.func private @f(tensor<4x?xf32, #lqc.scheme<"int4-g64">>)

// -----

// scheme_c2: groups
// expected-error @+1 {{scheme int4-g64 does not fit: 172 columns are not a multiple of the group size 64}}
func.func private @f(tensor<4x172xf32, #lqc.scheme<"int4-g64">>)

// -----

// scheme_c2: super-blocks
// expected-error @+1 {{scheme q4_k does not fit: 384 columns are not a multiple of the super-block of 256}}
func.func private @f(tensor<4x384xf32, #lqc.scheme<"q4_k">>)
