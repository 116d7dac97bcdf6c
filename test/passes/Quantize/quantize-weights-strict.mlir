// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g64 strict' --verify-diagnostics

// expected-error @+1 {{weight @down: cannot be int4-g64: 96 columns are not a multiple of the group size 64}}
lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

func.func private @layer(%x: tensor<?x96xf32>) -> tensor<?x64xf32> attributes {lqc.layer = 0 : i64} {
  %d = lqc.get_weight @down : tensor<64x96xbf16>
  %y = lqc.linear %x, %d : (tensor<?x96xf32>, tensor<64x96xbf16>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
