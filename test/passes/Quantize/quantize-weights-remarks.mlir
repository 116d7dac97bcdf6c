// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g64' --remarks-filter=lqc-quantize-weights --verify-diagnostics | FileCheck %s

// A decision is reported once, however often the weight is read.
// expected-remark @+1 {{[Analysis] WeightAsStored | Category:lqc-quantize-weights | type=bf16, weight=embedding}}
lqc.weight @embedding : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
// expected-remark @+1 {{[Passed] WeightQuantized | Category:lqc-quantize-weights | bits=4.250000e+00, clip=none, scheme=int4-g64, weight=up}}
lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
// A weight that cannot take its scheme stays as it is, and the compiler says so.
// CHECK: lqc.weight @down
// CHECK-NOT: lqc.weight @down.
// expected-remark @+2 {{[Missed] WeightKept | Category:lqc-quantize-weights | Reason="96 columns are not a multiple of the group size 64", scheme=int4-g64, weight=down}}
// expected-warning @+1 {{weight @down: stays bf16: 96 columns are not a multiple of the group size 64}}
lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

func.func @forward(%t: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embedding : tensor<32x64xbf16>
  %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  %y = func.call @layer(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %z = lqc.linear %y, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

func.func private @layer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {lqc.layer = 0 : i64} {
  %u = lqc.get_weight @up : tensor<96x64xbf16>
  %d = lqc.get_weight @down : tensor<64x96xbf16>
  %h = lqc.linear %x, %u : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %y = lqc.linear %h, %d : (tensor<?x96xf32>, tensor<64x96xbf16>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

func.func private @computed(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) -> tensor<?x96xf32> attributes {lqc.layer = 1 : i64} {
  // expected-remark @+1 {{[Missed] WeightKept | Category:lqc-quantize-weights | Reason="the matrix is not read from a weight"}}
  %h = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return %h : tensor<?x96xf32>
}
