//===- RowStore.h - what becomes of a kernel's sums -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_ROWSTORE_H
#define LQC_PASSES_LOWER_CPU_ROWSTORE_H

#include "passes/Lower/CPU/KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

namespace lqc {

/// Stores sums of some neighbouring columns in the rows of a kernel's
/// destination: as they are, or what the kernel's epilogue, a linalg.generic
/// behind its operation, makes of them.
class RowStore {
public:
  /// Rows of `columns` elements.
  RowStore(KernelEmitter &e, int64_t columns);

  /// What is stored next are the `lanes` columns from `column` on. `mask`:
  /// those that are there, or null for all.
  void moveTo(mlir::Value column, int64_t lanes, mlir::Value mask);
  void store(mlir::Value sums, mlir::Value row);

private:
  /// An operand of the epilogue but for the sums.
  struct Operand {
    mlir::BlockArgument element; ///< of the epilogue's body
    mlir::Value pointer;
    bool hasRows = false;
    mlir::Value lanes; ///< at the columns; of operands without rows
  };

  mlir::Value load(mlir::Type element, mlir::Value pointer, mlir::Value index);
  mlir::Value finish(mlir::Value sums, mlir::Value index);

  KernelEmitter &e;
  int64_t columns;
  mlir::linalg::GenericOp epilogue; ///< or null
  mlir::BlockArgument sumElement;   ///< of the epilogue's body
  llvm::SmallVector<Operand> operands;
  mlir::IRMapping constants; ///< of the kernel, as the function has them
  mlir::Value out;
  mlir::Type element; ///< of the destination

  mlir::Value column, mask;
  int64_t lanes = 0;
};

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_ROWSTORE_H
