//===- RaiseTransposes.cpp - transposes move down -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions have their channels last (RaiseConvolution.cpp) and stand
// between transposes. These move down past elementwise work until those of two
// convolutions meet and vanish.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

SmallVector<int64_t> lqc::toChannelsFirst(int64_t rank) {
  SmallVector<int64_t> permutation = {0, rank - 1};
  llvm::append_range(permutation, llvm::seq<int64_t>(1, rank - 1));
  return permutation;
}

Value lqc::transposed(Value value, ArrayRef<int64_t> order,
                      OpBuilder &builder) {
  Location loc = value.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  Value empty = tensor::EmptyOp::create(builder, loc,
                                        permuted<OpFoldResult>(sizes, order),
                                        getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(builder, loc, value, empty, order)
      ->getResult(0);
}

/// Before the transpose by `order` the operand was this: the input of that
/// transpose, or a vector that is repeated, or a number. Null otherwise.
static Value beforeTranspose(Value operand, ArrayRef<int64_t> order, Value like,
                             OpBuilder &builder) {
  if (auto turn = operand.getDefiningOp<linalg::TransposeOp>())
    return turn.getPermutation() == order ? turn.getInput() : Value();
  Location loc = operand.getLoc();
  RankedTensorType type = cast<RankedTensorType>(operand.getType());
  RankedTensorType shape = RankedTensorType::get(
      cast<RankedTensorType>(like.getType()).getShape(), type.getElementType());
  if (DenseElementsAttr numbers; matchPattern(operand, m_Constant(&numbers)) &&
                                 numbers.isSplat() && shape.hasStaticShape())
    return arith::ConstantOp::create(builder, loc, numbers.resizeSplat(shape));
  auto emptyLike = [&]() -> Value {
    return tensor::EmptyOp::create(builder, loc,
                                   tensor::getMixedSizes(builder, loc, like),
                                   type.getElementType());
  };
  if (tensor::SplatOp splat = operand.getDefiningOp<tensor::SplatOp>())
    return linalg::FillOp::create(builder, loc, splat.getInput(), emptyLike())
        .getResult(0);
  if (linalg::FillOp fill = operand.getDefiningOp<linalg::FillOp>())
    return linalg::FillOp::create(builder, loc, fill.getInputs()[0],
                                  emptyLike())
        .getResult(0);
  // order[d]: which dimension becomes dimension d.
  auto broadcast = operand.getDefiningOp<linalg::BroadcastOp>();
  if (!broadcast ||
      cast<RankedTensorType>(broadcast.getInput().getType()).getRank() > 1)
    return {};
  SmallVector<int64_t> repeated;
  for (int64_t d : broadcast.getDimensions())
    repeated.push_back(order[d]);
  llvm::sort(repeated);
  return linalg::BroadcastOp::create(builder, loc, broadcast.getInput(),
                                     emptyLike(), repeated)
      ->getResult(0);
}

/// Whether beforeTranspose() gives something. Asked of all operands first: what
/// is made for one is lost work, done again and again, if another has nothing.
static bool hasBeforeTranspose(Value operand, ArrayRef<int64_t> order,
                               bool isStatic) {
  if (auto turn = operand.getDefiningOp<linalg::TransposeOp>())
    return turn.getPermutation() == order;
  if (DenseElementsAttr numbers; matchPattern(operand, m_Constant(&numbers)))
    return numbers.isSplat() && isStatic;
  auto broadcast = operand.getDefiningOp<linalg::BroadcastOp>();
  if (broadcast)
    return cast<RankedTensorType>(broadcast.getInput().getType()).getRank() <=
           1;
  Operation *source = operand.getDefiningOp();
  return isa_and_nonnull<tensor::SplatOp, linalg::FillOp>(source);
}

namespace {
/// An elementwise operation on transposed tensors is one before the transpose.
struct TransposeAfterElementwise : RewritePattern {
  explicit TransposeAfterElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 ||
        !isa<RankedTensorType>(op->getResult(0).getType()) ||
        !OpTrait::hasElementwiseMappableTraits(op))
      return rewriter.notifyMatchFailure(op, "is not elementwise on tensors");
    linalg::TransposeOp turn;
    for (Value operand : op->getOperands())
      if (!turn)
        turn = operand.getDefiningOp<linalg::TransposeOp>();
    int64_t rank = turn ? turn.getPermutation().size() : 0;
    if (rank < 3 ||
        turn.getPermutation() != ArrayRef<int64_t>(toChannelsFirst(rank)))
      return rewriter.notifyMatchFailure(op, "has no operand of a convolution");
    RankedTensorType shape = cast<RankedTensorType>(turn.getInput().getType());
    auto isTensor = [](Value value) { // the condition of a select may be none
      return isa<RankedTensorType>(value.getType());
    };
    for (Value operand : op->getOperands())
      if (isTensor(operand) &&
          !hasBeforeTranspose(operand, turn.getPermutation(),
                              shape.hasStaticShape()))
        return rewriter.notifyMatchFailure(op, "has an operand of no channels");
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(isTensor(operand)
                             ? beforeTranspose(operand, turn.getPermutation(),
                                               turn.getInput(), rewriter)
                             : operand);
    OperationState state(
        op->getLoc(), op->getName(), operands,
        RankedTensorType::get(shape.getShape(),
                              getElementTypeOrSelf(op->getResult(0).getType())),
        op->getAttrs());
    Value result = rewriter.create(state)->getResult(0);
    Value back = transposed(result, turn.getPermutation(), rewriter);
    if (back.getType() != op->getResult(0).getType())
      back = tensor::CastOp::create(rewriter, op->getLoc(),
                                    op->getResult(0).getType(), back);
    rewriter.replaceOp(op, back);
    return success();
  }
};

/// The same of the body of a linalg operation: each element of the result is
/// made of the elements at its place, and of what does not depend on it.
struct TransposeAfterGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp turn;
    for (Value input : op.getInputs())
      if (!turn)
        turn = input.getDefiningOp<linalg::TransposeOp>();
    int64_t rank = op.getNumLoops();
    if (!turn || rank < 3 || rank != int64_t(turn.getPermutation().size()) ||
        turn.getPermutation() != ArrayRef<int64_t>(toChannelsFirst(rank)))
      return rewriter.notifyMatchFailure(op, "has no operand of a convolution");
    if (!isElementwise(op) || op.hasIndexSemantics())
      return rewriter.notifyMatchFailure(op, "is not elementwise");
    RankedTensorType shape = cast<RankedTensorType>(turn.getInput().getType());
    for (OpOperand *input : op.getDpsInputOperands())
      if (!op.getMatchingIndexingMap(input).isConstant() &&
          !hasBeforeTranspose(input->get(), turn.getPermutation(),
                              shape.hasStaticShape()))
        return rewriter.notifyMatchFailure(op, "has an operand of no channels");
    SmallVector<Value> inputs;
    for (OpOperand *input : op.getDpsInputOperands())
      inputs.push_back(op.getMatchingIndexingMap(input).isConstant()
                           ? input->get()
                           : beforeTranspose(input->get(),
                                             turn.getPermutation(),
                                             turn.getInput(), rewriter));
    RankedTensorType old = cast<RankedTensorType>(op.getResult(0).getType());
    Value empty = tensor::EmptyOp::create(
        rewriter, op.getLoc(),
        tensor::getMixedSizes(rewriter, op.getLoc(), turn.getInput()),
        old.getElementType());
    linalg::GenericOp made = linalg::GenericOp::create(
        rewriter, op.getLoc(), empty.getType(), inputs, empty,
        op.getIndexingMapsArray(), op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), made.getRegion(),
                                made.getRegion().begin());
    Value back = transposed(made.getResult(0), turn.getPermutation(), rewriter);
    if (back.getType() != old)
      back = tensor::CastOp::create(rewriter, op.getLoc(), old, back);
    rewriter.replaceOp(op, back);
    return success();
  }

  /// Of one result, whose old elements nobody reads. Operands are read at the
  /// place of the result, or at one that is always the same.
  static bool isElementwise(linalg::GenericOp op) {
    if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() ||
        !op.hasPureTensorSemantics())
      return false;
    OpOperand *out = op.getDpsInitOperand(0);
    return op.getMatchingBlockArgument(out).use_empty() &&
           llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
             return map.isIdentity() || map.isConstant();
           });
  }
};

/// Two transposes after one another are one, or none.
struct MergeTransposes : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<linalg::TransposeOp>();
    if (!first)
      return rewriter.notifyMatchFailure(op, "has no transpose before");
    SmallVector<int64_t> order =
        permuted<int64_t>(first.getPermutation(), op.getPermutation());
    if (!llvm::equal(order, llvm::seq<int64_t>(order.size()))) {
      rewriter.replaceOp(op, transposed(first.getInput(), order, rewriter));
      return success();
    }
    Value value = first.getInput();
    if (value.getType() != op->getResult(0).getType())
      value = tensor::CastOp::create(rewriter, op.getLoc(),
                                     op->getResult(0).getType(), value);
    rewriter.replaceOp(op, value);
    return success();
  }
};
} // namespace

void lqc::addTransposePatterns(RewritePatternSet &patterns) {
  patterns
      .add<TransposeAfterElementwise, TransposeAfterGeneric, MergeTransposes>(
          patterns.getContext());
}
