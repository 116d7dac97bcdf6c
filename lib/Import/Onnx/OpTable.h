//===- OpTable.h - which operators there are, and since when ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_OPTABLE_H
#define LQC_LIB_IMPORT_ONNX_OPTABLE_H

#include "lib/Import/Onnx/NodeBuilder.h"

#include <array>

namespace lqc {

/// The operator sets that are known, of the domain "" (ai.onnx).
inline constexpr int64_t kFirstOpset = 1, kLastOpset = 23;

/// The domain of ONNX Runtime's own operators.
inline constexpr const char *kMicrosoft = "com.microsoft";

/// An operator, as docs/onnx-support.md lists it.
struct OnnxOp {
  const char *name;
  /// The operator sets in which its definition changed, oldest first, then
  /// zeros. A model's operator set selects the last one that is not newer.
  std::array<int8_t, 10> versions;
  unsigned minInputs;
  unsigned maxInputs; ///< kAnyNumber for lists
  void (*build)(NodeBuilder &);
  const char *limits = ""; ///< what of the definition is not done
  const char *domain = "";
};

inline constexpr unsigned kAnyNumber = ~0u;

/// All of them, by family.
llvm::ArrayRef<llvm::ArrayRef<OnnxOp>> onnxOps();

/// The row for a node, or null. `domain`: "" also as "ai.onnx".
const OnnxOp *findOnnxOp(llvm::StringRef domain, llvm::StringRef name,
                         int64_t opset);

// The families, each in a file of its own.
llvm::ArrayRef<OnnxOp> constantOps();
llvm::ArrayRef<OnnxOp> elementwiseOps();
llvm::ArrayRef<OnnxOp> activationOps();
llvm::ArrayRef<OnnxOp> shapeOps();
llvm::ArrayRef<OnnxOp> indexingOps();
llvm::ArrayRef<OnnxOp> selectionOps();
llvm::ArrayRef<OnnxOp> reductionOps();
llvm::ArrayRef<OnnxOp> normalizationOps();
llvm::ArrayRef<OnnxOp> productOps();
llvm::ArrayRef<OnnxOp> convolutionOps();
llvm::ArrayRef<OnnxOp> poolOps();
llvm::ArrayRef<OnnxOp> resizeOps();
llvm::ArrayRef<OnnxOp> quantizationOps();
llvm::ArrayRef<OnnxOp> controlOps();
llvm::ArrayRef<OnnxOp> recurrentOps();
llvm::ArrayRef<OnnxOp> lossOps();
llvm::ArrayRef<OnnxOp> detectionOps();
llvm::ArrayRef<OnnxOp> signalOps();
llvm::ArrayRef<OnnxOp> attentionOps();
llvm::ArrayRef<OnnxOp> blockQuantizedOps();
llvm::ArrayRef<OnnxOp> fusedOps();
llvm::ArrayRef<OnnxOp> fusedAttentionOps();
llvm::ArrayRef<OnnxOp> groupQueryAttentionOps();
llvm::ArrayRef<OnnxOp> qlinearOps();

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_OPTABLE_H
