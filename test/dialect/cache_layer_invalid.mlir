// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// cache_layer_c1
func.func @f(%c: !lqc.cache<4x512x2x64xf32>) {
  // expected-error @+1 {{'lqc.cache_layer' op layer must be one of the cache's, got: 4 of 4}}
  %0 = lqc.cache_layer %c[4] : !lqc.cache<4x512x2x64xf32>
  return
}
