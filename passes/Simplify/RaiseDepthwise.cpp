//===- RaiseDepthwise.cpp - convolutions that leave channels apart --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution with as many groups as channels, and an output for each, is no
// product of matrices. The importer writes groups as a dimension:
//
//   y[b, g, 0, p] = sum_k x[b, g, 0, p * strides + k * dilations] w[g, 0, 0, k]
//
// Of bytes less a zero point, it is lqc.depthwise, with channels last.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

namespace {
/// The window of a convolution.
struct ConvolutionWindow {
  SmallVector<int64_t> kernel, strides, dilations;
};
} // namespace

/// The body adds the product of two inputs to the sum.
static bool isIntegerProductSum(linalg::GenericOp op) {
  Block &body = *op.getBody();
  if (body.getNumArguments() != 3)
    return false;
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  if (!sum || body.getOperations().size() != 3)
    return false;
  Value x = body.getArgument(0), w = body.getArgument(1),
        out = body.getArgument(2);
  auto product = (sum.getLhs() == out ? sum.getRhs() : sum.getLhs())
                     .getDefiningOp<arith::MulIOp>();
  bool addsToSum = sum.getLhs() == out || sum.getRhs() == out;
  return product && addsToSum &&
         ((product.getLhs() == x && product.getRhs() == w) ||
          (product.getLhs() == w && product.getRhs() == x));
}

/// The window, if the loops are those of a convolution that leaves channels
/// apart: over batch, channels, 1, places; 1, kernel.
static std::optional<ConvolutionWindow> windowOf(linalg::GenericOp op) {
  int64_t loops = op.getNumLoops(), rank = (loops - 4) / 2;
  if (loops < 6 || loops % 2 || op.getNumDpsInputs() != 2 ||
      op.getNumReductionLoops() != unsigned(rank + 1))
    return std::nullopt;
  SmallVector<int64_t, 4> sizes = op.getStaticLoopRanges();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  MLIRContext *context = op.getContext();
  auto dim = [&](int64_t d) { return getAffineDimExpr(d, context); };
  SmallVector<AffineExpr> in = {dim(0), dim(1), dim(3 + rank)};
  SmallVector<AffineExpr> weight = {dim(1), dim(2), dim(3 + rank)};
  SmallVector<AffineExpr> out = {dim(0), dim(1), dim(2)};
  ConvolutionWindow window;
  for (int64_t d = 0; d < rank; ++d) {
    SmallVector<int64_t> factors;
    if (maps[0].getNumResults() != unsigned(rank + 3) ||
        failed(getFlattenedAffineExpr(maps[0].getResult(3 + d), loops, 0,
                                      &factors)))
      return std::nullopt;
    int64_t place = 3 + d, inside = 4 + rank + d;
    int64_t stride = factors[place], dilation = factors[inside];
    if (stride < 1 || dilation < 1 || ShapedType::isDynamic(sizes[inside]))
      return std::nullopt;
    window.kernel.push_back(sizes[inside]);
    window.strides.push_back(stride);
    window.dilations.push_back(dilation);
    in.push_back(dim(place) * stride + dim(inside) * dilation);
    weight.push_back(dim(inside));
    out.push_back(dim(place));
  }
  auto is = [&](AffineMap map, ArrayRef<AffineExpr> exprs) {
    return simplifyAffineMap(map) ==
           simplifyAffineMap(AffineMap::get(loops, 0, exprs, context));
  };
  bool isApart =
      !ShapedType::isDynamic(sizes[1]) && sizes[2] == 1 && sizes[3 + rank] == 1;
  if (!isApart || !is(maps[0], in) || !is(maps[1], weight) || !is(maps[2], out))
    return std::nullopt;
  return window;
}

/// `value` before its third dimension, a 1, was there; null if it always was.
static Value withoutGroups(Value value) {
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return {};
  SmallVector<int64_t> shape(expand.getResultType().getShape());
  shape.erase(shape.begin() + 2);
  return expand.getSrcType().getShape() == ArrayRef<int64_t>(shape)
             ? Value(expand.getSrc())
             : Value();
}

/// Rows of the image's places in the shape of `like`, a result with groups.
static Value withGroups(Value rows, Value like, OpBuilder &builder) {
  Location loc = rows.getLoc();
  RankedTensorType type = cast<RankedTensorType>(like.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> all = tensor::getMixedSizes(builder, loc, like);
  SmallVector<OpFoldResult> sizes = all;
  shape.erase(shape.begin() + 2);
  sizes.erase(sizes.begin() + 2);
  int64_t rank = shape.size();
  SmallVector<int64_t> order = channelsLastOrder(rank);
  ReassociationIndices leading =
      llvm::to_vector<2>(llvm::seq<int64_t>(rank - 1));
  Value image = tensor::ExpandShapeOp::create(
      builder, loc,
      RankedTensorType::get(permuted<int64_t>(shape, order),
                            type.getElementType()),
      rows,
      ArrayRef<ReassociationIndices>{leading, ReassociationIndices{rank - 1}},
      permuted<OpFoldResult>(sizes, order));
  // As the importer takes groups away again, so that the two vanish.
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  for (int64_t d = 4; d <= rank; ++d)
    groups.push_back({d});
  return tensor::ExpandShapeOp::create(
      builder, loc, type, transposed(image, toChannelsFirst(rank), builder),
      groups, all);
}

namespace {
struct ConvolutionToDepthwise : OpRewritePattern<linalg::GenericOp> {
  ConvolutionToDepthwise(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "has not one result");
    std::optional<ConvolutionWindow> window = windowOf(op);
    if (!window || !isIntegerProductSum(op) ||
        splatInteger(op.getDpsInits()[0]) != 0)
      return rewriter.notifyMatchFailure(op, "is no such convolution");
    Value input = withoutGroups(op.getInputs()[0]);
    Value weight = withoutGroups(op.getInputs()[1]);
    std::optional<ByteImage> image =
        input && weight ? matchImage(input) : std::nullopt;
    if (!image)
      return rewriter.notifyMatchFailure(op, "is not one of bytes");
    std::optional<CenteredBytes> codes = matchCodes(weight, rewriter);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "has no weight of codes");
    Value rows = multiply(op, *image, *codes, *window, rewriter);
    rewriter.replaceOp(op, withGroups(rows, op.getDpsInits()[0], rewriter));
    return success();
  }

  Value multiply(linalg::GenericOp op, ByteImage &image,
                 const CenteredBytes &codes, const ConvolutionWindow &window,
                 OpBuilder &builder) const {
    Value input = channelsLastImage(image, /*multiple=*/1, builder);
    Value weight = weights.getDepthwise(codes.bytes, codes.isSigned, builder);
    Value bias;
    if (image.bytes.zero)
      bias = weights.getCodeSums(codes.bytes, codes.isSigned,
                                 RaisedWeights::Bytes::ChannelsFirst,
                                 -image.bytes.zero, builder);
    RankedTensorType type =
        cast<RankedTensorType>(op.getDpsInits()[0].getType());
    int64_t rows = 1; // batch and places
    for (auto [d, size] : llvm::enumerate(type.getShape()))
      if (d != 1)
        rows = ShapedType::isDynamic(size) || ShapedType::isDynamic(rows)
                   ? ShapedType::kDynamic
                   : rows * size;
    return DepthwiseOp::create(
        builder, op.getLoc(),
        RankedTensorType::get({rows, type.getDimSize(1)}, builder.getI32Type()),
        input, weight, bias, builder.getDenseI64ArrayAttr(window.kernel),
        builder.getDenseI64ArrayAttr(window.strides),
        builder.getDenseI64ArrayAttr(window.dilations));
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addDepthwisePatterns(RewritePatternSet &patterns,
                               RaisedWeights &weights) {
  patterns.add<ConvolutionToDepthwise>(patterns.getContext(), weights);
}
