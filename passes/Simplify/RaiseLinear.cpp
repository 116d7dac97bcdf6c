//===- RaiseLinear.cpp - products with weights ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace lqc;

namespace {
/// x W, with W a weight, becomes lqc.linear of the transpose of W.
struct MatmulToLinear : OpRewritePattern<linalg::MatmulOp> {
  MatmulToLinear(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.hasUserDefinedMaps())
      return rewriter.notifyMatchFailure(op, "is not a plain product");
    RankedTensorType type = cast<RankedTensorType>(op->getResult(0).getType());
    Value input = op.getInputs()[0];
    if (!type.getElementType().isF32() ||
        !getElementTypeOrSelf(input.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "is not of float32 numbers");
    if (!isSplat(op.getOutputs()[0], 0))
      return rewriter.notifyMatchFailure(op, "adds to something");
    Value weight = weights.getTransposed(op.getInputs()[1], rewriter);
    if (!weight)
      return rewriter.notifyMatchFailure(op, "has no weight on the right");
    rewriter.replaceOpWithNewOp<LinearOp>(op, type, input, weight,
                                          /*bias=*/Value());
    return success();
  }

  RaisedWeights &weights;
};

/// linear(x, W) + b, with b the same in all rows, becomes linear(x, W, b).
struct AddBias : OpRewritePattern<arith::AddFOp> {
  AddBias(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(arith::AddFOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [product, added] :
         {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}}) {
      LinearOp linear = product.getDefiningOp<LinearOp>();
      linalg::BroadcastOp rows = added.getDefiningOp<linalg::BroadcastOp>();
      if (!linear || linear.getBias() || !isOnlyReadBy(linear, op) || !rows ||
          rows.getDimensions() != ArrayRef<int64_t>{0})
        continue;
      // In the linear's place, because sizes are asked of it.
      rewriter.setInsertionPoint(linear);
      Value bias = weights.get(rows.getInput(), rewriter);
      if (!bias)
        continue;
      Value sum = LinearOp::create(rewriter, op.getLoc(), linear.getType(),
                                   linear.getInput(), linear.getWeight(), bias);
      rewriter.replaceOp(op, sum);
      rewriter.replaceOp(linear, sum);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "adds no vector to a linear");
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addLinearPatterns(RewritePatternSet &patterns,
                            RaisedWeights &weights) {
  patterns.add<MatmulToLinear, AddBias>(patterns.getContext(), weights);
}
