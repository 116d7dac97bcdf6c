//===- RaiseRows.cpp - tensors of rows become matrices --------------------===//
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

/// [[0, 1, …, rank - 2], [rank - 1]].
static SmallVector<ReassociationIndices> rowGroups(int64_t rank) {
  ReassociationIndices leading;
  llvm::append_range(leading, llvm::seq<int64_t>(rank - 1));
  return {leading, {rank - 1}};
}

Value lqc::rowsOfExpanded(Value value) {
  tensor::ExpandShapeOp expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || expand.getSrcType().getRank() != 2 ||
      expand.getReassociationIndices() !=
          rowGroups(expand.getResultType().getRank()))
    return {};
  return expand.getSrc();
}

Value lqc::collapseToRows(Value value, OpBuilder &builder) {
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 2)
    return value;
  if (Value rows = rowsOfExpanded(value))
    return rows;
  return tensor::CollapseShapeOp::create(builder, value.getLoc(), value,
                                         rowGroups(type.getRank()));
}

Value lqc::expandRows(Value rows, Value like, OpBuilder &builder) {
  RankedTensorType shape = cast<RankedTensorType>(like.getType());
  if (shape.getRank() == 2)
    return rows;
  RankedTensorType type = cast<RankedTensorType>(rows.getType());
  // Not asked of `like` where they are written down: it may go away.
  tensor::ExpandShapeOp expand = like.getDefiningOp<tensor::ExpandShapeOp>();
  SmallVector<OpFoldResult> sizes =
      expand ? expand.getMixedOutputShape()
             : tensor::getMixedSizes(builder, rows.getLoc(), like);
  sizes.back() = builder.getIndexAttr(type.getDimSize(1));
  SmallVector<int64_t> dims(shape.getShape());
  dims.back() = type.getDimSize(1);
  return tensor::ExpandShapeOp::create(
      builder, rows.getLoc(),
      RankedTensorType::get(dims, type.getElementType()), rows,
      rowGroups(shape.getRank()), sizes);
}

bool lqc::isOnlyReadBy(Operation *producer, Operation *reader) {
  return llvm::all_of(producer->getUsers(), [&](Operation *user) {
    return user == reader || isa<tensor::DimOp>(user);
  });
}

/// A vector that is repeated in every row of a tensor of rank above 2, as the
/// matrix of these rows; or the number that every element is.
static Value repeatedRows(Value value, RankedTensorType matrix, Value like,
                          OpBuilder &builder) {
  Location loc = value.getLoc();
  if (DenseElementsAttr numbers; matchPattern(value, m_Constant(&numbers))) {
    if (!numbers.isSplat() || !matrix.hasStaticShape())
      return {};
    return arith::ConstantOp::create(builder, loc, numbers.resizeSplat(matrix));
  }
  auto emptyMatrix = [&] {
    return tensor::EmptyOp::create(builder, loc,
                                   tensor::getMixedSizes(builder, loc, like),
                                   matrix.getElementType());
  };
  if (tensor::SplatOp splat = value.getDefiningOp<tensor::SplatOp>()) {
    SmallVector<Value> sizes;
    for (auto [d, size] : llvm::enumerate(matrix.getShape()))
      if (ShapedType::isDynamic(size))
        sizes.push_back(tensor::DimOp::create(builder, loc, like, d));
    return tensor::SplatOp::create(builder, loc, splat.getInput(), matrix,
                                   sizes);
  }
  if (linalg::FillOp fill = value.getDefiningOp<linalg::FillOp>())
    return linalg::FillOp::create(builder, loc, fill.getInputs(),
                                  ValueRange{emptyMatrix()})
        .getResult(0);
  linalg::BroadcastOp broadcast = value.getDefiningOp<linalg::BroadcastOp>();
  return linalg::BroadcastOp::create(builder, loc, broadcast.getInput(),
                                     emptyMatrix(), ArrayRef<int64_t>{0})
      ->getResult(0);
}

/// Dimensions before the last one.
static SmallVector<int64_t> leadingDimensions(Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  return llvm::to_vector(llvm::seq<int64_t>(rank - 1));
}

/// Whether repeatedRows() gives something. Asked of all operands first: what is
/// made for one is lost work, done again and again, if another has nothing.
static bool hasRepeatedRows(Value value, bool isStatic) {
  if (!isa<RankedTensorType>(value.getType()))
    return false;
  if (DenseElementsAttr numbers; matchPattern(value, m_Constant(&numbers)))
    return numbers.isSplat() && isStatic;
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>())
    return broadcast.getDimensions() ==
           ArrayRef<int64_t>(leadingDimensions(value));
  Operation *source = value.getDefiningOp();
  return isa_and_nonnull<tensor::SplatOp, linalg::FillOp>(source);
}

namespace {
/// An elementwise operation on expanded matrices is one on the matrices.
struct ExpandAfterElementwise : RewritePattern {
  explicit ExpandAfterElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type =
        op->getNumResults() == 1
            ? dyn_cast<RankedTensorType>(op->getResult(0).getType())
            : RankedTensorType();
    if (!type || type.getRank() < 3 ||
        !OpTrait::hasElementwiseMappableTraits(op))
      return rewriter.notifyMatchFailure(op, "is not elementwise on tensors");
    Value expanded, first;
    for (Value operand : op->getOperands())
      if (Value rows = rowsOfExpanded(operand); rows && !first) {
        expanded = operand;
        first = rows;
      }
    if (!first)
      return rewriter.notifyMatchFailure(op, "has no operand of rows");
    bool isStatic = cast<RankedTensorType>(first.getType()).hasStaticShape();
    for (Value operand : op->getOperands()) {
      Value rows = rowsOfExpanded(operand);
      bool fits = rows ? cast<RankedTensorType>(rows.getType()).getShape() ==
                             cast<RankedTensorType>(first.getType()).getShape()
                       : hasRepeatedRows(operand, isStatic);
      if (!fits)
        return rewriter.notifyMatchFailure(op, "has an operand of other rows");
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      RankedTensorType matrix = RankedTensorType::get(
          cast<RankedTensorType>(first.getType()).getShape(),
          getElementTypeOrSelf(operand.getType()));
      Value rows = rowsOfExpanded(operand);
      operands.push_back(rows ? rows
                              : repeatedRows(operand, matrix, first, rewriter));
    }
    OperationState state(op->getLoc(), op->getName(), operands,
                         RankedTensorType::get(
                             cast<RankedTensorType>(first.getType()).getShape(),
                             type.getElementType()),
                         op->getAttrs());
    Value result = rewriter.create(state)->getResult(0);
    rewriter.replaceOp(op, expandRows(result, expanded, rewriter));
    return success();
  }
};
} // namespace

void lqc::addRowPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandAfterElementwise>(patterns.getContext());
  tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                       patterns.getContext());
  tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns,
                                                     patterns.getContext());
}
