// RUN: lqc-opt %s --lqc-lower-graph --split-input-file --verify-diagnostics | FileCheck %s

module attributes {lqc.graph = {}, lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c,+bmi2">} {
  memref.global "private" @w : memref<4xf32> {alignment = 64 : i64, lqc.offset = 128 : i64}
  // CHECK-LABEL: func.func @lqc_graph_body
  func.func @main(%call: !llvm.ptr, %x: memref<?xf32> {lqc.name = "x", lqc.dims = ["n"]}, %ok: memref<i1>)
      -> (memref<?xf32> {lqc.name = "y"}) {
    // CHECK: llvm.call @lqc_graph_alloc
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?xf32>
    %y = memref.alloc(%n) : memref<?xf32>
    // CHECK: llvm.mlir.constant(128 : i64)
    // CHECK-NOT: memref.get_global
    %w = memref.get_global @w : memref<4xf32>
    // CHECK: scf.if
    // CHECK-NEXT: llvm.mlir.addressof @lqc_message_1
    // CHECK-NEXT: llvm.call @lqc_graph_fail
    %o = memref.load %ok[] : memref<i1>
    cf.assert %o, "node 'g' (Gather): index must be 0 to 4"
    %v = memref.load %w[%c0] : memref<4xf32>
    memref.store %v, %y[%c0] : memref<?xf32>
    // CHECK: llvm.call @lqc_graph_alloc
    // CHECK: llvm.call @lqc_graph_free
    %t = memref.alloc() : memref<4xf32>
    memref.dealloc %t : memref<4xf32>
    return %y : memref<?xf32>
  }
  // CHECK: func.func @lqc_run(%{{.+}}: !llvm.ptr)
  // CHECK: call @lqc_graph_body
  // CHECK: llvm.mlir.global private constant @lqc_inputs0.name("x\00")
  // CHECK: llvm.mlir.global private constant @lqc_inputs0.dim0("n\00")
  // CHECK: llvm.mlir.global private constant @lqc_inputs1.name("input1\00")
  // CHECK: llvm.mlir.global private constant @lqc_outputs0.name("y\00")
  // CHECK: llvm.mlir.global external constant @lqc_graph()
  // CHECK: llvm.mlir.global private constant @lqc_message_1("node 'g' (Gather): index must be 0 to 4\00")
  // CHECK: llvm.func weak @main
  // CHECK-NOT: memref.global
}

// -----

// expected-error@+1 {{has no lqc.target to generate code for}}
module attributes {lqc.graph = {}} {
}

// -----

// expected-error@+1 {{has no function @main to compile}}
module attributes {lqc.graph = {}, lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c,+bmi2">} {
}

// -----

module attributes {lqc.graph = {}, lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c,+bmi2">} {
  // expected-error@+1 {{has an input or output of a type that executables do not take: 'i7'}}
  func.func @main(%call: !llvm.ptr, %x: memref<4xi7>) {
    return
  }
}
