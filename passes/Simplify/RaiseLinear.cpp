//===- RaiseLinear.cpp - products with weights ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

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

//===----------------------------------------------------------------------===//
// Linears side by side
//===----------------------------------------------------------------------===//

/// Sizes of a tensor that was made of rows, without asking the tensor.
static SmallVector<OpFoldResult> sizesOf(Value value) {
  if (tensor::ExpandShapeOp expand =
          value.getDefiningOp<tensor::ExpandShapeOp>())
    return expand.getMixedOutputShape();
  Builder builder(value.getContext());
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
    sizes.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult()
                        : OpFoldResult(builder.getIndexAttr(size)));
  return sizes;
}

/// Whether `op` takes some columns of all rows, known ones.
static bool takesColumns(tensor::ExtractSliceOp op) {
  SmallVector<OpFoldResult> own = sizesOf(op.getSource());
  const int64_t last = own.size() - 1;
  if (op.getType().getRank() != last + 1 || !op.hasUnitStride() ||
      ShapedType::isDynamic(op.getStaticOffsets()[last]) ||
      ShapedType::isDynamic(op.getStaticSizes()[last]))
    return false;
  for (int64_t d = 0; d < last; ++d)
    if (op.getStaticOffsets()[d] != 0 || !own[d] ||
        !isEqualConstantIntOrValue(own[d], op.getMixedSizes()[d]))
      return false;
  return true;
}

/// Whether the numbers of `value` are read by slices of columns alone.
static bool isOnlyCut(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    tensor::ExtractSliceOp slice = dyn_cast<tensor::ExtractSliceOp>(user);
    return isa<tensor::DimOp>(user) || (slice && takesColumns(slice));
  });
}

namespace {
/// Columns of linear(x, W, b), in whatever shape its rows were given, are the
/// linear of x with these rows of W and b. Exporters put the weights of
/// queries, keys and values into one.
struct CutLinear : OpRewritePattern<tensor::ExtractSliceOp> {
  CutLinear(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    Value source = op.getSource();
    Value rows =
        op.getSourceType().getRank() == 2 ? source : rowsOfExpanded(source);
    LinearOp linear = rows ? rows.getDefiningOp<LinearOp>() : LinearOp();
    if (!linear || !takesColumns(op))
      return rewriter.notifyMatchFailure(op, "takes no columns of a linear");
    if (!isOnlyCut(source) ||
        (rows != source && !isOnlyReadBy(linear, source.getDefiningOp())))
      return rewriter.notifyMatchFailure(op,
                                         "is not all that reads the linear");
    int64_t first = op.getStaticOffsets().back();
    int64_t count = op.getStaticSizes().back();
    Value weight = weights.getRows(linear.getWeight(), first, count, rewriter);
    Value bias = linear.getBias()
                     ? weights.getRows(linear.getBias(), first, count, rewriter)
                     : Value();
    if (!weight || (linear.getBias() && !bias))
      return rewriter.notifyMatchFailure(op, "is of a linear without a weight");
    RankedTensorType type = RankedTensorType::get(
        {linear.getType().getDimSize(0), count}, rewriter.getF32Type());
    Value part = LinearOp::create(rewriter, linear.getLoc(), type,
                                  linear.getInput(), weight, bias);
    rewriter.replaceOp(op, expandRows(part, source, rewriter));
    return success();
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addLinearPatterns(RewritePatternSet &patterns,
                            RaisedWeights &weights) {
  patterns.add<MatmulToLinear, AddBias, CutLinear>(patterns.getContext(),
                                                   weights);
}
