// RUN: lqc-opt %s --lqc-build-steps --verify-diagnostics

// The pass alone, without the one that packs.

lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<1x16x2x32xf32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  // expected-error@+1 {{'lqc.linear' op matrix must be packed: run lqc-pack-weights first}}
  %l = lqc.linear %x, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}
