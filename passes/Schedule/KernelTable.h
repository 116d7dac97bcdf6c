//===- KernelTable.h - one kernel for each distinct operation ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SCHEDULE_KERNELTABLE_H
#define LQC_PASSES_SCHEDULE_KERNELTABLE_H

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace lqc {

/// Makes and shares the kernels of a module.
class KernelTable {
public:
  /// Kernels are inserted before `forward`.
  KernelTable(mlir::func::FuncOp forward, mlir::SymbolTable &symbols)
      : forward(forward), symbols(symbols) {}

  /// The kernel that does `op` on operands of types `inputs`, or null if there
  /// is none. A layer of the cache is the kernel's argument, not its own.
  KernelOp get(mlir::Operation *op, llvm::ArrayRef<mlir::Type> inputs,
               llvm::ArrayRef<mlir::Type> results);

  /// The same for the operation `lqc.<mnemonic>`.
  KernelOp get(llvm::StringRef mnemonic, llvm::ArrayRef<mlir::Type> inputs,
               llvm::ArrayRef<mlir::Type> results,
               llvm::ArrayRef<mlir::NamedAttribute> attributes,
               mlir::Location loc);

  /// The kernel of a linear, of floats or bytes, of patches, which are not
  /// written down. `inputs`: of the image, the packed weight and the bias if
  /// there is one.
  KernelOp getConvolution(PatchesOp patches, mlir::Operation *linear,
                          llvm::ArrayRef<mlir::Type> inputs, mlir::Type result);

  /// How a kernel's work is cut: `units` for each `rows` rows, or in all.
  struct KernelUnits {
    int64_t units = 1;
    std::optional<int64_t> rows = 1;
  };

private:
  KernelOp create(mlir::OperationName name, llvm::ArrayRef<mlir::Type> inputs,
                  llvm::ArrayRef<mlir::Type> results,
                  mlir::DictionaryAttr attributes, mlir::Location loc);
  /// The kernel for `key` and these types; `buildBody` writes what it yields.
  KernelOp create(
      std::string key, const KernelUnits &units, llvm::StringRef name,
      llvm::ArrayRef<mlir::Type> inputs, llvm::ArrayRef<mlir::Type> results,
      mlir::Location loc,
      llvm::function_ref<mlir::ValueRange(mlir::OpBuilder &, mlir::ValueRange)>
          buildBody);

  mlir::func::FuncOp forward;
  mlir::SymbolTable &symbols;
  std::map<std::string, KernelOp> kernels;
};

} // namespace lqc

#endif // LQC_PASSES_SCHEDULE_KERNELTABLE_H
