//===- Importer.h - a checkpoint becomes a module ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_SAFETENSORS_IMPORTER_H
#define LQC_IMPORT_SAFETENSORS_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace lqc {

/// What the user may choose about an import.
struct ImportOptions {
  /// Positions of the cache. Default: the model's, at most 4096.
  std::optional<int64_t> context;
};

/// Turns a Hugging Face directory (config.json and safetensors) into a module
/// at the model level: `lqc.weight`s that name places in the files, one
/// function for each decoder layer, and `@forward`. No tensor is read. File
/// names in `#lqc.file` are relative to `directory`.
///
/// Errors are one line that names the file and the tensor or key. Tensors that
/// the model does not need are reported by one warning.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importSafetensors(mlir::MLIRContext *context, llvm::StringRef directory,
                  const ImportOptions &options = {});

} // namespace lqc

#endif // LQC_IMPORT_SAFETENSORS_IMPORTER_H
