//===- Passes.td - passes of the lower phase for CPUs ------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU
#define LQC_PASSES_LOWER_CPU

include "mlir/Pass/PassBase.td"

def LowerKernelsPass : Pass<"lqc-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "generate the code of kernels and steps";
  let description = [{
    Each `lqc.kernel` becomes a `func.func` of loops and vectors for the
    module's `lqc.target`, with the interface of `lqc_kernel_function`; each
    `lqc.step` becomes an `llvm.func` that calls the runtime's `lqc_dispatch`;
    the constant `lqc_model` describes them (`lqc/Runtime/Model.h`). Weights
    become offsets into the payload. No `lqc` operation remains.

    Before:
    ```mlir
    lqc.kernel @addf_1x64_1x64(%a: tensor<1x64xf32>, %b: tensor<1x64xf32>, %out: tensor<1x64xf32>) attributes {…} {
      %sum = arith.addf %a, %b : tensor<1x64xf32>
      lqc.yield %sum : tensor<1x64xf32>
    }
    ```
    After:
    ```mlir
    func.func @addf_1x64_1x64(%arguments: !llvm.ptr, %count: i64, %begin: i64, %end: i64) {
      scf.for %row = %begin to %end step %c1 : i64 {
        …
          %sum = arith.addf %x, %y : vector<16xf32>
    ```

    Fails on a module without `lqc.target` and on operands that the CPU's
    kernels do not take.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def ExpandMathPass : Pass<"lqc-expand-math"> {
  let summary = "replace exp, tanh and erf by polynomials";
  let description = [{
    Elementary functions of float32 become polynomials that stay in registers
    (errors of a few units in the last place), instead of one call of the C
    library for each lane. Loops of them can be vectorised.

    Before:
    ```mlir
    %y = math.exp %x : vector<16xf32>
    ```
    After: multiplications, additions and bit operations on `vector<16xf32>`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def BufferizeGraphPass : Pass<"lqc-bufferize-graph", "::mlir::ModuleOp"> {
  let summary = "a graph's tensors become buffers";
  let description = [{
    Runs MLIR's one-shot bufferization and buffer deallocation on a module with
    `lqc.graph`; any other stays as it is. Function boundaries are row-major
    buffers, and inputs are not written to. A weight becomes a `memref.global`
    without a value that says where it lies in the payload (`lqc.offset`). Every
    function gets the `lqc_graph_call *` (`lqc/Runtime/Graph.h`) as its first
    argument.

    Before:
    ```mlir
    func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %w = lqc.get_weight @w : tensor<4xf32>
      …
    ```
    After:
    ```mlir
    memref.global "private" @w : memref<4xf32> {alignment = 64 : i64, lqc.offset = 0 : i64}
    func.func @main(%call: !llvm.ptr, %x: memref<?x4xf32>) -> memref<?x4xf32> {
      %w = memref.get_global @w : memref<4xf32>
      …
    ```
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect"
  ];
}

def DispatchLoopsPass : Pass<"lqc-dispatch-loops", "::mlir::ModuleOp"> {
  let summary = "a graph's operations on buffers become kernels";
  let description = [{
    Each linalg operation becomes loops, and the outer parallel ones a function
    with the interface of `lqc_kernel_function`, which `lqc_dispatch` runs on
    all threads. Equal loops share one. Sums keep their order; products of float
    tensors are sums of fused multiply-adds, in tiles of vectors. A module without
    `lqc.graph` stays as it is.

    Before:
    ```mlir
    linalg.generic {…} ins(%x : memref<?x4xf32>) outs(%y : memref<?x4xf32>) {…}
    ```
    After:
    ```mlir
    func.func @loop.addf(%arguments: !llvm.ptr, %count: i64, %begin: i64, %end: i64) attributes {lqc.kernel} {…}
    …
    llvm.call @lqc_dispatch(%pool, %kernel, %arguments, %zero, %units, %grain) : …
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def LowerGraphPass : Pass<"lqc-lower-graph", "::mlir::ModuleOp"> {
  let summary = "a graph's memory, failures and entry";
  let description = [{
    Buffers come from `lqc_graph_alloc` and go to `lqc_graph_free`, weights are
    addresses in the payload, `cf.assert` calls `lqc_graph_fail`. The constant
    `lqc_graph` describes inputs and outputs (`lqc/Runtime/Graph.h`), and a weak
    `main` starts the runtime. A module without `lqc.graph` stays as it is.

    Before:
    ```mlir
    cf.assert %ok, "node 'g' (Gather): index must be 0 to 4"
    ```
    After:
    ```mlir
    %fails = arith.xori %ok, %true : i1
    scf.if %fails {
      %message = llvm.mlir.addressof @lqc_message_1 : !llvm.ptr
      llvm.call @lqc_graph_fail(%message) : (!llvm.ptr) -> ()
    }
    ```

    Fails on a module without `lqc.target` or `@main`, and on inputs and outputs
    of types that executables do not take.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def GuardArithmeticPass : Pass<"lqc-guard-arithmetic", "::mlir::ModuleOp"> {
  let summary = "no input makes a graph's arithmetic fail";
  let description = [{
    Inputs are hostile: an integer division by 0 gives 0, and the smallest
    number divided by -1 wraps, as in NumPy. bfloat16 arithmetic, which the CPU
    does not have, becomes that of float32 with its results rounded. A module
    without `lqc.graph` stays as it is.

    Before:
    ```mlir
    %q = arith.divui %a, %b : i8
    ```
    After:
    ```mlir
    %is_zero = arith.cmpi eq, %b, %c0 : i8
    %divisor = arith.select %is_zero, %c1, %b : i8
    %quotient = arith.divui %a, %divisor : i8
    %q = arith.select %is_zero, %c0, %quotient : i8
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // LQC_PASSES_LOWER_CPU
