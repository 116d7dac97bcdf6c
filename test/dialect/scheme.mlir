// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func private @names
// CHECK-SAME: #lqc.scheme<"int2-g32">
// CHECK-SAME: #lqc.scheme<"int8-g0">
// CHECK-SAME: #lqc.scheme<"uint3-g128">
// CHECK-SAME: #lqc.scheme<"dynamic-int8-g64">
func.func private @names(tensor<4x64xf32, #lqc.scheme<"int2-g32">>, tensor<4x60xf32, #lqc.scheme<"int8-g0">>,
    tensor<4x128xf32, #lqc.scheme<"uint3-g128">>, tensor<?x64xf32, #lqc.scheme<"dynamic-int8-g64">>)
