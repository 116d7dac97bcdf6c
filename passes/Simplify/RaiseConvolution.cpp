//===- RaiseConvolution.cpp - convolutions are linears of patches ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution with a weight becomes lqc.patches and lqc.linear, with channels
// last. ONNX has channels before positions, so each is wrapped into transposes.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

Value lqc::withChannelsLast(Value value, OpBuilder &builder) {
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> order = channelsLastOrder(type.getRank());
  tensor::PadOp pad = value.getDefiningOp<tensor::PadOp>();
  Value number = pad ? pad.getConstantPaddingValue() : Value();
  if (!number || pad.getNofold())
    return transposed(value, order, builder);
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
  rewriter.replaceOp(op, transposed(result, toChannelsFirst(rank), rewriter));
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

//===----------------------------------------------------------------------===//
// Convolutions of bytes
//===----------------------------------------------------------------------===//

static bool padsWithZeros(tensor::PadOp pad) {
  Value number = pad.getConstantPaddingValue();
  return number && matchPattern(number, m_Zero()) && !pad.getNofold();
}

std::optional<ByteImage> lqc::matchImage(Value input) {
  tensor::PadOp pad = input.getDefiningOp<tensor::PadOp>();
  std::optional<CenteredBytes> bytes =
      matchCentered(pad ? pad.getSource() : input);
  if (!bytes || (pad && !padsWithZeros(pad)))
    return std::nullopt;
  return ByteImage{*bytes, pad};
}

Value lqc::channelsLastImage(ByteImage &image, int64_t multiple,
                             OpBuilder &builder) {
  image.bytes = withoutSign(image.bytes, builder);
  Value value = withChannelsLast(image.bytes.bytes, builder);
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank(), channels = type.getShape().back();
  int64_t missing = llvm::alignTo(channels, multiple) - channels;
  if (!image.pad && !missing)
    return value;
  SmallVector<OpFoldResult> low(rank, builder.getIndexAttr(0)), high = low;
  SmallVector<int64_t> shape(type.getShape());
  if (tensor::PadOp pad = image.pad) {
    SmallVector<int64_t> order = channelsLastOrder(rank);
    low = permuted<OpFoldResult>(pad.getMixedLowPad(), order);
    high = permuted<OpFoldResult>(pad.getMixedHighPad(), order);
    shape = permuted<int64_t>(cast<RankedTensorType>(pad.getType()).getShape(),
                              order);
  }
  shape.back() = channels + missing;
  high.back() = builder.getIndexAttr(missing);
  Value zero = arith::ConstantOp::create(
      builder, value.getLoc(),
      builder.getIntegerAttr(
          builder.getI8Type(),
          APInt(8, uint64_t(image.bytes.zero), false, true)));
  return tensor::PadOp::create(
      builder, value.getLoc(),
      RankedTensorType::get(shape, type.getElementType()), value, low, high,
      zero);
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
    std::optional<ByteImage> image = matchImage(input);
    if (!image)
      return rewriter.notifyMatchFailure(op, "is not one of bytes");
    std::optional<CenteredBytes> codes = matchCodes(weight, rewriter);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "has no weight of codes");
    return replaceConvolution(
        op, channelsLastImage(*image, /*multiple=*/4, rewriter),
        [&](Value rows) {
          return multiplyBytes(rows, image->bytes.zero, *codes,
                               RaisedWeights::Bytes::ChannelsFirst, weights,
                               rewriter);
        },
        rewriter);
  }

  RaisedWeights &weights;
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
}
