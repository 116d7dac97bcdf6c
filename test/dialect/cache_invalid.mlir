// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{a cache has layers x positions x heads x head dim, got: 3 dimensions}}
func.func private @f(!lqc.cache<4x512x2xf32>)

// -----

// cache_c1
// expected-error @+1 {{cache dimensions must be positive}}
func.func private @f(!lqc.cache<4x0x2x64xf32>)

// -----

// cache_c2
// expected-error @+1 {{cache element type must be f32, got: 'f16'}}
func.func private @f(!lqc.cache<4x512x2x64xf16>)
