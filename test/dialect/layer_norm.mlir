// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xbf16>, %b: tensor<64xf32>) -> tensor<?x64xf32> {
  // CHECK: lqc.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : (tensor<?x64xf32>, tensor<64xbf16>, tensor<64xf32>) -> tensor<?x64xf32>
  %0 = lqc.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xbf16>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: lqc.layer_norm %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : (tensor<?x64xf32>, tensor<64xbf16>) -> tensor<?x64xf32>
  %1 = lqc.layer_norm %0, %g {epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xbf16>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
