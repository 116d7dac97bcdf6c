//===- Paths.h - where the files of a module are ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_PATHS_H
#define LQC_LIB_DRIVER_PATHS_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace lqc {

/// Rewrites the paths in `#lqc.file` and `#lqc.model`, which are relative to
/// the folder `from`, so that they are relative to the folder `to`.
void rebasePaths(mlir::ModuleOp module, llvm::StringRef from,
                 llvm::StringRef to);

/// Makes references to the file `from` references to the file `to`, in the same
/// folder. Paths are relative to `root`.
void renameFile(mlir::ModuleOp module, llvm::StringRef root,
                llvm::StringRef from, llvm::StringRef to);

/// The way from the folder `from` to the folder `to`, relative.
std::string pathBetween(llvm::StringRef from, llvm::StringRef to);

/// The deepest folder that holds everything the module refers to relative to
/// `root`: `root` itself, unless a path leads out of it.
std::string commonFolder(mlir::ModuleOp module, llvm::StringRef root);

/// True if `file` exists and is one of those that the module refers to relative
/// to `root`: weights, results of searches, the tokenizer's and other files of
/// the checkpoint.
bool readsFile(mlir::ModuleOp module, llvm::StringRef root,
               llvm::StringRef file);

} // namespace lqc

#endif // LQC_LIB_DRIVER_PATHS_H
