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
  let summary = "replace exp and tanh by vector polynomials";
  let description = [{
    Elementary functions on vectors become polynomials that stay in registers
    (errors of a few units in the last place), instead of one call of the C
    library for each lane.

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

#endif // LQC_PASSES_LOWER_CPU
