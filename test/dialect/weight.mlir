// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: lqc.weight @file
// CHECK-SAME: tensor<2x4xbf16> = #lqc.file<"model.safetensors", tensor = "a.weight", offset = 640, bytes = 16, header = "5ad0c1f3">
lqc.weight @file : tensor<2x4xbf16> = #lqc.file<"model.safetensors", tensor = "a.weight", offset = 640, bytes = 16, header = "5ad0c1f3">

// A file holds the canonical bytes of a quantized tensor: 64 codes of 4 bits and one fp16 scale.
// CHECK-LABEL: lqc.weight @quantized_file
lqc.weight @quantized_file : tensor<1x64xf32, #lqc.scheme<"int4-g64">> = #lqc.file<"o.lqcw", tensor = "c0de", offset = 128, bytes = 34, header = "5ad0c1f3">

// CHECK-LABEL: lqc.weight @dense
// CHECK-SAME: tensor<4xf32> = dense<1.000000e+00> : tensor<4xf32>
lqc.weight @dense : tensor<4xf32> = dense<1.0> : tensor<4xf32>

// CHECK-LABEL: lqc.weight @random
// CHECK-SAME: tensor<64x64xf16> = #lqc.random<seed = 1, std = 2.000000e-02 : f64>
lqc.weight @random : tensor<64x64xf16> = #lqc.random<seed = 1, std = 2.0e-2 : f64>

// CHECK-LABEL: lqc.weight @derived : tensor<64x64xf32, #lqc.scheme<"int4-g64">> {
// CHECK-NEXT: %[[W:.*]] = lqc.get_weight @random : tensor<64x64xf16>
// CHECK-NEXT: %[[Q:.*]] = lqc.quantize %[[W]]
// CHECK-NEXT: lqc.yield %[[Q]] : tensor<64x64xf32, #lqc.scheme<"int4-g64">>
lqc.weight @derived : tensor<64x64xf32, #lqc.scheme<"int4-g64">> {
  %w = lqc.get_weight @random : tensor<64x64xf16>
  %q = lqc.quantize %w : (tensor<64x64xf16>) -> tensor<64x64xf32, #lqc.scheme<"int4-g64">>
  lqc.yield %q : tensor<64x64xf32, #lqc.scheme<"int4-g64">>
}

// CHECK-LABEL: lqc.weight @annotated
// CHECK-SAME: attributes {lqc.scheme = #lqc.scheme<"int8-g64">}
lqc.weight @annotated : tensor<64x64xf32> = #lqc.random<seed = 2, std = 1.0 : f64> attributes {lqc.scheme = #lqc.scheme<"int8-g64">}
