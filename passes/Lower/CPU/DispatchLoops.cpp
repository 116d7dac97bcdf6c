//===- DispatchLoops.cpp - a graph's loops run on all threads -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Graph.h"
#include "passes/Lower/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace lqc {
#define GEN_PASS_DEF_DISPATCHLOOPSPASS
#include "passes/Lower/CPU/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct DispatchLoopsPass : lqc::impl::DispatchLoopsPassBase<DispatchLoopsPass> {
  void runOnOperation() override;
};
} // namespace

/// "loop.matmul", or what a generic's body ends with: "loop.addf". The dot
/// keeps it apart from every function of C.
static std::string kernelName(linalg::LinalgOp op) {
  StringRef name = op->getName().stripDialect();
  Block *body = op.getBlock();
  if (isa<linalg::GenericOp>(op))
    name = body->getOperations().size() == 1
               ? "copy"
               : body->getTerminator()->getPrevNode()->getName().stripDialect();
  return ("loop." + name).str();
}

void DispatchLoopsPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  IRRewriter rewriter(&getContext());
  module.walk([&](memref::CopyOp copy) {
    rewriter.setInsertionPoint(copy);
    rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(),
                                                copy.getTarget());
  });
  SmallVector<linalg::LinalgOp> ops;
  module.walk([&](linalg::LinalgOp op) {
    if (!op->getParentOfType<KernelOp>()) // an epilogue
      ops.push_back(op);
  });
  KernelOutliner kernels(module);
  for (linalg::LinalgOp op : ops) {
    std::string name = kernelName(op);
    FailureOr<LoopNest> nest = emitLoops(rewriter, op);
    if (failed(nest))
      return signalPassFailure();
    kernels.outline(*nest, name);
  }
}
