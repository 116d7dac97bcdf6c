//===- Raise.cpp - decomposed graphs become lqc operations ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "passes/Simplify/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lqc {
#define GEN_PASS_DEF_RAISEPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct RaisePass : public lqc::impl::RaisePassBase<RaisePass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    RaisedWeights weights(symbols);
    RewritePatternSet patterns(&getContext());
    addLinearPatterns(patterns, weights);
    addConvolutionPatterns(patterns, weights);
    addDepthwisePatterns(patterns, weights);
    addTransposePatterns(patterns);
    addIntegerPatterns(patterns, weights);
    addNormPatterns(patterns, weights);
    addEmbeddingPatterns(patterns, weights);
    addGatePatterns(patterns);
    addRowPatterns(patterns);
    FrozenRewritePatternSet frozen(std::move(patterns));
    // Initializers of weights are left alone: patterns ask for new ones.
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (failed(applyPatternsGreedily(function, frozen)))
        return signalPassFailure();
  }
};
} // namespace
