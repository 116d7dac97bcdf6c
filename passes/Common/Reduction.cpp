//===- Reduction.cpp - how lqc-reduce makes a module smaller --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Reduction.h"

#include "dialects/LQC/LQC.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Reducer/ReductionPatternInterface.h"

using namespace mlir;
using namespace lqc;

namespace {
/// Asks the tester before each step: the reduction-tree pass cannot go back
/// from a region in which all patterns together took too much (it crashes).
struct BypassOp : public RewritePattern {
  BypassOp(MLIRContext *context, Tester &tester)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context),
        tester(tester) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "needs one result");
    for (Value operand : op->getOperands()) {
      if (operand.getType() != op->getResult(0).getType())
        continue;
      if (!isInterestingWithout(op, operand))
        return rewriter.notifyMatchFailure(op, "not interesting without it");
      rewriter.replaceOp(op, operand);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand of the result's type");
  }

private:
  /// Tries it on a copy of the module.
  bool isInterestingWithout(Operation *op, Value operand) const {
    IRMapping mapping;
    OwningOpRef<ModuleOp> copy(
        cast<ModuleOp>(op->getParentOfType<ModuleOp>()->clone(mapping)));
    Operation *copied = mapping.lookup(op);
    copied->getResult(0).replaceAllUsesWith(mapping.lookup(operand));
    copied->erase();
    return tester.isInteresting(*copy).first == Tester::Interestingness::True;
  }

  Tester &tester;
};

struct ReductionPatterns : public DialectReductionPatternInterface {
  explicit ReductionPatterns(Dialect *dialect)
      : DialectReductionPatternInterface(dialect) {}

  void populateReductionPatterns(RewritePatternSet &) const override {}
  void populateReductionPatternsWithTester(RewritePatternSet &patterns,
                                           Tester &tester) const override {
    patterns.add<BypassOp>(patterns.getContext(), tester);
  }
};
} // namespace

void lqc::registerReductionPatterns(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, LQCDialect *dialect) {
    dialect->addInterfaces<ReductionPatterns>();
  });
}
