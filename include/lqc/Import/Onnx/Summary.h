//===- Summary.h - what an ONNX file is, without importing it ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_ONNX_SUMMARY_H
#define LQC_IMPORT_ONNX_SUMMARY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// An input or output of the graph.
struct OnnxValue {
  std::string name;
  std::string type; ///< "float", "int64"; "sequence", … for what is no tensor
  /// A size, a name, or "?"; nothing if the file does not tell the rank.
  std::optional<std::vector<std::string>> dims;
};

/// All stored tensors of one element type: initializers and constants.
struct OnnxStorage {
  std::string type;
  uint64_t tensors = 0, elements = 0, bytes = 0;
};

/// A file of numbers beside the model.
struct OnnxDataFile {
  std::string path; ///< as the model names it
  uint64_t tensors = 0;
  uint64_t bytes = 0;                ///< that the tensors take
  std::optional<uint64_t> fileBytes; ///< nothing: it is not there
};

/// How often an operator (or function) is used, subgraphs and the bodies of
/// functions included.
struct OnnxUse {
  std::string domain; ///< "" is ai.onnx
  std::string name;
  uint64_t count = 0;
  bool isFunction = false; ///< of the model itself
};

struct OnnxFunction {
  std::string domain, name;
  uint64_t nodes = 0;
};

struct OnnxSummary {
  std::string name;     ///< of the graph
  std::string producer; ///< with its version
  int64_t irVersion = 0;
  uint64_t fileBytes = 0;
  std::vector<std::pair<std::string, int64_t>> opsets; ///< domain, version
  std::vector<OnnxValue> inputs, outputs;
  std::vector<OnnxStorage> storage;    ///< by name of the type
  std::vector<OnnxDataFile> dataFiles; ///< by path
  std::vector<OnnxUse> operators;      ///< by domain and name
  std::vector<OnnxFunction> functions; ///< in the file's order
};

/// Looks at the model at `path`. Operators need not be known, and external data
/// need not be there. Errors are one line that begins with the path.
llvm::Expected<OnnxSummary> summarizeOnnx(llvm::StringRef path);

/// The same of a model in memory that came from `path`.
llvm::Expected<OnnxSummary> summarizeOnnx(llvm::ArrayRef<char> bytes,
                                          llvm::StringRef path);

} // namespace lqc

#endif // LQC_IMPORT_ONNX_SUMMARY_H
