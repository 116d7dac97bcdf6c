//===- SearchResults.h - weights that a search has found --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ's codes or AWQ's scales cannot be computed again cheaply, so they go to
// a sidecar (Sidecar.h). While the search goes on, the sidecar has no header
// yet, and later steps want to read what earlier ones found: until finish() a
// result is a *pending* `#lqc.file` (no path, no header), whose bytes the
// weight store has in memory.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_INTERPRETER_SEARCHRESULTS_H
#define LQC_INTERPRETER_SEARCHRESULTS_H

#include "lqc/Interpreter/Sidecar.h"

#include "llvm/ADT/StringMap.h"

namespace lqc {

/// True for the value of a weight whose bytes are not in a file yet.
bool isPending(FileAttr place);

class SearchResults {
public:
  /// Results go to a sidecar at `path`, at most `maxTensors` of them.
  static llvm::Expected<std::unique_ptr<SearchResults>>
  create(WeightStore &store, llvm::StringRef path, uint64_t maxTensors);

  /// Makes `bytes` (weightBytes() of its type) the value of `weight`. The store
  /// can read them until release(). Errors: "PATH: reason" of the system.
  llvm::Error set(WeightOp weight, std::vector<char> bytes);

  /// Frees the memory of the results so far. They cannot be read until
  /// finish().
  void release();

  /// Gives the sidecar its name and makes the pending values of `module`
  /// references into it. `folder`: the way to the sidecar's folder from that
  /// which the paths of the module are relative to. Without a result nothing is
  /// written.
  llvm::Error finish(mlir::ModuleOp module, llvm::StringRef folder = ".");

private:
  SearchResults(WeightStore &store, SidecarWriter writer)
      : store(store), writer(std::move(writer)) {}

  WeightStore &store;
  SidecarWriter writer;
  llvm::StringMap<SidecarWriter::Ticket> tickets; ///< by content hash
};

} // namespace lqc

#endif // LQC_INTERPRETER_SEARCHRESULTS_H
