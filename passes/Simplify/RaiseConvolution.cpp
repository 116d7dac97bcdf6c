//===- RaiseConvolution.cpp - convolutions are linears of patches ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution with a weight becomes lqc.patches and lqc.linear, with channels
// last. ONNX has channels before positions, so each is wrapped into transposes;
// they move down past elementwise work until those of two convolutions meet and
// vanish.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

/// From (batch, positions…, channels) to (batch, channels, positions…).
static SmallVector<int64_t> toChannelsFirst(int64_t rank) {
  SmallVector<int64_t> permutation = {0, rank - 1};
  llvm::append_range(permutation, llvm::seq<int64_t>(1, rank - 1));
  return permutation;
}

template <typename T>
static SmallVector<T> permuted(ArrayRef<T> list, ArrayRef<int64_t> order) {
  SmallVector<T> result;
  for (int64_t index : order)
    result.push_back(list[index]);
  return result;
}

static Value transpose(Value value, ArrayRef<int64_t> order,
                       OpBuilder &builder) {
  Location loc = value.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  Value empty = tensor::EmptyOp::create(builder, loc,
                                        permuted<OpFoldResult>(sizes, order),
                                        getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(builder, loc, value, empty, order)
      ->getResult(0);
}

/// The value with its channels last. Padding moves behind the transpose, so
/// that this meets the one of the convolution before.
static Value withChannelsLast(Value value, OpBuilder &builder) {
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> order = channelsLastOrder(type.getRank());
  tensor::PadOp pad = value.getDefiningOp<tensor::PadOp>();
  Value number = pad ? pad.getConstantPaddingValue() : Value();
  if (!number || pad.getNofold())
    return transpose(value, order, builder);
  Value inner = withChannelsLast(pad.getSource(), builder);
  return tensor::PadOp::create(
      builder, value.getLoc(),
      RankedTensorType::get(permuted<int64_t>(type.getShape(), order),
                            type.getElementType()),
      inner, permuted<OpFoldResult>(pad.getMixedLowPad(), order),
      permuted<OpFoldResult>(pad.getMixedHighPad(), order), number);
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> numbersOf(DenseIntElementsAttr attribute) {
  return llvm::to_vector(attribute.getValues<int64_t>());
}

namespace {
/// A convolution with channels before positions and one group.
template <typename ConvolutionOp>
struct ConvolutionToLinear : OpRewritePattern<ConvolutionOp> {
  ConvolutionToLinear(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern<ConvolutionOp>(context), weights(weights) {}

  LogicalResult matchAndRewrite(ConvolutionOp op,
                                PatternRewriter &rewriter) const override;

  RaisedWeights &weights;
};
} // namespace

/// The places of the window as rows: nothing is copied if it is one element
/// that moves by one.
static Value patchesOf(Value input, ArrayRef<int64_t> kernel,
                       ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations,
                       OpBuilder &builder) {
  auto isOne = [](int64_t n) { return n == 1; };
  if (llvm::all_of(kernel, isOne) && llvm::all_of(strides, isOne))
    return collapseToRows(input, builder);
  RankedTensorType type = cast<RankedTensorType>(input.getType());
  int64_t columns = type.getShape().back(), rows = type.getDimSize(0);
  for (auto [d, size] : llvm::enumerate(kernel)) {
    columns *= size;
    int64_t length = type.getDimSize(d + 1);
    if (ShapedType::isDynamic(length) || ShapedType::isDynamic(rows))
      rows = ShapedType::kDynamic;
    else
      rows *= (length - 1 - (size - 1) * dilations[d]) / strides[d] + 1;
  }
  return PatchesOp::create(
      builder, input.getLoc(),
      RankedTensorType::get({rows, columns}, type.getElementType()), input,
      builder.getDenseI64ArrayAttr(kernel),
      builder.getDenseI64ArrayAttr(strides),
      builder.getDenseI64ArrayAttr(dilations));
}

/// Replaces a convolution of `image`, its input with channels last, by what
/// `multiply` makes of the rows of its patches.
template <typename ConvolutionOp>
static LogicalResult replaceConvolution(ConvolutionOp op, Value image,
                                        function_ref<Value(Value)> multiply,
                                        PatternRewriter &rewriter) {
  Location loc = op.getLoc();
  RankedTensorType type = cast<RankedTensorType>(op.getOutputs()[0].getType());
  int64_t rank = type.getRank();
  SmallVector<int64_t> order = channelsLastOrder(rank);
  ArrayRef<int64_t> kernel =
      cast<RankedTensorType>(op.getInputs()[1].getType()).getShape();
  Value rows =
      patchesOf(image, kernel.drop_front(2), numbersOf(op.getStrides()),
                numbersOf(op.getDilations()), rewriter);
  Value product = multiply(rows);
  if (!product)
    return rewriter.notifyMatchFailure(op, "has no weight");
  ReassociationIndices leading =
      llvm::to_vector<2>(llvm::seq<int64_t>(rank - 1));
  Value result = tensor::ExpandShapeOp::create(
      rewriter, loc,
      RankedTensorType::get(permuted<int64_t>(type.getShape(), order),
                            type.getElementType()),
      product,
      ArrayRef<ReassociationIndices>{leading, ReassociationIndices{rank - 1}},
      permuted<OpFoldResult>(
          tensor::getMixedSizes(rewriter, loc, op.getOutputs()[0]), order));
  rewriter.replaceOp(op, transpose(result, toChannelsFirst(rank), rewriter));
  return success();
}

template <typename ConvolutionOp>
LogicalResult ConvolutionToLinear<ConvolutionOp>::matchAndRewrite(
    ConvolutionOp op, PatternRewriter &rewriter) const {
  Value input = op.getInputs()[0], output = op.getOutputs()[0];
  if (!getElementTypeOrSelf(output.getType()).isF32() ||
      !getElementTypeOrSelf(input.getType()).isF32() || !isSplat(output, 0) ||
      !cast<RankedTensorType>(op.getInputs()[1].getType()).hasStaticShape())
    return rewriter.notifyMatchFailure(op, "is not one of float32 numbers that "
                                           "adds to nothing");
  Value weight = weights.getChannelsLast(op.getInputs()[1], rewriter);
  if (!weight)
    return rewriter.notifyMatchFailure(op, "has no weight");
  auto multiply = [&](Value rows) -> Value {
    RankedTensorType type = RankedTensorType::get(
        {cast<RankedTensorType>(rows.getType()).getDimSize(0),
         cast<RankedTensorType>(weight.getType()).getDimSize(0)},
        rewriter.getF32Type());
    return LinearOp::create(rewriter, op.getLoc(), type, rows, weight,
                            /*bias=*/Value());
  };
  return replaceConvolution(op, withChannelsLast(input, rewriter), multiply,
                            rewriter);
}

namespace {
/// The same of bytes less their zero points; padding stands for zeros.
template <typename ConvolutionOp>
struct ConvolutionToInteger : OpRewritePattern<ConvolutionOp> {
  ConvolutionToInteger(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern<ConvolutionOp>(context), weights(weights) {}

  LogicalResult matchAndRewrite(ConvolutionOp op,
                                PatternRewriter &rewriter) const override {
    Value input = op.getInputs()[0], weight = op.getInputs()[1];
    tensor::PadOp pad = input.getDefiningOp<tensor::PadOp>();
    std::optional<CenteredBytes> x =
        matchCentered(pad ? pad.getSource() : input);
    if (!x || (pad && !padsWithZeros(pad)))
      return rewriter.notifyMatchFailure(op, "is not one of bytes");
    std::optional<CenteredBytes> codes = matchCodes(weight, rewriter);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "has no weight of codes");
    CenteredBytes bytes = withoutSign(*x, rewriter);
    return replaceConvolution(
        op, imageOf(bytes, pad, rewriter),
        [&](Value rows) {
          return multiplyBytes(rows, bytes.zero, *codes,
                               RaisedWeights::Bytes::ChannelsFirst, weights,
                               rewriter);
        },
        rewriter);
  }

  static bool padsWithZeros(tensor::PadOp pad) {
    Value number = pad.getConstantPaddingValue();
    return number && matchPattern(number, m_Zero()) && !pad.getNofold();
  }

  /// Channels last, in fours, and padded with the zero point.
  static Value imageOf(const CenteredBytes &bytes, tensor::PadOp pad,
                       OpBuilder &builder) {
    Value image = withChannelsLast(bytes.bytes, builder);
    RankedTensorType type = cast<RankedTensorType>(image.getType());
    int64_t rank = type.getRank(), channels = type.getShape().back();
    int64_t missing = llvm::alignTo(channels, 4) - channels;
    if (!pad && !missing)
      return image;
    SmallVector<OpFoldResult> low(rank, builder.getIndexAttr(0)), high = low;
    SmallVector<int64_t> shape(type.getShape());
    if (pad) {
      SmallVector<int64_t> order = channelsLastOrder(rank);
      low = permuted<OpFoldResult>(pad.getMixedLowPad(), order);
      high = permuted<OpFoldResult>(pad.getMixedHighPad(), order);
      shape = permuted<int64_t>(
          cast<RankedTensorType>(pad.getType()).getShape(), order);
    }
    shape.back() = channels + missing;
    high.back() = builder.getIndexAttr(missing);
    Value zero = arith::ConstantOp::create(
        builder, image.getLoc(),
        builder.getIntegerAttr(builder.getI8Type(),
                               APInt(8, uint64_t(bytes.zero), false, true)));
    return tensor::PadOp::create(
        builder, image.getLoc(),
        RankedTensorType::get(shape, type.getElementType()), image, low, high,
        zero);
  }

  RaisedWeights &weights;
};
} // namespace

//===----------------------------------------------------------------------===//
// Transposes
//===----------------------------------------------------------------------===//

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
    Value back = transpose(result, turn.getPermutation(), rewriter);
    if (back.getType() != op->getResult(0).getType())
      back = tensor::CastOp::create(rewriter, op->getLoc(),
                                    op->getResult(0).getType(), back);
    rewriter.replaceOp(op, back);
    return success();
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
      rewriter.replaceOp(op, transpose(first.getInput(), order, rewriter));
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

void lqc::addConvolutionPatterns(RewritePatternSet &patterns,
                                 RaisedWeights &weights) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ConvolutionToLinear<linalg::Conv1DNcwFcwOp>,
               ConvolutionToLinear<linalg::Conv2DNchwFchwOp>,
               ConvolutionToLinear<linalg::Conv3DNcdhwFcdhwOp>>(context,
                                                                weights);
  patterns.add<ConvolutionToInteger<linalg::Conv1DNcwFcwOp>,
               ConvolutionToInteger<linalg::Conv2DNchwFchwOp>,
               ConvolutionToInteger<linalg::Conv3DNcdhwFcdhwOp>>(context,
                                                                 weights);
  patterns.add<TransposeAfterElementwise, MergeTransposes>(context);
}
