//===- RaiseInteger.cpp - products of bytes -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models that were quantized before multiply bytes less their zero points, in
// int32. Kernels multiply the unsigned bytes x themselves by codes w, and
//
//   sum_k (x_k - z) w_k = sum_k x_k w_k - z sum_k w_k
//
// so a zero point is a bias. Signed bytes are unsigned ones less 128.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

std::optional<int64_t> lqc::splatInteger(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  else if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    value = splat.getInput();
  else if (auto repeat = value.getDefiningOp<linalg::BroadcastOp>())
    value = repeat.getInput();
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return number.getSExtValue();
  DenseIntElementsAttr numbers;
  if (matchPattern(value, m_Constant(&numbers)) && numbers.isSplat())
    return numbers.getSplatValue<APInt>().getSExtValue();
  return std::nullopt;
}

std::optional<CenteredBytes> lqc::matchCentered(Value value) {
  CenteredBytes result;
  if (auto difference = value.getDefiningOp<arith::SubIOp>()) {
    std::optional<int64_t> zero = splatInteger(difference.getRhs());
    if (!zero)
      return std::nullopt;
    result.zero = *zero;
    value = difference.getLhs();
  }
  if (auto wide = value.getDefiningOp<arith::ExtSIOp>()) {
    result.bytes = wide.getIn();
    result.isSigned = true;
  } else if (auto wide = value.getDefiningOp<arith::ExtUIOp>()) {
    result.bytes = wide.getIn();
  }
  if (!result.bytes ||
      !getElementTypeOrSelf(result.bytes.getType()).isInteger(8))
    return std::nullopt;
  return result;
}

CenteredBytes lqc::withoutSign(CenteredBytes centered, OpBuilder &builder) {
  if (!centered.isSigned)
    return centered;
  return {flipHighBits(centered.bytes, builder), /*isSigned=*/false,
          centered.zero + 128};
}

/// An int32 constant less `zero` as bytes; null if they cannot hold it.
static Value bytesOfConstant(Value value, int64_t zero, OpBuilder &builder) {
  DenseIntElementsAttr numbers;
  if (!matchPattern(value, m_Constant(&numbers)))
    return {};
  SmallVector<int8_t> bytes;
  for (const APInt &number : numbers.getValues<APInt>()) {
    int64_t code = number.getSExtValue() - zero;
    if (code < INT8_MIN || code > INT8_MAX)
      return {};
    bytes.push_back(int8_t(code));
  }
  RankedTensorType type =
      RankedTensorType::get(numbers.getType().getShape(), builder.getI8Type());
  return arith::ConstantOp::create(
      builder, value.getLoc(),
      DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
}

std::optional<CenteredBytes> lqc::matchCodes(Value weight, OpBuilder &builder) {
  std::optional<CenteredBytes> codes = matchCentered(weight);
  if (codes) {
    Operation *source = codes->bytes.getDefiningOp();
    bool isWeight = source && (isa<GetWeightOp>(source) ||
                               source->hasTrait<OpTrait::ConstantLike>());
    if (isWeight && codes->zero == (codes->isSigned ? 0 : 128))
      return codes;
    return std::nullopt;
  }
  int64_t zero = 0;
  if (auto difference = weight.getDefiningOp<arith::SubIOp>()) {
    std::optional<int64_t> splat = splatInteger(difference.getRhs());
    if (!splat)
      return std::nullopt;
    zero = *splat;
    weight = difference.getLhs();
  }
  Value bytes = bytesOfConstant(weight, zero, builder);
  if (!bytes)
    return std::nullopt;
  return CenteredBytes{bytes, /*isSigned=*/true, /*zero=*/0};
}

Value lqc::multiplyBytes(Value rows, int64_t zero, const CenteredBytes &codes,
                         RaisedWeights::Bytes order, RaisedWeights &weights,
                         OpBuilder &builder) {
  Value matrix = weights.getCodes(codes.bytes, codes.isSigned, order, builder);
  Value bias;
  if (zero)
    bias =
        weights.getCodeSums(codes.bytes, codes.isSigned, order, -zero, builder);
  RankedTensorType type = RankedTensorType::get(
      {cast<RankedTensorType>(rows.getType()).getDimSize(0),
       cast<RankedTensorType>(matrix.getType()).getDimSize(0)},
      builder.getI32Type());
  return IntegerLinearOp::create(builder, rows.getLoc(), type, rows, matrix,
                                 bias);
}

namespace {
/// (x - z) (w - y), both of bytes, with w a weight on the right.
struct MatmulToInteger : OpRewritePattern<linalg::MatmulOp> {
  MatmulToInteger(MLIRContext *context, RaisedWeights &weights)
      : OpRewritePattern(context), weights(weights) {}

  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.hasUserDefinedMaps() ||
        splatInteger(op.getOutputs()[0]) != 0)
      return rewriter.notifyMatchFailure(op, "is not a plain integer product");
    std::optional<CenteredBytes> x = matchCentered(op.getInputs()[0]);
    Value weight = op.getInputs()[1];
    RaisedWeights::Bytes order = RaisedWeights::Bytes::Columns;
    if (auto turn = weight.getDefiningOp<linalg::TransposeOp>()) {
      weight = turn.getInput();
      order = RaisedWeights::Bytes::Rows;
    }
    if (!x || cast<RankedTensorType>(x->bytes.getType()).isDynamicDim(1))
      return rewriter.notifyMatchFailure(op, "is not of bytes");
    std::optional<CenteredBytes> codes = matchCodes(weight, rewriter);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "has no weight of codes");
    CenteredBytes input = withoutSign(*x, rewriter);
    rewriter.replaceOp(op, multiplyBytes(padColumns(input.bytes, rewriter),
                                         input.zero, *codes, order, weights,
                                         rewriter));
    return success();
  }

  /// Columns in fours; what is added meets zeros.
  static Value padColumns(Value rows, OpBuilder &builder) {
    RankedTensorType type = cast<RankedTensorType>(rows.getType());
    int64_t columns = type.getDimSize(1);
    int64_t missing = llvm::alignTo(columns, 4) - columns;
    if (!missing)
      return rows;
    Value zero = arith::ConstantOp::create(builder, rows.getLoc(),
                                           builder.getI8IntegerAttr(0));
    return tensor::PadOp::create(
        builder, rows.getLoc(),
        RankedTensorType::get({type.getDimSize(0), columns + missing},
                              type.getElementType()),
        rows, getAsIndexOpFoldResult(builder.getContext(), {0, 0}),
        getAsIndexOpFoldResult(builder.getContext(), {0, missing}), zero);
  }

  RaisedWeights &weights;
};
} // namespace

void lqc::addIntegerPatterns(RewritePatternSet &patterns,
                             RaisedWeights &weights) {
  patterns.add<MatmulToInteger>(patterns.getContext(), weights);
}
