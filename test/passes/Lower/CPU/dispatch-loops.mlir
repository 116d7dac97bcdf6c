// RUN: lqc-opt %s --lqc-dispatch-loops --split-input-file | FileCheck %s

#map = affine_map<(i, j) -> (i, j)>

// Equal loops are one kernel, whatever buffers they work on; threads share the
// outer loop.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%call: !llvm.ptr, %x: memref<?x4xf32>, %y: memref<?x4xf32>) {
    // CHECK-NOT: linalg
    // CHECK: constant @loop.addf
    // CHECK: llvm.call @lqc_dispatch
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<?x4xf32>) outs(%y : memref<?x4xf32>) {
    ^bb0(%a: f32, %out: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
    }
    // CHECK: constant @loop.addf
    // CHECK: llvm.call @lqc_dispatch
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
        ins(%y : memref<?x4xf32>) outs(%x : memref<?x4xf32>) {
    ^bb0(%a: f32, %out: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
    }
    return
  }
  // CHECK-LABEL: func.func @loop.addf
  // CHECK-SAME: (%{{.+}}: !llvm.ptr, %{{.+}}: i64, %[[BEGIN:.+]]: i64, %[[END:.+]]: i64) attributes {lqc.kernel}
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: memref.load
  // CHECK: arith.addf
  // CHECK: memref.store
  // CHECK-NOT: func.func @loop.addf
}

// -----

// A tile of a product, 4 rows by one vector without AVX-512, stays in registers;
// the sum keeps its order. What is left over: vectors cut short, single rows.

module attributes {lqc.graph = {}} {
  func.func @main(%call: !llvm.ptr, %a: memref<?x5xf32>, %b: memref<5x?xf32>, %c: memref<?x?xf32>) {
    linalg.matmul ins(%a, %b : memref<?x5xf32>, memref<5x?xf32>) outs(%c : memref<?x?xf32>)
    return
  }
  // CHECK-LABEL: func.func @loop.matmul
  // CHECK: %[[IS_WHOLE:.+]] = arith.cmpi sle
  // CHECK: scf.if %[[IS_WHOLE]] {
  // CHECK: scf.for %[[COLUMN:.+]] =
  // CHECK-COUNT-4: vector.load
  // CHECK: scf.for %[[SUMMED:.+]] = %{{.+}} to %{{.+}} iter_args
  // CHECK: %[[B:.+]] = vector.load %{{.+}}[%[[SUMMED]], %[[COLUMN]]]
  // CHECK-COUNT-4: math.fma %{{.+}}, %[[B]], %{{.+}} : vector<16xf32>
  // CHECK: scf.yield
  // CHECK-COUNT-4: vector.store
  // CHECK: vector.create_mask
  // CHECK: vector.maskedload
  // CHECK: vector.maskedstore
  // CHECK: } else {
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK-COUNT-1: math.fma
}

// -----

// Other products have their columns innermost, so that they become lanes.

module attributes {lqc.graph = {}} {
  func.func @main(%call: !llvm.ptr, %a: memref<8x5xi32>, %b: memref<5x16xi32>, %c: memref<8x16xi32>) {
    linalg.matmul ins(%a, %b : memref<8x5xi32>, memref<5x16xi32>) outs(%c : memref<8x16xi32>)
    return
  }
  // CHECK-LABEL: func.func @loop.matmul
  // CHECK-DAG: %[[K:.+]] = arith.constant 5 : index
  // CHECK-DAG: %[[N:.+]] = arith.constant 16 : index
  // CHECK: scf.for %[[ROW:.+]] =
  // CHECK: scf.for %[[SUMMED:.+]] = %{{.+}} to %[[K]]
  // CHECK: scf.for %[[COLUMN:.+]] = %{{.+}} to %[[N]]
  // CHECK: memref.load %{{.+}}[%[[ROW]], %[[SUMMED]]]
  // CHECK: memref.load %{{.+}}[%[[SUMMED]], %[[COLUMN]]]
}

// -----

// A sum of neighbours stays in a register.

module attributes {lqc.graph = {}} {
  func.func @main(%call: !llvm.ptr, %x: memref<8x5xf32>, %y: memref<8xf32>) {
    linalg.reduce { arith.addf } ins(%x : memref<8x5xf32>) outs(%y : memref<8xf32>) dimensions = [1]
    return
  }
  // CHECK-LABEL: func.func @loop.reduce
  // CHECK: scf.for
  // CHECK: %[[SUM:.+]] = scf.for {{.*}} iter_args
  // CHECK: scf.yield
  // CHECK: memref.store %[[SUM]]
}

// -----

// A copy is a loop as any other.

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @main
  func.func @main(%call: !llvm.ptr, %x: memref<4xf32>, %y: memref<4xf32>) {
    // CHECK-NOT: memref.copy
    // CHECK: llvm.call @lqc_dispatch
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
    return
  }
  // CHECK: func.func @loop.copy
}

// -----

// The sum along neighbours: 16 chains in lanes, the last elements by a mask, then
// halves onto halves. Integers, which have no order, are left to LLVM.

module attributes {lqc.graph = {}} {
  func.func @main(%call: !llvm.ptr, %x: memref<?x?xf32>, %y: memref<?xf32>, %i: memref<?x?xi32>, %j: memref<?xi32>) {
    linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<?x?xf32>) outs(%y : memref<?xf32>) {
    ^bb0(%a: f32, %sum: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %sum, %0 : f32
      linalg.yield %1 : f32
    }
    linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>], iterator_types = ["parallel", "reduction"]}
        ins(%i : memref<?x?xi32>) outs(%j : memref<?xi32>) {
    ^bb0(%a: i32, %sum: i32):
      %0 = arith.addi %sum, %a : i32
      linalg.yield %0 : i32
    }
    return
  }
  // CHECK-LABEL: func.func @loop.addf
  // CHECK: %[[NOTHING:.+]] = arith.constant dense<0.000000e+00> : vector<16xf32>
  // CHECK: %[[WHOLE:.+]] = scf.for {{.+}} iter_args(%[[SUM:.+]] = %[[NOTHING]])
  // CHECK: %[[X:.+]] = vector.load
  // CHECK: %[[SQUARE:.+]] = arith.mulf %[[X]], %[[X]] : vector<16xf32>
  // CHECK: arith.addf %[[SUM]], %[[SQUARE]] : vector<16xf32>
  // CHECK: scf.for {{.+}} iter_args(%{{.+}} = %[[WHOLE]])
  // CHECK: vector.maskedload
  // CHECK: arith.select
  // CHECK: arith.addf %{{.+}}, %{{.+}} : vector<8xf32>
  // CHECK: arith.addf %{{.+}}, %{{.+}} : vector<1xf32>
  // CHECK: memref.store
  // CHECK-LABEL: func.func @loop.addi
  // CHECK-NOT: vector<
  // CHECK: return
}
