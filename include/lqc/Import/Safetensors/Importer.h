//===- Importer.h - a checkpoint becomes a module ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_SAFETENSORS_IMPORTER_H
#define LQC_IMPORT_SAFETENSORS_IMPORTER_H

#include "lqc/Import/Safetensors/GenerationConfig.h"

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

/// Reads the directory's generation_config.json, if there is one: its defaults
/// become `lqc.generation`, and keys that are not done are named in a warning.
/// Tokens must be below `vocabulary`.
llvm::Expected<std::optional<GenerationConfig>>
importGenerationConfig(mlir::ModuleOp module, llvm::StringRef directory,
                       int64_t vocabulary);

/// Positions of the cache: `context` if the user chose it, which must be 1 to
/// `maxPositions`, else these, at most 4096. `configPath`: what says
/// max_position_embeddings, for the message.
llvm::Expected<int64_t> chooseContextLength(int64_t maxPositions,
                                            llvm::StringRef configPath,
                                            std::optional<int64_t> context);

} // namespace lqc

#endif // LQC_IMPORT_SAFETENSORS_IMPORTER_H
