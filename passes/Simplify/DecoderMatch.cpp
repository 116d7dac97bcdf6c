//===- DecoderMatch.cpp - attention with past keys and values -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/DecoderMatch.h"

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Taking things off
//===----------------------------------------------------------------------===//

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The value before reshapes and casts.
static Value stripViews(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The value before a product or quotient with a number, which goes into
/// `scale`.
static Value stripScale(Value value, double &scale) {
  if (arith::MulFOp product = value.getDefiningOp<arith::MulFOp>()) {
    for (auto [x, number] : {std::pair(product.getLhs(), product.getRhs()),
                             {product.getRhs(), product.getLhs()}})
      if (std::optional<double> factor = splatNumber(number)) {
        scale *= *factor;
        return x;
      }
  } else if (arith::DivFOp quotient = value.getDefiningOp<arith::DivFOp>()) {
    if (std::optional<double> divisor = splatNumber(quotient.getRhs())) {
      scale /= *divisor;
      return quotient.getLhs();
    }
  }
  return value;
}

static Value stripViewsAndScale(Value value, double &scale) {
  for (Value before; before != value;) {
    before = value;
    value = stripScale(stripViews(value), scale);
  }
  return value;
}

/// rows, if `value` is batch x heads x sequence x dimension made of rows with
/// the heads side by side.
static Value stripHeads(Value value) {
  linalg::TransposeOp turn = value.getDefiningOp<linalg::TransposeOp>();
  if (!turn || turn.getPermutation() != ArrayRef<int64_t>{0, 2, 1, 3})
    return {};
  tensor::ExpandShapeOp expand =
      turn.getInput().getDefiningOp<tensor::ExpandShapeOp>();
  SmallVector<ReassociationIndices> groups = {{0, 1}, {2, 3}};
  return expand && expand.getReassociationIndices() == groups ? expand.getSrc()
                                                              : Value();
}

/// What is repeated along dimension `d`, or null.
static Value stripBroadcast(Value value, int64_t d) {
  linalg::BroadcastOp broadcast = value.getDefiningOp<linalg::BroadcastOp>();
  return broadcast && broadcast.getDimensions() == ArrayRef<int64_t>{d}
             ? broadcast.getInput()
             : Value();
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

/// x, if `value` is its two halves of columns swapped, the second negated.
static Value stripRotated(Value value) {
  tensor::ConcatOp halves = value.getDefiningOp<tensor::ConcatOp>();
  if (!halves || halves.getInputs().size() != 2 || halves.getDim() != 3)
    return {};
  arith::NegFOp negated = halves.getInputs()[0].getDefiningOp<arith::NegFOp>();
  tensor::ExtractSliceOp high =
      negated ? negated.getOperand().getDefiningOp<tensor::ExtractSliceOp>()
              : tensor::ExtractSliceOp();
  tensor::ExtractSliceOp low =
      halves.getInputs()[1].getDefiningOp<tensor::ExtractSliceOp>();
  if (!high || !low || high.getSource() != low.getSource() ||
      !high.hasUnitStride() || !low.hasUnitStride())
    return {};
  const int64_t half = high.getSourceType().getDimSize(3) / 2;
  SmallVector<int64_t> first(4, 0), second(4, 0);
  second.back() = half;
  bool areHalves = high.getStaticOffsets() == ArrayRef<int64_t>(second) &&
                   low.getStaticOffsets() == ArrayRef<int64_t>(first) &&
                   high.getType().getDimSize(3) == half &&
                   low.getType().getDimSize(3) == half;
  return areHalves ? low.getSource() : Value();
}

/// x cos or rotated(x) sin: the table, the same for all heads.
static Value tableOf(Value value) {
  if (Value table = stripBroadcast(value, 1))
    return table;
  // A single head repeats nothing.
  tensor::ExpandShapeOp expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  bool isOneHead = expand && expand.getSrcType().getRank() == 3 &&
                   expand.getResultType().getRank() == 4 &&
                   expand.getResultType().getDimSize(1) == 1;
  return isOneHead ? expand.getSrc() : Value();
}

static std::optional<MatchedRope> matchRope(Value value) {
  arith::AddFOp sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return std::nullopt;
  for (auto [plain, turned] :
       {std::pair(sum.getLhs(), sum.getRhs()), {sum.getRhs(), sum.getLhs()}}) {
    arith::MulFOp first = plain.getDefiningOp<arith::MulFOp>();
    arith::MulFOp second = turned.getDefiningOp<arith::MulFOp>();
    if (!first || !second)
      continue;
    for (auto [rotated, sines] : {std::pair(second.getLhs(), second.getRhs()),
                                  {second.getRhs(), second.getLhs()}}) {
      Value input = stripRotated(rotated);
      if (!input || !llvm::is_contained(first->getOperands(), input))
        continue;
      Value cosines = first.getLhs() == input ? first.getRhs() : first.getLhs();
      if (tableOf(cosines) && tableOf(sines))
        return MatchedRope{input, tableOf(cosines), tableOf(sines)};
    }
  }
  return std::nullopt;
}

/// Fills in rows, with or without a rotary embedding.
static bool matchHeads(Value value, Value &rows,
                       std::optional<MatchedRope> *rope) {
  if (rope && (*rope = matchRope(value)))
    value = (*rope)->input;
  rows = stripHeads(value);
  return bool(rows);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// past and new keys or values one after another, each head of them repeated
/// for the queries that share it.
static tensor::ConcatOp stripRepeated(Value value, double &scale) {
  value = stripViewsAndScale(value, scale);
  if (linalg::TransposeOp turn = value.getDefiningOp<linalg::TransposeOp>()) {
    ArrayRef<int64_t> permutation = turn.getPermutation();
    int64_t rank = permutation.size();
    if (rank < 2 || permutation[rank - 1] != rank - 2 ||
        permutation[rank - 2] != rank - 1)
      return {};
    value = stripViewsAndScale(turn.getInput(), scale);
  }
  if (Value shared = stripBroadcast(value, 2))
    value = stripViews(shared);
  tensor::ConcatOp concat = value.getDefiningOp<tensor::ConcatOp>();
  bool isPresent = concat && concat.getInputs().size() == 2 &&
                   concat.getDim() == 2 &&
                   concat.getResultType().getRank() == 4 &&
                   isa<BlockArgument>(concat.getInputs()[0]);
  return isPresent ? concat : tensor::ConcatOp();
}

/// The probabilities before a select that clears rows without any.
static Value stripNanCheck(Value value) {
  arith::SelectOp select = value.getDefiningOp<arith::SelectOp>();
  if (!select || !isSplat(select.getTrueValue(), 0))
    return value;
  arith::CmpFOp compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  Value numbers = select.getFalseValue();
  bool isNan = compare && compare.getPredicate() == arith::CmpFPredicate::UNO &&
               compare.getLhs() == numbers && compare.getRhs() == numbers;
  return isNan ? numbers : value;
}

/// The product in the scores, and what masks it.
static linalg::BatchMatmulOp matchScores(Value scores,
                                         MatchedAttention &attention) {
  auto productOf = [&](Value value, double &scale) {
    return stripViewsAndScale(value, scale)
        .getDefiningOp<linalg::BatchMatmulOp>();
  };
  SmallVector<std::pair<Value, Value>> candidates = {{scores, Value()}};
  if (arith::AddFOp sum = scores.getDefiningOp<arith::AddFOp>())
    candidates = {{sum.getLhs(), sum.getRhs()}, {sum.getRhs(), sum.getLhs()}};
  if (arith::SelectOp select = scores.getDefiningOp<arith::SelectOp>())
    if (splatNumber(select.getFalseValue()).value_or(0) <= -1e4)
      candidates = {{select.getTrueValue(), select.getCondition()}};
  for (auto [value, mask] : candidates) {
    double scale = 1;
    if (linalg::BatchMatmulOp product = productOf(value, scale)) {
      attention.scale = scale;
      attention.mask = mask;
      return product;
    }
  }
  return {};
}

std::optional<MatchedAttention> lqc::matchAttention(Value value) {
  // Heads side by side again.
  linalg::TransposeOp turn =
      stripViews(value).getDefiningOp<linalg::TransposeOp>();
  if (!turn || turn.getPermutation() != ArrayRef<int64_t>{0, 2, 1, 3})
    return std::nullopt;
  linalg::BatchMatmulOp mix =
      stripViews(turn.getInput()).getDefiningOp<linalg::BatchMatmulOp>();
  if (!mix)
    return std::nullopt;
  Value weights = stripNanCheck(stripViews(mix.getInputs()[0]));
  linalg::SoftmaxOp softmax = weights.getDefiningOp<linalg::SoftmaxOp>();
  if (!softmax ||
      int64_t(softmax.getDimension()) != typeOf(weights).getRank() - 1)
    return std::nullopt;

  MatchedAttention attention;
  linalg::BatchMatmulOp scores =
      matchScores(stripViews(softmax.getInput()), attention);
  if (!scores)
    return std::nullopt;
  double valueScale = 1;
  tensor::ConcatOp keys = stripRepeated(scores.getInputs()[1], attention.scale);
  tensor::ConcatOp values = stripRepeated(mix.getInputs()[1], valueScale);
  if (!keys || !values || valueScale != 1)
    return std::nullopt;
  attention.pastKeys = keys.getInputs()[0];
  attention.pastValues = values.getInputs()[0];
  attention.headDim = keys.getResultType().getDimSize(3);
  Value queries = stripViewsAndScale(scores.getInputs()[0], attention.scale);
  if (!matchHeads(queries, attention.queries, &attention.queryRope) ||
      !matchHeads(keys.getInputs()[1], attention.keys, &attention.keyRope) ||
      !matchHeads(values.getInputs()[1], attention.values, nullptr))
    return std::nullopt;
  return attention;
}
