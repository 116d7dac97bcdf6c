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

static Value readOf(WeightOp weight, OpBuilder &builder) {
  if (!weight)
    return {};
  return GetWeightOp::create(builder, weight.getLoc(), weight.getType(),
                             weight.getSymName());
}

SmallVector<int64_t> lqc::channelsLastOrder(int64_t rank) {
  SmallVector<int64_t> order = {0};
  llvm::append_range(order, llvm::seq<int64_t>(2, rank));
  order.push_back(1);
  return order;
}

Value lqc::flipHighBits(Value bytes, OpBuilder &builder) {
  RankedTensorType type = cast<RankedTensorType>(bytes.getType());
  Location loc = bytes.getLoc();
  Value flip;
  if (type.hasStaticShape())
    flip = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(type, builder.getI8IntegerAttr(-128)));
  else
    flip = linalg::FillOp::create(
               builder, loc,
               arith::ConstantOp::create(builder, loc,
                                         builder.getI8IntegerAttr(-128))
                   .getResult(),
               tensor::EmptyOp::create(
                   builder, loc, tensor::getMixedSizes(builder, loc, bytes),
                   type.getElementType())
                   .getResult())
               .getResult(0);
  return arith::XOrIOp::create(builder, loc, bytes, flip);
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
        ReassociationIndices columns =
            llvm::to_vector<2>(llvm::seq<int64_t>(1, rank));
        return tensor::CollapseShapeOp::create(
                   builder, value.getLoc(),
                   transposeBy(builder, value, channelsLastOrder(rank)),
                   ArrayRef<ReassociationIndices>{{0}, columns})
            .getResult();
      });
  return result;
}

/// The matrix (outputs, columns) of a weight with its outputs elsewhere, filled
/// up with `fill` to a multiple of four channels or columns.
static Value matrixOf(OpBuilder &builder, Value value,
                      RaisedWeights::Bytes order, int8_t fill) {
  using Bytes = RaisedWeights::Bytes;
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  if (order == Bytes::Columns)
    value = transposeBy(builder, value, {1, 0});
  if (order == Bytes::ChannelsFirst)
    value = transposeBy(builder, value, channelsLastOrder(rank));
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (int64_t missing = llvm::alignTo(shape.back(), 4) - shape.back()) {
    shape.back() += missing;
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    high.back() = missing;
    Value number = arith::ConstantOp::create(builder, value.getLoc(),
                                             builder.getI8IntegerAttr(fill));
    value = tensor::PadOp::create(
        builder, value.getLoc(),
        RankedTensorType::get(shape, type.getElementType()), value,
        getAsIndexOpFoldResult(builder.getContext(), low),
        getAsIndexOpFoldResult(builder.getContext(), high), number);
  }
  if (rank == 2)
    return value;
  ReassociationIndices columns =
      llvm::to_vector<2>(llvm::seq<int64_t>(1, rank));
  return tensor::CollapseShapeOp::create(
      builder, value.getLoc(), value,
      ArrayRef<ReassociationIndices>{{0}, columns});
}

Value RaisedWeights::getCodes(Value value, bool isSigned, Bytes order,
                              OpBuilder &builder) {
  WeightOp weight = findBytes(value);
  if (!weight)
    return {};
  WeightOp &result = codes[{weight, isSigned, order}];
  if (result)
    return readOf(result, builder);
  auto assemble = [&](OpBuilder &b, Value bytes) -> Value {
    if (isSigned)
      bytes = flipHighBits(bytes, b);
    bytes = matrixOf(b, bytes, order, /*fill=*/-128); // the code 0
    RankedTensorType type = cast<RankedTensorType>(bytes.getType());
    // Who reads the product multiplies by the scales.
    RankedTensorType scales =
        RankedTensorType::get(type.getDimSize(0), b.getF32Type());
    Value ones = arith::ConstantOp::create(
        b, value.getLoc(), DenseElementsAttr::get(scales, 1.0f));
    SchemeAttr scheme =
        SchemeAttr::get(b.getContext(), *parseScheme("int8-g0-f32"));
    return AssembleOp::create(
        b, value.getLoc(),
        quantizedType(RankedTensorType::get(type.getShape(), b.getF32Type()),
                      scheme),
        bytes, ones, Value());
  };
  result = derive(weight, "codes", symbols, assemble);
  return readOf(result, builder);
}

Value RaisedWeights::getDepthwise(Value value, bool isSigned,
                                  OpBuilder &builder) {
  WeightOp weight = findBytes(value);
  if (!weight)
    return {};
  WeightOp &result = depthwise[{weight, isSigned}];
  if (result)
    return readOf(result, builder);
  auto turn = [&](OpBuilder &b, Value bytes) -> Value {
    if (!isSigned)
      bytes = flipHighBits(bytes, b);
    // (channels, 1, kernel…) to (1, kernel…, channels)
    int64_t rank = cast<RankedTensorType>(bytes.getType()).getRank();
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(1, rank));
    order.push_back(0);
    return collapseToRows(transposeBy(b, bytes, order), b);
  };
  result = derive(weight, "depthwise", symbols, turn);
  return readOf(result, builder);
}

Value RaisedWeights::getCodeSums(Value value, bool isSigned, Bytes order,
                                 int64_t factor, OpBuilder &builder) {
  WeightOp weight = findBytes(value);
  if (!weight)
    return {};
  WeightOp &result = sums[{weight, isSigned, order, factor}];
  if (result)
    return readOf(result, builder);
  auto sumUp = [&](OpBuilder &b, Value bytes) -> Value {
    Location loc = value.getLoc();
    RankedTensorType type = cast<RankedTensorType>(bytes.getType());
    int64_t outputs = order == Bytes::Columns ? 1 : 0;
    SmallVector<int64_t> summed;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (d != outputs)
        summed.push_back(d);
    RankedTensorType wide =
        RankedTensorType::get(type.getShape(), b.getI32Type());
    auto splat = [&](int64_t number, RankedTensorType of) -> Value {
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(of, b.getI32IntegerAttr(number)));
    };
    Value numbers =
        isSigned ? Value(arith::ExtSIOp::create(b, loc, wide, bytes))
                 : Value(arith::SubIOp::create(
                       b, loc, arith::ExtUIOp::create(b, loc, wide, bytes),
                       splat(128, wide)));
    RankedTensorType row =
        RankedTensorType::get(type.getDimSize(outputs), b.getI32Type());
    Value sum = linalg::ReduceOp::create(
                    b, loc, numbers, splat(0, row), summed,
                    [](OpBuilder &inner, Location at, ValueRange x) {
                      Value added =
                          arith::AddIOp::create(inner, at, x[0], x[1]);
                      linalg::YieldOp::create(inner, at, added);
                    })
                    ->getResult(0);
    return arith::MulIOp::create(b, loc, sum, splat(factor, row));
  };
  result = derive(weight, "sums", symbols, sumUp);
  return readOf(result, builder);
}

WeightOp RaisedWeights::findBytes(Value value) {
  RankedTensorType type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isInteger(8))
    return {};
  if (GetWeightOp read = value.getDefiningOp<GetWeightOp>())
    return symbols.lookup<WeightOp>(read.getWeight());
  DenseElementsAttr numbers;
  if (matchPattern(value, m_Constant(&numbers)))
    return ofConstant(numbers, value.getLoc());
  return {};
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
