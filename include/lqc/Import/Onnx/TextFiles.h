//===- TextFiles.h - what lies beside an ONNX file --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters write a model's tokenizer and configuration beside the .onnx file,
// as they lie in the Hugging Face directory that it came from:
//
//   model.onnx  config.json  generation_config.json  tokenizer.json  …
//
// or the model stands one folder below them, in onnx/model.onnx.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_ONNX_TEXTFILES_H
#define LQC_IMPORT_ONNX_TEXTFILES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// The model of a directory that has no safetensors: its model.onnx, or its
/// onnx/model.onnx; "": neither is there, or there are safetensors.
std::string onnxFileOf(llvm::StringRef directory);

/// The folder with the files beside the model `path`, relative to the model's:
/// ".", or ".." for a model in a folder called onnx that has none of them. ""
/// if there are none.
std::string textFolder(llvm::StringRef path);

/// Names of the files of a folder that say something of any model's tokens: its
/// configuration and its tokenizer.
std::vector<std::string> textFiles(llvm::StringRef folder);

/// These, and what says how an encoder's rows become embeddings.
std::vector<std::string> embeddingFiles(llvm::StringRef folder);

/// Keeps what the files beside the graph's model `path` say: `lqc.model` (0 for
/// a vocabulary or a context that they do not tell), `lqc.generation` and, if
/// it is an encoder with a tokenizer, `lqc.encoder`. A graph that takes no
/// tokens stays as it is. `context`: positions, if the user
/// chose them. Errors are one line: "FILE: key: rule, got: value".
llvm::Error importTextFiles(mlir::ModuleOp module, llvm::StringRef path,
                            std::optional<int64_t> context);

} // namespace lqc

#endif // LQC_IMPORT_ONNX_TEXTFILES_H
