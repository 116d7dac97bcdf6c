// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @activations
func.func @activations(%x: tensor<?x64xf32>, %i: tensor<3xi32>) -> (tensor<?x64xf32>, tensor<?x3xf32>) {
  // CHECK: %{{.*}}, %{{.*}} = lqc.split_columns %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<3xi32>) -> (tensor<?x64xf32>, tensor<?x3xf32>)
  %rest, %kept = lqc.split_columns %x, %i : (tensor<?x64xf32>, tensor<3xi32>) -> (tensor<?x64xf32>, tensor<?x3xf32>)
  return %rest, %kept : tensor<?x64xf32>, tensor<?x3xf32>
}

lqc.weight @w : tensor<8x64xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @i : tensor<2xi32> = dense<[3, 7]> : tensor<2xi32>
// CHECK: lqc.weight @kept
lqc.weight @kept : tensor<8x2xbf16> {
  %w = lqc.get_weight @w : tensor<8x64xf32>
  %i = lqc.get_weight @i : tensor<2xi32>
  // CHECK: lqc.split_columns %{{.*}}, %{{.*}} : (tensor<8x64xf32>, tensor<2xi32>) -> (tensor<8x64xf32>, tensor<8x2xbf16>)
  %rest, %kept = lqc.split_columns %w, %i : (tensor<8x64xf32>, tensor<2xi32>) -> (tensor<8x64xf32>, tensor<8x2xbf16>)
  lqc.yield %kept : tensor<8x2xbf16>
}
