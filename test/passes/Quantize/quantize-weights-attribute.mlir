// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g32' | FileCheck %s
// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g32 overrides=u*=uint2-g64' | FileCheck %s --check-prefix=OVERRIDE

// The weight's attribute goes before the option, an override before both.
// CHECK: lqc.weight @up.int8_g64
// OVERRIDE: lqc.weight @up.uint2_g64
lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64> attributes {lqc.scheme = #lqc.scheme<"int8-g64">}

func.func private @layer(%x: tensor<?x64xf32>) -> tensor<?x96xf32> attributes {lqc.layer = 0 : i64} {
  %u = lqc.get_weight @up : tensor<96x64xbf16>
  %h = lqc.linear %x, %u : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %h : tensor<?x96xf32>
}
