// RUN: %lqc-opt %s --lqc-raise --lqc-drop-unused-weights | FileCheck %s

// CHECK: lqc.weight @w.transposed : tensor<3x2xf32> {
// CHECK-NEXT: %[[READ:.*]] = lqc.get_weight @w
// CHECK: linalg.transpose ins(%[[READ]] : tensor<2x3xf32>) {{.*}} permutation = [1, 0]
// CHECK: lqc.weight @turned : tensor<3x2xbf16>
lqc.weight @w : tensor<2x3xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @turned : tensor<3x2xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>

lqc.weight @merged : tensor<3x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
lqc.weight @merged_bias : tensor<3xf32> = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>

// CHECK-LABEL: func.func @with_bias
// CHECK-SAME: %[[X:.*]]: tensor<?x2xf32>
func.func @with_bias(%x: tensor<?x2xf32>, %rows: index) -> tensor<?x3xf32> {
  // CHECK-DAG: %[[W:.*]] = lqc.get_weight @w.transposed
  // CHECK-DAG: %[[B:.*]] = lqc.get_weight @constant{{.*}} : tensor<3xf32>
  // CHECK: lqc.linear %[[X]], %[[W]], %[[B]] : (tensor<?x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  // CHECK-NEXT: return
  %w = lqc.get_weight @w : tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%rows) : tensor<?x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x3xf32>) -> tensor<?x3xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x2xf32>, tensor<2x3xf32>) outs(%init : tensor<?x3xf32>) -> tensor<?x3xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %1 = linalg.broadcast ins(%b : tensor<3xf32>) outs(%empty : tensor<?x3xf32>) dimensions = [0]
  %2 = arith.addf %1, %0 : tensor<?x3xf32>
  return %2 : tensor<?x3xf32>
}

// The transpose of a transpose is the weight, and halves stay halves.
// CHECK-LABEL: func.func @transposed_half
func.func @transposed_half(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  // CHECK: %[[W:.*]] = lqc.get_weight @turned : tensor<3x2xbf16>
  // CHECK: lqc.linear %{{.*}}, %[[W]] : (tensor<4x2xf32>, tensor<3x2xbf16>) -> tensor<4x3xf32>
  %w = lqc.get_weight @turned : tensor<3x2xbf16>
  %wide = arith.extf %w : tensor<3x2xbf16> to tensor<3x2xf32>
  %space = tensor.empty() : tensor<2x3xf32>
  %turned = linalg.transpose ins(%wide : tensor<3x2xf32>) outs(%space : tensor<2x3xf32>) permutation = [1, 0]
  %init = arith.constant dense<0.0> : tensor<4x3xf32>
  %0 = linalg.matmul ins(%x, %turned : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// A tensor of rank 3 is rows: the bias and what follows work on them, and the
// reshapes between two linears go away.
// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x?x2xf32>) -> tensor<?x?x2xf32> {
  // CHECK: %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]]
  // CHECK: %[[L:.*]] = lqc.linear %[[ROWS]], %{{.*}}, %{{.*}} -> tensor<?x3xf32>
  // CHECK: %[[E:.*]] = math.exp %[[L]] : tensor<?x3xf32>
  // CHECK: %[[M:.*]] = lqc.linear %[[E]]
  // CHECK: tensor.expand_shape %[[M]]
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x2xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x2xf32>
  %zero = arith.constant 0.0 : f32
  %flat = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x2xf32> into tensor<?x2xf32>
  %rows = arith.muli %b, %s : index
  %empty = tensor.empty(%rows) : tensor<?x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x3xf32>) -> tensor<?x3xf32>
  %w = lqc.get_weight @w : tensor<2x3xf32>
  %0 = linalg.matmul ins(%flat, %w : tensor<?x2xf32>, tensor<2x3xf32>) outs(%init : tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [%b, %s, 3] : tensor<?x3xf32> into tensor<?x?x3xf32>
  %bias = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %space = tensor.empty(%b, %s) : tensor<?x?x3xf32>
  %2 = linalg.broadcast ins(%bias : tensor<3xf32>) outs(%space : tensor<?x?x3xf32>) dimensions = [0, 1]
  %3 = arith.addf %1, %2 : tensor<?x?x3xf32>
  %4 = math.exp %3 : tensor<?x?x3xf32>
  %5 = tensor.collapse_shape %4 [[0, 1], [2]] : tensor<?x?x3xf32> into tensor<?x3xf32>
  %empty2 = tensor.empty(%rows) : tensor<?x2xf32>
  %init2 = linalg.fill ins(%zero : f32) outs(%empty2 : tensor<?x2xf32>) -> tensor<?x2xf32>
  %back = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %6 = linalg.matmul ins(%5, %back : tensor<?x3xf32>, tensor<3x2xf32>) outs(%init2 : tensor<?x2xf32>) -> tensor<?x2xf32>
  %7 = tensor.expand_shape %6 [[0, 1], [2]] output_shape [%b, %s, 2] : tensor<?x2xf32> into tensor<?x?x2xf32>
  return %7 : tensor<?x?x2xf32>
}

// What adds to something, or has no weight, stays.
// CHECK-LABEL: func.func @others
func.func @others(%x: tensor<4x2xf32>, %y: tensor<2x3xf32>, %z: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  // CHECK-COUNT-2: linalg.matmul
  %w = lqc.get_weight @w : tensor<2x3xf32>
  %init = arith.constant dense<0.0> : tensor<4x3xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%z : tensor<4x3xf32>) -> tensor<4x3xf32>
  %1 = linalg.matmul ins(%x, %y : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %0, %1 : tensor<4x3xf32>, tensor<4x3xf32>
}

// Weights of two linears in one, cut apart where the rows have two dimensions.
// CHECK-LABEL: func.func @cut
func.func @cut(%x: tensor<?x2xf32>, %b: index, %s: index) -> (tensor<?x?x1xf32>, tensor<?x?x2xf32>) {
  // CHECK-DAG: %[[FIRST:.*]] = lqc.get_weight @merged.rows_0 : tensor<1x2xf32>
  // CHECK-DAG: %[[FIRST_BIAS:.*]] = lqc.get_weight @merged_bias.rows_0 : tensor<1xf32>
  // CHECK-DAG: lqc.linear %{{.*}}, %[[FIRST]], %[[FIRST_BIAS]]
  // CHECK-DAG: %[[REST:.*]] = lqc.get_weight @merged.rows_1 : tensor<2x2xf32>
  // CHECK-DAG: lqc.linear %{{.*}}, %[[REST]], %{{.*}} : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  // CHECK-NOT: tensor.extract_slice
  %w = lqc.get_weight @merged : tensor<3x2xf32>
  %c = lqc.get_weight @merged_bias : tensor<3xf32>
  %0 = lqc.linear %x, %w, %c : (tensor<?x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [%b, %s, 3] : tensor<?x3xf32> into tensor<?x?x3xf32>
  %2 = tensor.extract_slice %1[0, 0, 0] [%b, %s, 1] [1, 1, 1] : tensor<?x?x3xf32> to tensor<?x?x1xf32>
  %3 = tensor.extract_slice %1[0, 0, 1] [%b, %s, 2] [1, 1, 1] : tensor<?x?x3xf32> to tensor<?x?x2xf32>
  return %2, %3 : tensor<?x?x1xf32>, tensor<?x?x2xf32>
}

// Not all rows, and a linear that is also read whole.
// CHECK-LABEL: func.func @not_cut
func.func @not_cut(%x: tensor<4x2xf32>) -> (tensor<2x1xf32>, tensor<4x3xf32>, tensor<4x1xf32>) {
  // CHECK: lqc.get_weight @merged : tensor<3x2xf32>
  // CHECK-COUNT-2: lqc.linear
  // CHECK-COUNT-2: tensor.extract_slice
  %w = lqc.get_weight @merged : tensor<3x2xf32>
  %c = lqc.get_weight @merged_bias : tensor<3xf32>
  %0 = lqc.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %2 = lqc.linear %x, %w, %c : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %1 = tensor.extract_slice %0[0, 0] [2, 1] [1, 1] : tensor<4x3xf32> to tensor<2x1xf32>
  %3 = tensor.extract_slice %2[0, 0] [4, 1] [1, 1] : tensor<4x3xf32> to tensor<4x1xf32>
  return %1, %2, %3 : tensor<2x1xf32>, tensor<4x3xf32>, tensor<4x1xf32>
}

// A select of which one branch has other rows stays where it is, and nothing is
// made for the other.
// CHECK-LABEL: func.func @one_branch_of_rows
func.func @one_branch_of_rows(%m: tensor<?x4xi1>, %y: tensor<?x?x4xf32>, %b: index, %s: index) -> tensor<?x?x4xf32> {
  // CHECK: %[[MASK:.*]] = tensor.expand_shape
  // CHECK-NOT: tensor.splat {{.*}} : tensor<?x4xf32>
  // CHECK: arith.select %[[MASK]], %{{.*}}, %arg1 : tensor<?x?x4xi1>, tensor<?x?x4xf32>
  %zero = arith.constant 0.0 : f32
  %mask = tensor.expand_shape %m [[0, 1], [2]] output_shape [%b, %s, 4] : tensor<?x4xi1> into tensor<?x?x4xi1>
  %0 = tensor.splat %zero[%b, %s] : tensor<?x?x4xf32>
  %1 = arith.select %mask, %0, %y : tensor<?x?x4xi1>, tensor<?x?x4xf32>
  return %1 : tensor<?x?x4xf32>
}
