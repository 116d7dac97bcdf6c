// RUN: %lqc-opt %s --lqc-raise | FileCheck %s

lqc.weight @gain : tensor<8xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @bias : tensor<8xf32> = #lqc.random<seed = 2, std = 1.0 : f64>

// x (1 / sqrt(mean(x x) + e)) g, on rows of two dimensions.
// CHECK-LABEL: func.func @rms_norm
// CHECK-SAME: %[[X:.*]]: tensor<?x3x8xf32>
func.func @rms_norm(%x: tensor<?x3x8xf32>) -> tensor<?x3x8xf32> {
  // CHECK-DAG: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
  // CHECK-DAG: %[[G:.*]] = lqc.get_weight @gain
  // CHECK: %[[N:.*]] = lqc.rms_norm %[[ROWS]], %[[G]] {epsilon = 9.99999974E-6 : f32}
  // CHECK: %[[E:.*]] = tensor.expand_shape %[[N]] {{\[\[}}0, 1], [2]]
  // CHECK: return %[[E]]
  %c0 = arith.constant 0 : index
  %b = tensor.dim %x, %c0 : tensor<?x3x8xf32>
  %zero = arith.constant 0.0 : f32
  %squares = arith.mulf %x, %x : tensor<?x3x8xf32>
  %space = tensor.empty(%b) : tensor<?x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%space : tensor<?x3xf32>) -> tensor<?x3xf32>
  %sum = linalg.reduce {arith.addf} ins(%squares : tensor<?x3x8xf32>) outs(%init : tensor<?x3xf32>) dimensions = [2]
  %kept = tensor.expand_shape %sum [[0], [1, 2]] output_shape [%b, 3, 1] : tensor<?x3xf32> into tensor<?x3x1xf32>
  %column = tensor.empty(%b) : tensor<?x3x1xf32>
  %eight = arith.constant 8.0 : f32
  %n = linalg.fill ins(%eight : f32) outs(%column : tensor<?x3x1xf32>) -> tensor<?x3x1xf32>
  %mean = arith.divf %kept, %n : tensor<?x3x1xf32>
  %small = arith.constant 1.0e-5 : f32
  %e = linalg.fill ins(%small : f32) outs(%column : tensor<?x3x1xf32>) -> tensor<?x3x1xf32>
  %variance = arith.addf %mean, %e : tensor<?x3x1xf32>
  %root = math.sqrt %variance : tensor<?x3x1xf32>
  %unit = arith.constant 1.0 : f32
  %one = linalg.fill ins(%unit : f32) outs(%column : tensor<?x3x1xf32>) -> tensor<?x3x1xf32>
  %inverse = arith.divf %one, %root : tensor<?x3x1xf32>
  %numbers = tensor.collapse_shape %inverse [[0], [1, 2]] : tensor<?x3x1xf32> into tensor<?x3xf32>
  %full = tensor.empty(%b) : tensor<?x3x8xf32>
  %factors = linalg.broadcast ins(%numbers : tensor<?x3xf32>) outs(%full : tensor<?x3x8xf32>) dimensions = [2]
  %scaled = arith.mulf %x, %factors : tensor<?x3x8xf32>
  %g = lqc.get_weight @gain : tensor<8xf32>
  %gains = linalg.broadcast ins(%g : tensor<8xf32>) outs(%full : tensor<?x3x8xf32>) dimensions = [0, 1]
  %y = arith.mulf %gains, %scaled : tensor<?x3x8xf32>
  return %y : tensor<?x3x8xf32>
}

// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + e) g + b.
// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK-DAG: %[[G:.*]] = lqc.get_weight @gain
  // CHECK-DAG: %[[B:.*]] = lqc.get_weight @bias
  // CHECK: %[[N:.*]] = lqc.layer_norm %{{.*}}, %[[G]], %[[B]] {epsilon = 9.99999974E-6 : f32}
  // CHECK-NEXT: return %[[N]]
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %n = arith.constant dense<0.125> : tensor<4xf32>
  %space = tensor.empty() : tensor<4x8xf32>
  %sum = linalg.reduce {arith.addf} ins(%x : tensor<4x8xf32>) outs(%zero : tensor<4xf32>) dimensions = [1]
  %mean = arith.mulf %sum, %n : tensor<4xf32>
  %means = linalg.broadcast ins(%mean : tensor<4xf32>) outs(%space : tensor<4x8xf32>) dimensions = [1]
  %centered = arith.subf %x, %means : tensor<4x8xf32>
  %two = arith.constant dense<2.0> : tensor<4x8xf32>
  %squares = math.powf %centered, %two : tensor<4x8xf32>
  %sum2 = linalg.reduce {arith.addf} ins(%squares : tensor<4x8xf32>) outs(%zero : tensor<4xf32>) dimensions = [1]
  %mean2 = arith.mulf %sum2, %n : tensor<4xf32>
  %e = arith.constant dense<1.0e-5> : tensor<4xf32>
  %variance = arith.addf %mean2, %e : tensor<4xf32>
  %root = math.sqrt %variance : tensor<4xf32>
  %roots = linalg.broadcast ins(%root : tensor<4xf32>) outs(%space : tensor<4x8xf32>) dimensions = [1]
  %scaled = arith.divf %centered, %roots : tensor<4x8xf32>
  %g = lqc.get_weight @gain : tensor<8xf32>
  %gains = linalg.broadcast ins(%g : tensor<8xf32>) outs(%space : tensor<4x8xf32>) dimensions = [0]
  %normed = arith.mulf %scaled, %gains : tensor<4x8xf32>
  %b = lqc.get_weight @bias : tensor<8xf32>
  %biases = linalg.broadcast ins(%b : tensor<8xf32>) outs(%space : tensor<4x8xf32>) dimensions = [0]
  %y = arith.addf %normed, %biases : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// The mean of something else, or by another number, is no norm.
// CHECK-LABEL: func.func @others
func.func @others(%x: tensor<4x8xf32>, %z: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK-NOT: lqc.rms_norm
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %n = arith.constant dense<0.125> : tensor<4xf32>
  %wrong = arith.constant dense<0.25> : tensor<4xf32>
  %e = arith.constant dense<1.0e-5> : tensor<4xf32>
  %space = tensor.empty() : tensor<4x8xf32>
  %g = lqc.get_weight @gain : tensor<8xf32>
  %gains = linalg.broadcast ins(%g : tensor<8xf32>) outs(%space : tensor<4x8xf32>) dimensions = [0]
  %squares = arith.mulf %x, %x : tensor<4x8xf32>
  %sum = linalg.reduce {arith.addf} ins(%squares : tensor<4x8xf32>) outs(%zero : tensor<4xf32>) dimensions = [1]
  %mean = arith.mulf %sum, %n : tensor<4xf32>
  %variance = arith.addf %mean, %e : tensor<4xf32>
  %root = math.rsqrt %variance : tensor<4xf32>
  %roots = linalg.broadcast ins(%root : tensor<4xf32>) outs(%space : tensor<4x8xf32>) dimensions = [1]
  %scaled = arith.mulf %z, %roots : tensor<4x8xf32>
  %y = arith.mulf %scaled, %gains : tensor<4x8xf32>
  %mean2 = arith.mulf %sum, %wrong : tensor<4xf32>
  %variance2 = arith.addf %mean2, %e : tensor<4xf32>
  %root2 = math.rsqrt %variance2 : tensor<4xf32>
  %roots2 = linalg.broadcast ins(%root2 : tensor<4xf32>) outs(%space : tensor<4x8xf32>) dimensions = [1]
  %scaled2 = arith.mulf %x, %roots2 : tensor<4x8xf32>
  %y2 = arith.mulf %scaled2, %gains : tensor<4x8xf32>
  return %y, %y2 : tensor<4x8xf32>, tensor<4x8xf32>
}
