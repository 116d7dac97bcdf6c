// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// buffer_c1
// expected-error @+1 {{a buffer holds a tensor of static size, got: 'tensor<?x256xf32>'}}
func.func private @f(!lqc.buffer<tensor<?x256xf32>>)
