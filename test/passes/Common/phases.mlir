// RUN: %lqc-opt %s --lqc-pipeline='from=import to=quantize scheme=int4-g64' | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: %lqc-opt %s --lqc-simplify --lqc-quantize='scheme=int4-g64' | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: %lqc-opt %s --lqc-pipeline='to=quantize scheme=int4-g64 activations=f32' | FileCheck %s --check-prefixes=CHECK,F32
// RUN: %lqc-opt %s --lqc-pipeline='to=simplify' | FileCheck %s --check-prefix=SIMPLIFY
// RUN: not %lqc-opt %s --lqc-pipeline='to=prune' 2>&1 | FileCheck %s --check-prefix=PRUNE
// RUN: not %lqc-opt %s --lqc-pipeline='from=nowhere' 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// PRUNE: error: phase 'prune' is not in this version of LQC; phases that are: import, simplify, quantize, schedule, lower, link
// UNKNOWN: error: no phase is called 'nowhere'; phases that are: import, simplify, quantize, schedule, lower, link

lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
// SIMPLIFY-NOT: int4

// CHECK-LABEL: func.func private @layer
// INT8: lqc.quantize %{{.*}} -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
// F32-NOT: lqc.quantize
// CHECK: lqc.linear %{{.*}}#lqc.scheme<"int4-g64">
func.func private @layer(%x: tensor<?x64xf32>) -> tensor<?x96xf32> attributes {lqc.layer = 0 : i64} {
  %u = lqc.get_weight @up : tensor<96x64xbf16>
  %h = lqc.linear %x, %u : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %h : tensor<?x96xf32>
}
