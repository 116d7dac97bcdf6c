//===- Loops.h - loops that carry tensors -----------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop, Scan and the recurrent operators carry tensors from one iteration to
// the next and may put together one row from each. Sizes of what is carried are
// first taken to stay as they are; a body that changes one is built again, with
// that size dynamic.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_LOOPS_H
#define LQC_LIB_IMPORT_ONNX_LOOPS_H

#include "lib/Import/Onnx/NodeBuilder.h"

namespace lqc {

/// What an iteration gives.
struct Iteration {
  mlir::Value goesOn;                ///< i1; null: yes
  llvm::SmallVector<Tensor> carried; ///< for the next iteration
  llvm::SmallVector<Tensor> rows;    ///< to be collected
};

/// What a loop gives: the last carried tensors, and the collected rows with the
/// iterations as a new first dimension.
struct LoopResult {
  llvm::SmallVector<Tensor> carried, collected;
};

/// Iterates at most `limit` times, while `goesOn` (null: always). `body` builds
/// one iteration of a number (from 0) and what is carried; it may be called
/// several times.
LoopResult
runLoop(NodeBuilder &n, Size limit, mlir::Value goesOn,
        llvm::ArrayRef<Tensor> carried,
        llvm::function_ref<Iteration(Size, llvm::ArrayRef<Tensor>)> body);

/// What two branches give, as one tensor: builds an scf.if.
llvm::SmallVector<Tensor>
buildChoice(NodeBuilder &n, mlir::Value condition,
            llvm::function_ref<llvm::SmallVector<Tensor>()> then,
            llvm::function_ref<llvm::SmallVector<Tensor>()> otherwise);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_LOOPS_H
