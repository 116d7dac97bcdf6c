//===- ModelOps.cpp - the operations of a decoder ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "lqc/Numerics/Levels.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace lqc;

/// `custom<SameType>`: two types that are always equal, written once.
static ParseResult parseSameType(OpAsmParser &parser, Type &first,
                                 Type &second) {
  if (parser.parseType(first))
    return failure();
  second = first;
  return success();
}

static void printSameType(OpAsmPrinter &printer, Operation *, Type first,
                          Type) {
  printer << first;
}

#define GET_OP_CLASSES
#include "dialects/LQC/LQCOps.cpp.inc"

static int64_t rowsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(0);
}

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

static LogicalResult verifyEqual(Operation *op, StringRef rule, int64_t got,
                                 int64_t expected) {
  if (got == expected)
    return success();
  return op->emitOpError(rule) << ", got: " << got << " != " << expected;
}

/// One row of `result` for each element or row of `operand`.
static LogicalResult verifyRows(Operation *op, Value operand, Value result,
                                StringRef what) {
  return verifyEqual(op, ("result must have one row per " + what).str(),
                     rowsOf(result), rowsOf(operand));
}

LogicalResult EmbeddingOp::verify() {
  if (failed(verifyRows(*this, getIndices(), getResult(), "index"))) // C1
    return failure();
  return verifyEqual(*this, "result rows must be as long as the table's", // C2
                     columnsOf(getResult()), columnsOf(getTable()));
}

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

/// C4: integers multiply integers, group by group.
static LogicalResult verifyIntegerOperands(LinearOp op) {
  SchemeAttr input = schemeOf(op.getInput().getType());
  SchemeAttr weight = schemeOf(op.getWeight().getType());
  if (!input)
    return success();
  if (!weight)
    return op.emitOpError("a quantized input must meet a quantized weight, "
                          "got: ")
           << op.getWeight().getType();
  if (!input.getValue().isActivation())
    return op.emitOpError("a quantized input must have a scheme of activations "
                          "(dynamic-int8-gG, static-int8-gG), got: ")
           << schemeName(input.getValue());
  if (levelStep(weight.getValue()) == 0)
    return op.emitOpError("a quantized input must meet weights whose levels "
                          "are integers times a constant, got: ")
           << schemeName(weight.getValue());
  int64_t columns = columnsOf(op.getWeight());
  int64_t inputGroup = input.getValue().groupColumns(columns);
  int64_t weightGroup = weight.getValue().groupColumns(columns);
  if (inputGroup % weightGroup && weightGroup % inputGroup)
    return op.emitOpError("one group size must divide the other, got: ")
           << inputGroup << " and " << weightGroup;
  return success();
}

LogicalResult LinearOp::verify() {
  if (failed(verifyEqual(*this,
                         "input rows must be as long as weight rows", // C1
                         columnsOf(getInput()), columnsOf(getWeight()))) ||
      failed(verifyRows(*this, getInput(), getResult(), "input row")) || // C2
      failed(verifyEqual(*this, "result must have one column per weight row",
                         columnsOf(getResult()), rowsOf(getWeight()))))
    return failure();
  if (getBias() &&
      failed(verifyEqual(*this, "bias must have one element per weight row",
                         rowsOf(getBias()), rowsOf(getWeight())))) // C3
    return failure();
  return verifyIntegerOperands(*this);
}

/// linear(x, dequantize(w)) -> linear(x, w): an operand's encoding never
/// changes what a linear computes.
static LogicalResult absorbDequantize(LinearOp op, PatternRewriter &rewriter) {
  DequantizeOp dequantize = op.getWeight().getDefiningOp<DequantizeOp>();
  if (!dequantize)
    return rewriter.notifyMatchFailure(op, "the weight is not dequantized");
  rewriter.modifyOpInPlace(
      op, [&] { op.getWeightMutable().assign(dequantize.getInput()); });
  return success();
}

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *) {
  patterns.add(absorbDequantize);
}

LogicalResult IntegerLinearOp::verify() {
  SchemeAttr scheme = schemeOf(getWeight().getType()); // C1
  if (!scheme || scheme.getValue().bits != 8 ||
      scheme.getValue().zero != ZeroPoint::None ||
      scheme.getValue().groupSize != 0 || scheme.getValue().isActivation() ||
      levelStep(scheme.getValue()) == 0)
    return emitOpError("weight must have a scheme int8-g0 or int8-g0-f32, "
                       "got: ")
           << getWeight().getType();
  if (failed(verifyEqual(*this,
                         "input rows must be as long as weight rows", // C2
                         columnsOf(getInput()), columnsOf(getWeight()))) ||
      failed(verifyRows(*this, getInput(), getResult(), "input row")) || // C3
      failed(verifyEqual(*this, "result must have one column per weight row",
                         columnsOf(getResult()), rowsOf(getWeight()))))
    return failure();
  if (!getBias())
    return success();
  return verifyEqual(*this, "bias must have one element per weight row", // C4
                     rowsOf(getBias()), rowsOf(getWeight()));
}

bool LinearOp::readsKeptColumns() {
  SplitColumnsOp split = getInput().getDefiningOp<SplitColumnsOp>();
  return split && getInput() == split.getKept();
}

LogicalResult SplitColumnsOp::verify() {
  // C1
  for (Type type : {getInput().getType(), getKept().getType()})
    if (cast<RankedTensorType>(type).getEncoding())
      return emitOpError("must split plain matrices, got: ") << type;
  // C2
  int64_t count = rowsOf(getIndices());
  if (count < 1 || count > columnsOf(getInput()))
    return emitOpError("must keep at least one column and at most all, got: ")
           << count << " of " << columnsOf(getInput());
  // C3
  if (failed(verifyEqual(*this, "kept must have one column per index",
                         columnsOf(getKept()), count)))
    return failure();
  return verifyEqual(*this, "kept must have one row per input row",
                     rowsOf(getKept()), rowsOf(getInput()));
}

/// Places of the window of an operation on images along position `d`.
template <typename WindowOp> static int64_t placesOf(WindowOp op, unsigned d) {
  int64_t size =
      cast<RankedTensorType>(op.getInput().getType()).getDimSize(d + 1);
  if (ShapedType::isDynamic(size))
    return size;
  int64_t room = size - 1 - (op.getKernel()[d] - 1) * op.getDilations()[d];
  return room < 0 ? 0 : room / op.getStrides()[d] + 1;
}

/// That there is a window (C1), and a row of the result for each of its places
/// (C3).
template <typename WindowOp> static LogicalResult verifyWindow(WindowOp op) {
  RankedTensorType input = cast<RankedTensorType>(op.getInput().getType());
  int64_t positions = input.getRank() - 2;
  for (ArrayRef<int64_t> numbers :
       {op.getKernel(), op.getStrides(), op.getDilations()})
    if (positions < 1 || int64_t(numbers.size()) != positions ||
        llvm::any_of(numbers, [](int64_t n) { return n < 1; }))
      return op.emitOpError(
                 "must have a positive number for each position, got: ")
             << DenseI64ArrayAttr::get(op.getContext(), numbers) << " for "
             << input;
  RankedTensorType result = cast<RankedTensorType>(op.getType());
  int64_t rows = input.getDimSize(0);
  for (int64_t d = 0; d < positions && !ShapedType::isDynamic(rows); ++d)
    rows = ShapedType::isDynamic(placesOf(op, d)) ? ShapedType::kDynamic
                                                  : rows * placesOf(op, d);
  if (!ShapedType::isDynamic(rows) && result.getRank() == 2 &&
      !result.isDynamicDim(0))
    return verifyEqual(op, "result must have a row for each place",
                       result.getDimSize(0), rows);
  return success();
}

static int64_t productOf(ArrayRef<int64_t> numbers) {
  int64_t product = 1;
  for (int64_t number : numbers)
    product *= number;
  return product;
}

int64_t PatchesOp::getPlaces(unsigned d) { return placesOf(*this, d); }

LogicalResult PatchesOp::verify() {
  if (failed(verifyWindow(*this))) // C1, C3
    return failure();
  // C2
  RankedTensorType input = cast<RankedTensorType>(getInput().getType());
  RankedTensorType result = cast<RankedTensorType>(getType());
  int64_t columns = input.getShape().back() * productOf(getKernel());
  if (ShapedType::isDynamic(input.getShape().back()) || result.getRank() != 2 ||
      result.getDimSize(1) != columns ||
      result.getElementType() != input.getElementType())
    return emitOpError("result must have the input's elements and a column for "
                       "each channel of each place of the kernel, got: ")
           << result;
  return success();
}

int64_t DepthwiseOp::getPlaces(unsigned d) { return placesOf(*this, d); }

LogicalResult DepthwiseOp::verify() {
  if (failed(verifyWindow(*this))) // C1, C3
    return failure();
  RankedTensorType input = cast<RankedTensorType>(getInput().getType());
  RankedTensorType weight = cast<RankedTensorType>(getWeight().getType());
  int64_t channels = input.getShape().back();
  // C2
  if (ShapedType::isDynamic(channels) ||
      weight.getShape() !=
          ArrayRef<int64_t>({productOf(getKernel()), channels}))
    return emitOpError("weight must have a row for each place of the kernel "
                       "and a column for each channel, got: ")
           << weight;
  if (failed(verifyEqual(*this, "result must have a column for each channel",
                         columnsOf(getResult()), channels))) // C3
    return failure();
  if (!getBias())
    return success();
  return verifyEqual(*this, "bias must have one element per channel", // C4
                     rowsOf(getBias()), channels);
}

//===----------------------------------------------------------------------===//
// Normalization, rotary embedding
//===----------------------------------------------------------------------===//

template <typename NormOp> static LogicalResult verifyNorm(NormOp op) {
  if (failed(verifyEqual(op, // C1
                         "gain must have one element per input column",
                         rowsOf(op.getGain()), columnsOf(op.getInput()))))
    return failure();
  // C2
  APFloat epsilon = op.getEpsilon();
  if (!epsilon.isFinite() || epsilon.isNegative() || epsilon.isZero())
    return op.emitOpError("epsilon must be positive and finite");
  return success();
}

LogicalResult RmsNormOp::verify() { return verifyNorm(*this); }

LogicalResult LayerNormOp::verify() {
  if (failed(verifyNorm(*this)))
    return failure();
  if (!getBias())
    return success();
  return verifyEqual(*this, // C1
                     "bias must have one element per input column",
                     rowsOf(getBias()), columnsOf(getInput()));
}

LogicalResult RotaryTableOp::verify() { // C1
  if (failed(verifyRows(*this, getPositions(), getResult(), "position")))
    return failure();
  return verifyEqual(*this, "result must have two columns per frequency",
                     columnsOf(getResult()), 2 * rowsOf(getFrequencies()));
}

LogicalResult RopeOp::verify() {
  int64_t headDim = getHeadDim();
  // C1
  if (headDim < 2 || headDim % 2 || columnsOf(getInput()) % headDim)
    return emitOpError("head_dim must be positive, even and divide the "
                       "columns, got: ")
           << headDim << " for " << columnsOf(getInput());
  return verifyEqual(*this, "table must have head_dim columns", // C2
                     columnsOf(getTable()), headDim);
}

//===----------------------------------------------------------------------===//
// Cache and attention
//===----------------------------------------------------------------------===//

static LogicalResult verifyLayer(Operation *op, CacheType cache,
                                 int64_t layer) {
  if (layer >= 0 && layer < cache.getLayers())
    return success();
  return op->emitOpError("layer must be one of the cache's, got: ")
         << layer << " of " << cache.getLayers();
}

LogicalResult CacheAppendOp::verify() {
  CacheType cache = getCache().getType();
  if (failed(verifyEqual(*this, "rows must be heads x head dim", // C1
                         columnsOf(getKeys()),
                         cache.getHeads() * cache.getHeadDim())))
    return failure();
  return verifyLayer(*this, cache, getLayer()); // C2
}

LogicalResult AttentionOp::verify() {
  CacheType cache = getCache().getType();
  int64_t row = cache.getHeads() * cache.getHeadDim();
  // C1
  if (columnsOf(getQueries()) % row)
    return emitOpError("query rows must be a multiple of the cache's heads x "
                       "head dim, got: ")
           << columnsOf(getQueries()) << " for " << row;
  // C3
  if (!getScale().isFinite() || getScale().isNegative() || getScale().isZero())
    return emitOpError("scale must be positive and finite");
  return verifyLayer(*this, cache, getLayer()); // C2
}
