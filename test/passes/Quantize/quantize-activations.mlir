// RUN: %lqc-opt %s --lqc-quantize-activations | FileCheck %s

// Linears that share an input share its codes; a float weight keeps floats.
// CHECK-LABEL: func.func @shared
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>
func.func @shared(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #lqc.scheme<"int4-g32">>, %f: tensor<32x64xf32>) {
  // CHECK: %[[Q:.*]] = lqc.quantize %[[X]] : (tensor<?x64xf32>) -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g32">>
  // CHECK-NOT: lqc.quantize
  // CHECK: lqc.linear %[[Q]]
  // CHECK: lqc.linear %[[Q]]
  // CHECK: lqc.linear %[[X]]
  %0 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<32x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x32xf32>
  %1 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<32x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x32xf32>
  %2 = lqc.linear %x, %f : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return
}

// Weights with one group a row: groups of 64, of 32, or one.
// CHECK-LABEL: func.func @rows
func.func @rows(%a: tensor<?x128xf32>, %b: tensor<?x96xf32>, %c: tensor<?x172xf32>,
    %v: tensor<8x128xf32, #lqc.scheme<"int4-g0">>, %w: tensor<8x96xf32, #lqc.scheme<"uint4-g0">>, %u: tensor<8x172xf32, #lqc.scheme<"int8-g0">>) {
  // CHECK: lqc.quantize %{{.*}} -> tensor<?x128xf32, #lqc.scheme<"dynamic-int8-g64">>
  // CHECK: lqc.quantize %{{.*}} -> tensor<?x96xf32, #lqc.scheme<"dynamic-int8-g32">>
  // CHECK: lqc.quantize %{{.*}} -> tensor<?x172xf32, #lqc.scheme<"dynamic-int8-g0">>
  %2 = lqc.linear %c, %u : (tensor<?x172xf32>, tensor<8x172xf32, #lqc.scheme<"int8-g0">>) -> tensor<?x8xf32>
  %1 = lqc.linear %b, %w : (tensor<?x96xf32>, tensor<8x96xf32, #lqc.scheme<"uint4-g0">>) -> tensor<?x8xf32>
  %0 = lqc.linear %a, %v : (tensor<?x128xf32>, tensor<8x128xf32, #lqc.scheme<"int4-g0">>) -> tensor<?x8xf32>
  return
}

// Codes are made once, right behind the value, also where group sizes differ.
// CHECK-LABEL: func.func @two_sizes
func.func @two_sizes(%x: tensor<?x64xf32>, %v: tensor<8x64xf32, #lqc.scheme<"int4-g32">>, %w: tensor<8x64xf32, #lqc.scheme<"int4-g64">>) {
  // CHECK-DAG: %[[G64:.*]] = lqc.quantize %{{.*}} -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>
  // CHECK-DAG: %[[G32:.*]] = lqc.quantize %{{.*}} -> tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g32">>
  // CHECK: lqc.linear %[[G32]]
  // CHECK: lqc.linear %[[G64]]
  %0 = lqc.linear %x, %v : (tensor<?x64xf32>, tensor<8x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x8xf32>
  %1 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x8xf32>
  return
}

// Codebooks and 8-bit floats are multiplied as floats, E2M1 and K-quants as integers.
// CHECK-LABEL: func.func @other_levels
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>
func.func @other_levels(%x: tensor<?x256xf32>, %a: tensor<8x256xf32, #lqc.scheme<"nf4-g64">>, %b: tensor<8x256xf32, #lqc.scheme<"fp8-e4m3-g128">>,
    %c: tensor<8x256xf32, #lqc.scheme<"nvfp4">>, %d: tensor<8x256xf32, #lqc.scheme<"q4_k">>) {
  // CHECK-DAG: %[[G16:.*]] = lqc.quantize %[[X]] {{.*}} -> tensor<?x256xf32, #lqc.scheme<"dynamic-int8-g16">>
  // CHECK-DAG: %[[G32:.*]] = lqc.quantize %[[X]] {{.*}} -> tensor<?x256xf32, #lqc.scheme<"dynamic-int8-g32">>
  // CHECK: lqc.linear %[[X]], %{{.*}}"nf4-g64"
  // CHECK: lqc.linear %[[X]], %{{.*}}"fp8-e4m3-g128"
  // CHECK: lqc.linear %[[G16]], %{{.*}}"nvfp4"
  // CHECK: lqc.linear %[[G32]], %{{.*}}"q4_k"
  %0 = lqc.linear %x, %a : (tensor<?x256xf32>, tensor<8x256xf32, #lqc.scheme<"nf4-g64">>) -> tensor<?x8xf32>
  %1 = lqc.linear %x, %b : (tensor<?x256xf32>, tensor<8x256xf32, #lqc.scheme<"fp8-e4m3-g128">>) -> tensor<?x8xf32>
  %2 = lqc.linear %x, %c : (tensor<?x256xf32>, tensor<8x256xf32, #lqc.scheme<"nvfp4">>) -> tensor<?x8xf32>
  %3 = lqc.linear %x, %d : (tensor<?x256xf32>, tensor<8x256xf32, #lqc.scheme<"q4_k">>) -> tensor<?x8xf32>
  return
}
