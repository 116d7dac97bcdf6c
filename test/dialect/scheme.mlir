// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func private @names
// CHECK-SAME: #lqc.scheme<"int2-g32">
// CHECK-SAME: #lqc.scheme<"int8-g0">
// CHECK-SAME: #lqc.scheme<"uint3-g128">
// CHECK-SAME: #lqc.scheme<"dynamic-int8-g64">
// CHECK-SAME: #lqc.scheme<"static-int8-g64">
// CHECK-SAME: #lqc.scheme<"nf4-g64">
// CHECK-SAME: #lqc.scheme<"nf4-g64-dq">
// CHECK-SAME: #lqc.scheme<"fp4-g32-dq8">
// CHECK-SAME: #lqc.scheme<"fp8-e4m3-g0">
// CHECK-SAME: #lqc.scheme<"fp8-e5m2-g16">
// CHECK-SAME: #lqc.scheme<"mxfp4">
// CHECK-SAME: #lqc.scheme<"nvfp4">
// CHECK-SAME: #lqc.scheme<"q2_k">
// CHECK-SAME: #lqc.scheme<"q3_k">
// CHECK-SAME: #lqc.scheme<"q4_k">
// CHECK-SAME: #lqc.scheme<"q5_k">
// CHECK-SAME: #lqc.scheme<"q6_k">
func.func private @names(tensor<4x64xf32, #lqc.scheme<"int2-g32">>, tensor<4x60xf32, #lqc.scheme<"int8-g0">>,
    tensor<4x128xf32, #lqc.scheme<"uint3-g128">>, tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>,
    tensor<?x64xf32, #lqc.scheme<"static-int8-g64">>, tensor<4x64xf32, #lqc.scheme<"nf4-g64">>, tensor<4x64xf32, #lqc.scheme<"nf4-g64-dq">>,
    tensor<4x64xf32, #lqc.scheme<"fp4-g32-dq8">>, tensor<4x60xf32, #lqc.scheme<"fp8-e4m3-g0">>, tensor<4x48xf32, #lqc.scheme<"fp8-e5m2-g16">>,
    tensor<4x64xf32, #lqc.scheme<"mxfp4">>, tensor<4x48xf32, #lqc.scheme<"nvfp4">>, tensor<4x512xf32, #lqc.scheme<"q2_k">>,
    tensor<4x512xf32, #lqc.scheme<"q3_k">>, tensor<4x512xf32, #lqc.scheme<"q4_k">>, tensor<4x512xf32, #lqc.scheme<"q5_k">>,
    tensor<4x512xf32, #lqc.scheme<"q6_k">>)
