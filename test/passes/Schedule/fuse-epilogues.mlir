// RUN: lqc-opt %s --lqc-fuse-epilogues --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// What is done with a linear's sums goes into its kernel, with the operands that
// it has besides. Equal kernels are one; the one without an epilogue goes if
// nobody calls it.

module attributes {lqc.graph = {}} {
  // CHECK: lqc.kernel @linear_addf(%[[X:.+]]: tensor<?x8xf32>, %[[W:.+]]: tensor<16x8xf32, #lqc.packed<16x1>>, %[[R:.+]]: tensor<?x16xf32>, %[[G:.+]]: tensor<16xf32>, %[[OUT:.+]]: tensor<?x16xf32>)
  // CHECK: %[[C:.+]] = arith.constant 2.0
  // CHECK: %[[Y:.+]] = lqc.linear %[[X]], %[[W]]
  // CHECK: %[[Z:.+]] = linalg.generic {{.+}} ins(%[[Y]], %[[R]], %[[G]] : {{.+}}) outs(%[[OUT]] : tensor<?x16xf32>)
  // CHECK: arith.mulf %{{.+}}, %[[C]]
  // CHECK: lqc.yield %[[Z]]
  // CHECK-NOT: lqc.kernel
  lqc.kernel @linear(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %out: tensor<?x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 64 : i64} {
    %y = lqc.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>) -> tensor<?x16xf32>
    lqc.yield %y : tensor<?x16xf32>
  }
  // CHECK-LABEL: func.func @main
  // CHECK-SAME: %[[X:.+]]: tensor<?x8xf32>, %[[W:.+]]: tensor<16x8xf32, #lqc.packed<16x1>>, %[[R:.+]]: tensor<?x16xf32>, %[[G:.+]]: tensor<16xf32>
  func.func @main(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %r: tensor<?x16xf32>, %g: tensor<16xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
    %c0 = arith.constant 0 : index
    %two = arith.constant 2.0 : f32
    // CHECK: %[[ROWS:.+]] = tensor.dim %[[X]]
    %n = tensor.dim %x, %c0 : tensor<?x8xf32>
    // CHECK: %[[Z:.+]] = lqc.dispatch @linear_addf(%[[X]], %[[W]], %[[R]], %[[G]], %{{.+}}) rows %[[ROWS]]
    %e = tensor.empty(%n) : tensor<?x16xf32>
    %y = lqc.dispatch @linear(%x, %w, %e) rows %n : tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>, tensor<?x16xf32> -> tensor<?x16xf32>
    %m = tensor.dim %y, %c0 : tensor<?x16xf32>
    %f = tensor.empty(%m) : tensor<?x16xf32>
    %z = linalg.generic {indexing_maps = [#id, #id, #column, #id], iterator_types = ["parallel", "parallel"]}
        ins(%y, %r, %g : tensor<?x16xf32>, tensor<?x16xf32>, tensor<16xf32>) outs(%f : tensor<?x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %out: f32):
      %0 = arith.mulf %a, %two : f32
      %1 = arith.mulf %0, %c : f32
      %2 = arith.addf %1, %b : f32
      linalg.yield %2 : f32
    } -> tensor<?x16xf32>
    // CHECK: lqc.dispatch @linear_addf(%[[X]], %[[W]], %[[Z]], %[[G]], %{{.+}}) rows %[[ROWS]]
    %y2 = lqc.dispatch @linear(%x, %w, %e) rows %n : tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>, tensor<?x16xf32> -> tensor<?x16xf32>
    %z2 = linalg.generic {indexing_maps = [#id, #id, #column, #id], iterator_types = ["parallel", "parallel"]}
        ins(%y2, %z, %g : tensor<?x16xf32>, tensor<?x16xf32>, tensor<16xf32>) outs(%f : tensor<?x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %out: f32):
      %0 = arith.mulf %a, %two : f32
      %1 = arith.mulf %0, %c : f32
      %2 = arith.addf %1, %b : f32
      linalg.yield %2 : f32
    } -> tensor<?x16xf32>
    return %z, %z2 : tensor<?x16xf32>, tensor<?x16xf32>
  }
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// What has an operand for each row, or reads sums that another reads too, stays
// a loop.

module attributes {lqc.graph = {}} {
  lqc.kernel @linear(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %out: tensor<?x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 64 : i64} {
    %y = lqc.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>) -> tensor<?x16xf32>
    lqc.yield %y : tensor<?x16xf32>
  }
  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x8xf32>, %w: tensor<16x8xf32, #lqc.packed<16x1>>, %r: tensor<?xf32>, %e: tensor<?x16xf32>, %n: index) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
    // CHECK: lqc.dispatch @linear(
    // CHECK: linalg.generic
    // CHECK: lqc.dispatch @linear(
    // CHECK: linalg.generic
    %y = lqc.dispatch @linear(%x, %w, %e) rows %n : tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>, tensor<?x16xf32> -> tensor<?x16xf32>
    %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%y, %r : tensor<?x16xf32>, tensor<?xf32>) outs(%e : tensor<?x16xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %0 = arith.addf %a, %b : f32
      linalg.yield %0 : f32
    } -> tensor<?x16xf32>
    %y2 = lqc.dispatch @linear(%x, %w, %e) rows %n : tensor<?x8xf32>, tensor<16x8xf32, #lqc.packed<16x1>>, tensor<?x16xf32> -> tensor<?x16xf32>
    %z2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%y2 : tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) {
    ^bb0(%a: f32, %out: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    } -> tensor<?x16xf32>
    return %z, %z2, %y2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  }
}
