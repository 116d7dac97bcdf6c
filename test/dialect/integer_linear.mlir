// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @bytes
func.func @bytes(%x: tensor<?x64xi8>, %w: tensor<96x64xf32, #lqc.scheme<"int8-g0-f32">>, %b: tensor<96xi32>) -> tensor<?x96xi32> {
  // CHECK: lqc.integer_linear %{{.+}}, %{{.+}} : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0-f32">>) -> tensor<?x96xi32>
  %0 = lqc.integer_linear %x, %w : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0-f32">>) -> tensor<?x96xi32>
  // CHECK: lqc.integer_linear %{{.+}}, %{{.+}}, %{{.+}} :
  %1 = lqc.integer_linear %x, %w, %b : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0-f32">>, tensor<96xi32>) -> tensor<?x96xi32>
  return %1 : tensor<?x96xi32>
}
