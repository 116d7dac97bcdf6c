//===- RaiseNorm.cpp - normalization of rows, written out -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters write x / sqrt(mean(x x) + e) g in a dozen ways: with a division,
// with a reciprocal of a root, with 1/n as a factor, with the mean as a tensor
// of rank 2 or with a last dimension of size 1. So numbers of rows are compared
// without their reshapes, and each step has its own small matcher.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lqc;

static int64_t rankOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

/// What a tensor with one number for each row is before it was given dimensions
/// of size 1, or repeated in all columns.
static Value rowNumbers(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    linalg::BroadcastOp broadcast = dyn_cast<linalg::BroadcastOp>(op);
    bool repeatsColumns =
        broadcast && broadcast.getDimensions() ==
                         ArrayRef<int64_t>{rankOf(broadcast.getInit()) - 1};
    if (repeatsColumns)
      value = broadcast.getInput();
    else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                 tensor::CastOp>(op))
      value = op->getOperand(0);
    else
      break;
  }
  return value;
}

/// The operands of `value` if an operation `Op` makes it.
template <typename Op>
static std::optional<std::pair<Value, Value>> operandsOf(Value value) {
  if (Op op = value.getDefiningOp<Op>())
    return std::pair<Value, Value>(op.getLhs(), op.getRhs());
  return std::nullopt;
}

/// x, if `value` is a constant number plus x.
static Value stripEpsilon(Value value, double &epsilon) {
  auto sum = operandsOf<arith::AddFOp>(value);
  if (!sum)
    return {};
  for (auto [x, number] : {*sum, std::pair(sum->second, sum->first)})
    if (std::optional<double> found = splatNumber(number)) {
      epsilon = *found;
      return x;
    }
  return {};
}

/// Whether `reduce` adds up the last dimension, from 0.
static bool addsColumns(linalg::ReduceOp reduce) {
  Value input = reduce.getInputs()[0];
  Block &body = reduce.getRegion().front();
  Operation *sum = body.getTerminator()->getOperand(0).getDefiningOp();
  return reduce.getInputs().size() == 1 && isSplat(reduce.getInits()[0], 0) &&
         isa_and_nonnull<arith::AddFOp>(sum) &&
         reduce.getDimensions() == ArrayRef<int64_t>{rankOf(input) - 1};
}

/// x, if `value` is the mean of each row of x.
static Value stripMean(Value value) {
  value = rowNumbers(value);
  Value sum;
  double count = 0;
  if (auto division = operandsOf<arith::DivFOp>(value)) {
    count = splatNumber(division->second).value_or(0);
    sum = division->first;
  } else if (auto product = operandsOf<arith::MulFOp>(value)) {
    count = 1 / splatNumber(product->second).value_or(0);
    sum = product->first;
  }
  if (!sum)
    return {};
  linalg::ReduceOp reduce = rowNumbers(sum).getDefiningOp<linalg::ReduceOp>();
  if (!reduce || !addsColumns(reduce))
    return {};
  Value input = reduce.getInputs()[0];
  // 1/n as a float32 is not exact.
  if (std::abs(count / columnsOf(input) - 1) > 1e-6)
    return {};
  return input;
}

/// x, if `value` is 1 / sqrt(x).
static Value stripInverseRoot(Value value) {
  value = rowNumbers(value);
  if (math::RsqrtOp root = value.getDefiningOp<math::RsqrtOp>())
    return root.getOperand();
  if (math::PowFOp power = value.getDefiningOp<math::PowFOp>())
    return isSplat(power.getRhs(), -0.5) ? power.getLhs() : Value();
  auto division = operandsOf<arith::DivFOp>(value);
  if (!division || !isSplat(division->first, 1))
    return {};
  math::SqrtOp root =
      rowNumbers(division->second).getDefiningOp<math::SqrtOp>();
  return root ? root.getOperand() : Value();
}

/// x, if `value` is x * x or x to the power 2.
static Value stripSquare(Value value) {
  if (auto product = operandsOf<arith::MulFOp>(value))
    return product->first == product->second ? product->first : Value();
  math::PowFOp power = value.getDefiningOp<math::PowFOp>();
  return power && isSplat(power.getRhs(), 2) ? power.getLhs() : Value();
}

namespace {
/// x / sqrt(mean(y y) + epsilon), with y = x or what x was before a reshape.
struct Scaled {
  Value x;
  double epsilon = 0;
};
} // namespace

/// The product or quotient of `x` and a number a row, if it is a `Scaled`.
static std::optional<Scaled> matchScaled(Value value) {
  auto match = [](Value x, Value variance) -> std::optional<Scaled> {
    Scaled scaled;
    scaled.x = x;
    Value mean =
        variance ? stripEpsilon(rowNumbers(variance), scaled.epsilon) : Value();
    Value squares = mean ? stripMean(mean) : Value();
    if (!squares || stripSquare(squares) != x || scaled.epsilon <= 0)
      return std::nullopt;
    return scaled;
  };
  if (auto product = operandsOf<arith::MulFOp>(value)) {
    if (auto scaled = match(product->first, stripInverseRoot(product->second)))
      return scaled;
    return match(product->second, stripInverseRoot(product->first));
  }
  auto division = operandsOf<arith::DivFOp>(value);
  if (!division)
    return std::nullopt;
  math::SqrtOp root =
      rowNumbers(division->second).getDefiningOp<math::SqrtOp>();
  return root ? match(division->first, root.getOperand()) : std::nullopt;
}

/// x, if `value` is x minus the mean of each row.
static Value stripCentered(Value value) {
  auto difference = operandsOf<arith::SubFOp>(value);
  if (!difference || stripMean(difference->second) != difference->first)
    return {};
  return difference->first;
}

/// The vector that is repeated in all rows.
static Value repeatedVector(Value value) {
  linalg::BroadcastOp broadcast = value.getDefiningOp<linalg::BroadcastOp>();
  if (!broadcast || rankOf(broadcast.getInput()) != 1)
    return {};
  return broadcast.getDimensions().back() < rankOf(value) - 1
             ? broadcast.getInput()
             : Value();
}

namespace {
/// A scaled row times a gain.
struct RaiseScaledRows : OpRewritePattern<arith::MulFOp> {
  RaiseScaledRows(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(arith::MulFOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || type.getRank() < 2 || !type.getElementType().isF32() ||
        type.isDynamicDim(type.getRank() - 1))
      return rewriter.notifyMatchFailure(op, "is no tensor of float32 rows");
    for (auto [rows, gains] :
         {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}}) {
      Value vector = repeatedVector(gains);
      std::optional<Scaled> scaled = matchScaled(rows);
      if (!vector || !scaled)
        continue;
      Value gain = weights.get(vector, rewriter);
      if (!gain)
        continue;
      rewriter.replaceOp(op, create(*scaled, gain, op.getLoc(), rewriter));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "is no norm times a gain");
  }

  static Value create(const Scaled &scaled, Value gain, Location loc,
                      PatternRewriter &rewriter) {
    FloatAttr epsilon = rewriter.getF32FloatAttr(float(scaled.epsilon));
    Value input = stripCentered(scaled.x);
    Value rows = collapseToRows(input ? input : scaled.x, rewriter);
    Value result = input ? LayerNormOp::create(rewriter, loc, rows.getType(),
                                               rows, gain, Value(), epsilon)
                               .getResult()
                         : RmsNormOp::create(rewriter, loc, rows.getType(),
                                             rows, gain, epsilon)
                               .getResult();
    return expandRows(result, scaled.x, rewriter);
  }

  RaisedWeights &weights;
};

/// A layer norm plus a vector has a bias.
struct AddNormBias : OpRewritePattern<arith::AddFOp> {
  AddNormBias(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(arith::AddFOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [rows, biases] :
         {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}}) {
      LayerNormOp norm = rows.getDefiningOp<LayerNormOp>();
      Value vector = repeatedVector(biases);
      if (!norm || norm.getBias() || !isOnlyReadBy(norm, op) || !vector)
        continue;
      // In the norm's place, because sizes are asked of it.
      rewriter.setInsertionPoint(norm);
      Value bias = weights.get(vector, rewriter);
      if (!bias)
        continue;
      Value sum = LayerNormOp::create(rewriter, op.getLoc(), norm.getType(),
                                      norm.getInput(), norm.getGain(), bias,
                                      norm.getEpsilonAttr());
      rewriter.replaceOp(op, sum);
      rewriter.replaceOp(norm, sum);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "adds no vector to a norm");
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addNormPatterns(RewritePatternSet &patterns, RaisedWeights &weights) {
  patterns.add<RaiseScaledRows, AddNormBias>(patterns.getContext(), weights);
}
