// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// attention_c1
func.func @f(%q: tensor<?x192xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.attention' op query rows must be a multiple of the cache's heads x head dim, got: 192 for 128}}
  %0 = lqc.attention %q, %c[0] at %p, %p scale 1.0 : tensor<?x192xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}

// -----

// attention_c2
func.func @f(%q: tensor<?x256xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.attention' op layer must be one of the cache's, got: 5 of 4}}
  %0 = lqc.attention %q, %c[5] at %p, %p scale 1.0 : tensor<?x256xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<?x256xf32>, %c: !lqc.cache<4x512x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.attention' op scale must be positive and finite}}
  %0 = lqc.attention %q, %c[0] at %p, %p scale -1.0 : tensor<?x256xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
  return
}
