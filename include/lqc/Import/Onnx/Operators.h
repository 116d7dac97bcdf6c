//===- Operators.h - the ONNX operators that are imported -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_ONNX_OPERATORS_H
#define LQC_IMPORT_ONNX_OPERATORS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <vector>

namespace lqc {

/// An operator that the importer knows.
struct OnnxOperator {
  llvm::StringRef domain; ///< "" is ai.onnx
  llvm::StringRef name;
  /// The operator sets in which its definition changed, oldest first.
  llvm::SmallVector<int64_t> versions;
  llvm::StringRef limits; ///< what of the definition is not done, or ""
};

/// All of them, by domain and name.
std::vector<OnnxOperator> onnxOperators();

} // namespace lqc

#endif // LQC_IMPORT_ONNX_OPERATORS_H
