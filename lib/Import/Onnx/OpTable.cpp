//===- OpTable.cpp - which operators there are, and since when ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

#include "lqc/Import/Onnx/Operators.h"

#include <tuple>

using namespace lqc;

llvm::ArrayRef<llvm::ArrayRef<OnnxOp>> lqc::onnxOps() {
  static const llvm::ArrayRef<OnnxOp> kFamilies[] = {
      constantOps(),
      elementwiseOps(),
      activationOps(),
      shapeOps(),
      indexingOps(),
      selectionOps(),
      reductionOps(),
      normalizationOps(),
      productOps(),
      convolutionOps(),
      poolOps(),
      resizeOps(),
      quantizationOps(),
      controlOps(),
      recurrentOps(),
      lossOps(),
      detectionOps(),
      signalOps(),
      attentionOps(),
      blockQuantizedOps(),
      fusedOps(),
      fusedAttentionOps(),
      groupQueryAttentionOps(),
      qlinearOps(),
  };
  return kFamilies;
}

/// The newest version of `op` that is not newer than `opset`, or 0.
static int64_t versionFor(const OnnxOp &op, int64_t opset) {
  int64_t found = 0;
  for (int64_t since : op.versions)
    if (since <= opset && since > found)
      found = since;
  return found;
}

const OnnxOp *lqc::findOnnxOp(llvm::StringRef domain, llvm::StringRef name,
                              int64_t opset) {
  if (domain == "ai.onnx")
    domain = "";
  const OnnxOp *best = nullptr;
  int64_t bestVersion = 0;
  for (llvm::ArrayRef<OnnxOp> family : onnxOps())
    for (const OnnxOp &op : family) {
      if (op.name != name || op.domain != domain)
        continue;
      int64_t version = versionFor(op, opset);
      if (version > bestVersion) {
        best = &op;
        bestVersion = version;
      }
    }
  return best;
}

std::vector<OnnxOperator> lqc::onnxOperators() {
  std::vector<OnnxOperator> operators;
  for (llvm::ArrayRef<OnnxOp> family : onnxOps())
    for (const OnnxOp &op : family) {
      OnnxOperator row{op.domain, op.name, {}, op.limits};
      for (int64_t since : op.versions)
        if (since)
          row.versions.push_back(since);
      operators.push_back(std::move(row));
    }
  llvm::sort(operators, [](const OnnxOperator &a, const OnnxOperator &b) {
    return std::tie(a.domain, a.name) < std::tie(b.domain, b.name);
  });
  return operators;
}
