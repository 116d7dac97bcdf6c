//===- RaisedWeights.cpp - constants and transposes as weights ------------===//
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

std::optional<double> lqc::splatNumber(Value value) {
  DenseElementsAttr numbers;
  FloatAttr number;
  if (linalg::FillOp fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  else if (tensor::SplatOp splat = value.getDefiningOp<tensor::SplatOp>())
    value = splat.getInput();
  if (matchPattern(value, m_Constant(&number)))
    return number.getValueAsDouble();
  if (!matchPattern(value, m_Constant(&numbers)) || !numbers.isSplat() ||
      !isa<FloatType>(numbers.getElementType()))
    return std::nullopt;
  APFloat splat = numbers.getSplatValue<APFloat>();
  bool losesInfo = false;
  splat.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return splat.convertToDouble();
}

bool lqc::isSplat(Value value, double number) {
  std::optional<double> found = splatNumber(value);
  return found && *found == number;
}

/// Formats that linears and norms read.
static bool isWeightElement(Type type) {
  return type.isF32() || type.isF16() || type.isBF16();
}

/// "w.transposed" beside "w"; the symbol table makes it unique.
WeightOp RaisedWeights::transposed(WeightOp weight) {
  WeightOp &result = transposes[weight];
  if (result)
    return result;
  RankedTensorType type = weight.getTensorType();
  RankedTensorType turned =
      RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)},
                            type.getElementType(), type.getEncoding());
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  result = WeightOp::create(
      builder, loc, (weight.getSymName() + ".transposed").str(), turned, {});
  symbols.insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  Value read = GetWeightOp::create(builder, loc, type, weight.getSymName());
  Value empty = tensor::EmptyOp::create(builder, loc, turned.getShape(),
                                        turned.getElementType());
  Value value = linalg::TransposeOp::create(builder, loc, read, empty,
                                            ArrayRef<int64_t>{1, 0})
                    ->getResult(0);
  YieldOp::create(builder, loc, value);
  return result;
}

/// "w.rows_64" beside "w": those that begin with row 64.
WeightOp RaisedWeights::rowsOf(WeightOp weight, int64_t first, int64_t count) {
  WeightOp &result = rows[{weight, first, count}];
  if (result)
    return result;
  RankedTensorType type = weight.getTensorType();
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = count;
  RankedTensorType part =
      RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  result = WeightOp::create(
      builder, loc, (weight.getSymName() + ".rows_" + Twine(first)).str(), part,
      {});
  symbols.insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      strides(shape.size(), builder.getIndexAttr(1)), sizes;
  offsets[0] = builder.getIndexAttr(first);
  for (int64_t size : shape)
    sizes.push_back(builder.getIndexAttr(size));
  Value read = GetWeightOp::create(builder, loc, type, weight.getSymName());
  Value value = tensor::ExtractSliceOp::create(builder, loc, part, read,
                                               offsets, sizes, strides);
  YieldOp::create(builder, loc, value);
  return result;
}

WeightOp RaisedWeights::ofConstant(DenseElementsAttr numbers, Location loc) {
  WeightOp &result = constants[numbers];
  if (result)
    return result;
  OpBuilder builder(loc.getContext());
  result = WeightOp::create(builder, loc, "constant",
                            cast<RankedTensorType>(numbers.getType()), numbers);
  Operation *module = symbols.getOp();
  symbols.insert(result, module->getRegion(0).front().begin());
  return result;
}

WeightOp RaisedWeights::find(Value value) {
  if (arith::ExtFOp wide = value.getDefiningOp<arith::ExtFOp>())
    value = wide.getIn();
  RankedTensorType type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !isWeightElement(type.getElementType()))
    return {};
  if (GetWeightOp read = value.getDefiningOp<GetWeightOp>())
    return symbols.lookup<WeightOp>(read.getWeight());
  DenseElementsAttr numbers;
  if (type.getRank() > 0 && matchPattern(value, m_Constant(&numbers)))
    return ofConstant(numbers, value.getLoc());
  return {};
}

static Value readOf(WeightOp weight, OpBuilder &builder) {
  if (!weight)
    return {};
  return GetWeightOp::create(builder, weight.getLoc(), weight.getType(),
                             weight.getSymName());
}

Value RaisedWeights::get(Value value, OpBuilder &builder) {
  return readOf(find(value), builder);
}

Value RaisedWeights::getTransposed(Value value, OpBuilder &builder) {
  // The transpose of a transpose is the weight itself.
  if (linalg::TransposeOp turn = value.getDefiningOp<linalg::TransposeOp>())
    return readOf(find(turn.getInput()), builder);
  WeightOp weight = find(value);
  return weight ? readOf(transposed(weight), builder) : Value();
}

Value RaisedWeights::getRows(Value value, int64_t first, int64_t count,
                             OpBuilder &builder) {
  WeightOp weight = find(value);
  return weight ? readOf(rowsOf(weight, first, count), builder) : Value();
}
