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

/// A weight right behind `weight`, "w.<suffix>", of what `build` makes of it;
/// the symbol table makes the name unique.
static WeightOp derive(WeightOp weight, StringRef suffix, SymbolTable &symbols,
                       function_ref<Value(OpBuilder &, Value)> build) {
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  std::string name = (weight.getSymName() + "." + suffix).str();
  WeightOp result = WeightOp::create(builder, loc, name, weight.getType(), {});
  symbols.insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  Value value =
      build(builder, GetWeightOp::create(builder, loc, weight.getType(),
                                         weight.getSymName()));
  result.setType(cast<RankedTensorType>(value.getType()));
  YieldOp::create(builder, loc, value);
  return result;
}

static Value transposeBy(OpBuilder &builder, Value value,
                         ArrayRef<int64_t> order) {
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  for (int64_t dim : order)
    shape.push_back(type.getDimSize(dim));
  Value empty = tensor::EmptyOp::create(builder, value.getLoc(), shape,
                                        type.getElementType());
  return linalg::TransposeOp::create(builder, value.getLoc(), value, empty,
                                     order)
      ->getResult(0);
}

WeightOp RaisedWeights::transposed(WeightOp weight) {
  WeightOp &result = transposes[weight];
  if (!result)
    result = derive(weight, "transposed", symbols,
                    [](OpBuilder &builder, Value value) {
                      return transposeBy(builder, value, {1, 0});
                    });
  return result;
}

WeightOp RaisedWeights::rowsOf(WeightOp weight, int64_t first, int64_t count) {
  WeightOp &result = rows[{weight, first, count}];
  if (result)
    return result;
  auto extract = [&](OpBuilder &builder, Value value) -> Value {
    RankedTensorType type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = count;
    SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
        strides(shape.size(), builder.getIndexAttr(1)), sizes;
    offsets[0] = builder.getIndexAttr(first);
    for (int64_t size : shape)
      sizes.push_back(builder.getIndexAttr(size));
    return tensor::ExtractSliceOp::create(
        builder, value.getLoc(),
        RankedTensorType::get(shape, type.getElementType(), type.getEncoding()),
        value, offsets, sizes, strides);
  };
  return result =
             derive(weight, ("rows_" + Twine(first)).str(), symbols, extract);
}

WeightOp RaisedWeights::channelsLast(WeightOp weight) {
  WeightOp &result = matrices[weight];
  if (result)
    return result;
  int64_t rank = weight.getTensorType().getRank();
  result = derive(
      weight, "channels_last", symbols, [&](OpBuilder &builder, Value value) {
        SmallVector<int64_t> order = {0};
        llvm::append_range(order, llvm::seq<int64_t>(2, rank));
        order.push_back(1);
        ReassociationIndices columns =
            llvm::to_vector<2>(llvm::seq<int64_t>(1, rank));
        return tensor::CollapseShapeOp::create(
                   builder, value.getLoc(), transposeBy(builder, value, order),
                   ArrayRef<ReassociationIndices>{{0}, columns})
            .getResult();
      });
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

Value RaisedWeights::getChannelsLast(Value value, OpBuilder &builder) {
  WeightOp weight = find(value);
  return weight ? readOf(channelsLast(weight), builder) : Value();
}

Value RaisedWeights::getRows(Value value, int64_t first, int64_t count,
                             OpBuilder &builder) {
  WeightOp weight = find(value);
  return weight ? readOf(rowsOf(weight, first, count), builder) : Value();
}
