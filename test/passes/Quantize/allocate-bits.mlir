// RUN: %lqc-opt %s --lqc-allocate-bits='bits-per-weight=3.5' --remarks-filter=lqc-allocate-bits 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARKS < %t.remarks
// RUN: %lqc-opt %s --lqc-allocate-bits='bits-per-weight=2.5' | FileCheck %s --check-prefix=SMALLEST
// RUN: %lqc-opt %s --lqc-allocate-bits='max-kl=0.0125' | FileCheck %s --check-prefix=KL
// RUN: %lqc-opt %s --lqc-allocate-bits='max-kl=0.5' | FileCheck %s --check-prefix=SMALLEST

// up and down are equally large, and down loses more: within 3.5 bits it gets
// 4.5, and up 2.5. Nothing else is touched.
// CHECK: lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.000000e+00 : f64> attributes {lqc.scheme = #lqc.scheme<"int2-g32">}
// CHECK: lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 2, std = 1.000000e+00 : f64> attributes {lqc.scheme = #lqc.scheme<"int4-g32">}
// CHECK: lqc.weight @head : tensor<32x64xbf16> = #lqc.random<seed = 3, std = 1.000000e+00 : f64>{{$}}

// REMARKS: [Passed] SchemeChosen | Category:lqc-allocate-bits | bytes=1920, kl=2.000000e-02, scheme=int2-g32, weight=up
// REMARKS: [Passed] SchemeChosen | Category:lqc-allocate-bits | bytes=3456, kl=2.000000e-03, scheme=int4-g32, weight=down

// SMALLEST: lqc.weight @up {{.*}} #lqc.scheme<"int2-g32">
// SMALLEST: lqc.weight @down {{.*}} #lqc.scheme<"int2-g32">

// 0.005 + 0.002 are within 0.0125 and no smaller choice is.
// KL: lqc.weight @up {{.*}} #lqc.scheme<"int3-g32">
// KL: lqc.weight @down {{.*}} #lqc.scheme<"int4-g32">

lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64> attributes {lqc.sensitivities = {"int2-g32" = 2.0e-2, "int3-g32" = 5.0e-3, "int4-g32" = 1.0e-3}}
lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 2, std = 1.0 : f64> attributes {lqc.sensitivities = {"int2-g32" = 2.0e-1, "int3-g32" = 5.0e-2, "int4-g32" = 2.0e-3}}
lqc.weight @head : tensor<32x64xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {lqc.layer = 0 : i64} {
  %up = lqc.get_weight @up : tensor<96x64xbf16>
  %0 = lqc.linear %x, %up : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %down = lqc.get_weight @down : tensor<64x96xbf16>
  %1 = lqc.linear %0, %down : (tensor<?x96xf32>, tensor<64x96xbf16>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %0 = func.call @layer(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %head = lqc.get_weight @head : tensor<32x64xbf16>
  %1 = lqc.linear %0, %head : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}
