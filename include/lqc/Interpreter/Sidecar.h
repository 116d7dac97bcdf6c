//===- Sidecar.h - computed weights beside the IR ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `OUTPUT.lqcw` is a safetensors file. Its tensors are named by the hash of
// their bytes, so equal tensors are stored once. Plain tensors keep their dtype
// and shape; quantized and packed ones are U8 vectors, whose meaning the type
// of the weight gives. The header is padded with blanks to a size chosen before
// the first tensor, so that tensors stream straight to their places.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_INTERPRETER_SIDECAR_H
#define LQC_INTERPRETER_SIDECAR_H

#include "lqc/Interpreter/WeightStore.h"

namespace lqc {

/// Writes a sidecar file. Until finish() the bytes are in a temporary file
/// beside it, which goes away with the object.
class SidecarWriter {
public:
  /// Which tensor of the file; see file().
  using Ticket = unsigned;

  /// `maxTensors`: how many tensors there may be; sets the header's size.
  static llvm::Expected<SidecarWriter> create(llvm::StringRef path,
                                              uint64_t maxTensors);
  SidecarWriter(SidecarWriter &&);
  SidecarWriter &operator=(SidecarWriter &&) = delete;
  ~SidecarWriter();

  /// Writes the bytes of a weight. Errors: those of WeightStore::stream, and
  /// "PATH: reason" of the system.
  llvm::Expected<Ticket> add(WeightOp weight, WeightStore &store);
  /// Writes bytes that were found some other way; weightBytes(type) of them.
  llvm::Expected<Ticket> add(mlir::RankedTensorType type,
                             llvm::ArrayRef<char> bytes);

  /// Writes the header and gives the file its name.
  llvm::Error finish();

  /// Where the tensor is; after finish(). The path is the file's name without
  /// its folder.
  FileAttr file(Ticket ticket, mlir::MLIRContext *context) const;

private:
  struct State;
  explicit SidecarWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

/// Writes the weights with an initializer that `isSelected` into a sidecar at
/// `path` and makes them plain references into it. Without such a weight
/// nothing is written. The references are relative to the folder of `path`:
/// write the module there.
llvm::Error materialize(mlir::ModuleOp module, WeightStore &store,
                        llvm::StringRef path,
                        llvm::function_ref<bool(WeightOp)> isSelected);

} // namespace lqc

#endif // LQC_INTERPRETER_SIDECAR_H
