//===- RaiseEmbedding.cpp - rows looked up in a table ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

namespace {
/// result[i…, c] = table[indices[i…], c], with negative indices counted from
/// the table's end.
struct Lookup {
  Value table;
  Value indices;
};
} // namespace

static bool isIndexConstant(Value value, int64_t number) {
  return getConstantIntValue(value) == number;
}

/// i, if `value` is max(0, min(rows - 1, i < 0 ? i + rows : i)): how the
/// importer keeps an index inside, after it has been checked.
static Value stripNormalized(Value value, int64_t rows) {
  arith::MinSIOp low = value.getDefiningOp<arith::MinSIOp>();
  arith::MaxSIOp high = low && isIndexConstant(low.getRhs(), rows - 1)
                            ? low.getLhs().getDefiningOp<arith::MaxSIOp>()
                            : arith::MaxSIOp();
  arith::SelectOp select = high && isIndexConstant(high.getRhs(), 0)
                               ? high.getLhs().getDefiningOp<arith::SelectOp>()
                               : arith::SelectOp();
  if (!select)
    return {};
  Value index = select.getFalseValue();
  arith::AddIOp shifted = select.getTrueValue().getDefiningOp<arith::AddIOp>();
  arith::CmpIOp negative = select.getCondition().getDefiningOp<arith::CmpIOp>();
  bool matches = shifted && shifted.getLhs() == index &&
                 isIndexConstant(shifted.getRhs(), rows) && negative &&
                 negative.getPredicate() == arith::CmpIPredicate::slt &&
                 negative.getLhs() == index &&
                 isIndexConstant(negative.getRhs(), 0);
  return matches ? index : Value();
}

/// Whether `value` is the iteration index of dimension `d`, or 0 where that
/// dimension has size 1.
static bool isIteration(Value value, int64_t d, RankedTensorType result) {
  if (linalg::IndexOp index = value.getDefiningOp<linalg::IndexOp>())
    return int64_t(index.getDim()) == d;
  return isIndexConstant(value, 0) && result.getDimSize(d) == 1;
}

static std::optional<Lookup> matchLookup(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 0 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getIndexingMapsArray()[0].isIdentity() || op.getNumResults() != 1)
    return std::nullopt;
  RankedTensorType type = cast<RankedTensorType>(op->getResult(0).getType());
  const int64_t last = type.getRank() - 1;
  tensor::ExtractOp row = op.getBody()
                              ->getTerminator()
                              ->getOperand(0)
                              .getDefiningOp<tensor::ExtractOp>();
  if (!row || last < 1 || row.getTensor().getType().getRank() != 2 ||
      !isIteration(row.getIndices()[1], last, type))
    return std::nullopt;
  const int64_t rows = row.getTensor().getType().getDimSize(0);
  Value number = stripNormalized(row.getIndices()[0], rows);
  arith::IndexCastOp cast = number ? number.getDefiningOp<arith::IndexCastOp>()
                                   : arith::IndexCastOp();
  tensor::ExtractOp index =
      cast ? cast.getIn().getDefiningOp<tensor::ExtractOp>()
           : tensor::ExtractOp();
  if (!index || int64_t(index.getIndices().size()) != last)
    return std::nullopt;
  for (auto [d, value] : llvm::enumerate(index.getIndices()))
    if (!isIteration(value, d, type))
      return std::nullopt;
  return Lookup{row.getTensor(), index.getTensor()};
}

/// A tensor of integers as one dimension of int32, none of them negative.
static Value flatIndices(Value indices, int64_t rows, OpBuilder &builder) {
  Location loc = indices.getLoc();
  RankedTensorType type = cast<RankedTensorType>(indices.getType());
  if (type.getRank() > 1) {
    ReassociationIndices all;
    llvm::append_range(all, llvm::seq<int64_t>(type.getRank()));
    indices =
        tensor::CollapseShapeOp::create(builder, loc, indices, ArrayRef{all});
    type = cast<RankedTensorType>(indices.getType());
  }
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(tensor::DimOp::create(builder, loc, indices, 0));
  auto splat = [&](int64_t number) -> Value {
    Value scalar = arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(type.getElementType(), number));
    return tensor::SplatOp::create(builder, loc, scalar, type, sizes);
  };
  Value negative = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::slt, indices, splat(0));
  Value shifted = arith::AddIOp::create(builder, loc, indices, splat(rows));
  indices = arith::SelectOp::create(builder, loc, negative, shifted, indices);
  RankedTensorType narrow = type.clone(builder.getI32Type());
  if (type.getElementTypeBitWidth() > 32)
    return arith::TruncIOp::create(builder, loc, narrow, indices);
  if (type.getElementTypeBitWidth() < 32)
    return arith::ExtSIOp::create(builder, loc, narrow, indices);
  return indices;
}

namespace {
struct RaiseLookup : OpRewritePattern<linalg::GenericOp> {
  RaiseLookup(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type =
        dyn_cast<RankedTensorType>(op->getResult(0).getType());
    std::optional<Lookup> lookup = matchLookup(op);
    if (!lookup || !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "looks up no rows of float32");
    Value table = weights.get(lookup->table, rewriter);
    if (!table)
      return rewriter.notifyMatchFailure(op, "has no weight as a table");
    RankedTensorType matrix = cast<RankedTensorType>(table.getType());
    Value indices =
        flatIndices(lookup->indices, matrix.getDimSize(0), rewriter);
    RankedTensorType rows = RankedTensorType::get(
        {cast<RankedTensorType>(indices.getType()).getDimSize(0),
         matrix.getDimSize(1)},
        rewriter.getF32Type());
    Value result =
        EmbeddingOp::create(rewriter, op.getLoc(), rows, indices, table);
    rewriter.replaceOp(op, expandRows(result, op.getOutputs()[0], rewriter));
    return success();
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addEmbeddingPatterns(RewritePatternSet &patterns,
                               RaisedWeights &weights) {
  patterns.add<RaiseLookup>(patterns.getContext(), weights);
}
