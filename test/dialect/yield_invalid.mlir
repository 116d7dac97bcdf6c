// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

func.func @f() {
  // expected-error @+1 {{'lqc.yield' op expects parent op to be one of 'lqc.weight, lqc.kernel'}}
  lqc.yield
}
