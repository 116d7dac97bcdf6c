// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// cache_append_c1
func.func @f(%k: tensor<?x64xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.cache_append' op rows must be heads x head dim, got: 64 != 128}}
  lqc.cache_append %k, %k, %c[0] at %p, %p : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}

// -----

// cache_append_c2
func.func @f(%k: tensor<?x128xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.cache_append' op layer must be one of the cache's, got: 4 of 4}}
  lqc.cache_append %k, %k, %c[4] at %p, %p : tensor<?x128xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}
