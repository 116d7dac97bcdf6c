// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g32' | FileCheck %s --check-prefixes=CHECK,LAYERS
// RUN: %lqc-opt %s --lqc-quantize-weights='head=int8-g64 clip=least_squares' | FileCheck %s --check-prefixes=CHECK,HEAD
// RUN: %lqc-opt %s --lqc-quantize-weights='embedding=uint8-g0' | FileCheck %s --check-prefixes=CHECK,EMBEDDING
// RUN: %lqc-opt %s --lqc-quantize-weights='scheme=int4-g32 overrides=*=int8-g32,do*=float' | FileCheck %s --check-prefixes=CHECK,OVERRIDES

lqc.weight @embedding : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
lqc.weight @down : tensor<64x96xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

// CHECK: lqc.weight @embedding : tensor<32x64xbf16>

// A head that reads the embedding's table gets a weight of its own.
// HEAD: lqc.weight @embedding.int8_g64 : tensor<32x64xf32, #lqc.scheme<"int8-g64">> {
// HEAD-NEXT: %[[W:.*]] = lqc.get_weight @embedding : tensor<32x64xbf16>
// HEAD-NEXT: %[[Q:.*]] = lqc.quantize %[[W]] {clip = 1 : i32}
// HEAD-NEXT: lqc.yield %[[Q]]

// LAYERS: lqc.weight @up.int4_g32 : tensor<96x64xf32, #lqc.scheme<"int4-g32">> {
// LAYERS-NEXT: %[[W:.*]] = lqc.get_weight @up
// LAYERS-NEXT: %[[Q:.*]] = lqc.quantize %[[W]] : (tensor<96x64xbf16>) -> tensor<96x64xf32, #lqc.scheme<"int4-g32">>
// LAYERS-NEXT: lqc.yield %[[Q]]
// LAYERS: lqc.weight @down.int4_g32

// EMBEDDING: lqc.weight @embedding.uint8_g0 : tensor<32x64xf32, #lqc.scheme<"uint8-g0">>

// The last match counts.
// OVERRIDES: lqc.weight @embedding.int8_g32
// OVERRIDES: lqc.weight @up.int8_g32
// OVERRIDES-NOT: lqc.weight @down.

// CHECK-LABEL: func.func @forward
// LAYERS: lqc.embedding %{{.*}}, %[[E:.*]] : (tensor<?xi32>, tensor<32x64xbf16>)
// LAYERS: lqc.linear %{{.*}}, %[[E]]
// HEAD: %[[H:.*]] = lqc.get_weight @embedding.int8_g64
// HEAD: lqc.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<32x64xbf16>)
// HEAD: lqc.linear %{{.*}}, %[[H]]
// EMBEDDING: lqc.embedding %{{.*}} : (tensor<?xi32>, tensor<32x64xf32, #lqc.scheme<"uint8-g0">>)
// EMBEDDING: lqc.linear %{{.*}} : (tensor<?x64xf32>, tensor<32x64xbf16>)
// OVERRIDES: lqc.embedding %{{.*}} : (tensor<?xi32>, tensor<32x64xf32, #lqc.scheme<"int8-g32">>)
// OVERRIDES: lqc.linear %{{.*}} : (tensor<?x64xf32>, tensor<32x64xf32, #lqc.scheme<"int8-g32">>)
// CHECK-LABEL: func.func private @layer
// LAYERS: lqc.get_weight @up.int4_g32
// LAYERS: lqc.get_weight @down.int4_g32
// OVERRIDES: lqc.get_weight @up.int8_g32
// OVERRIDES: lqc.get_weight @down :
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
