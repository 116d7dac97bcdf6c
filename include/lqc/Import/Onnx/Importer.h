//===- Importer.h - an ONNX model becomes a module --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_ONNX_IMPORTER_H
#define LQC_IMPORT_ONNX_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace lqc {

/// Turns the ONNX model at `path` into a graph module: the attribute
/// `lqc.graph`
/// ({name, producer, opset, ir_version}), `@main`, and
/// `lqc.weight` for each initializer of more than 1 KiB that is used. No weight
/// is read. Paths in `#lqc.file` are relative to the model's folder.
///
/// Shapes that the model computes from the sizes of its inputs are folded. What
/// the files beside the model say of its tokens is kept too (TextFiles.h);
/// `positions`: of the cache, if the user chose them.
/// Errors are one line: "PATH: node 'NAME' (OP): rule, got: value".
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importOnnx(mlir::MLIRContext *context, llvm::StringRef path,
           std::optional<int64_t> positions = std::nullopt);

/// The same of a model in memory, without the files beside it; `path` says
/// where its external data are.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importOnnx(mlir::MLIRContext *context, llvm::ArrayRef<char> bytes,
           llvm::StringRef path);

} // namespace lqc

#endif // LQC_IMPORT_ONNX_IMPORTER_H
