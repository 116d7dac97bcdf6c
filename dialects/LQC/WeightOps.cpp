//===- WeightOps.cpp - weights and their small programs ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/IR/Builders.h"

#include <cctype>

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

Value WeightOp::getYielded() {
  if (getInitializer().empty())
    return {};
  return getInitializer().front().getTerminator()->getOperand(0);
}

static LogicalResult verifyValue(WeightOp op, Attribute value) {
  RankedTensorType type = op.getTensorType();
  if (FileAttr file = dyn_cast<FileAttr>(value)) {
    // C3
    if (file.getBytes() != weightBytes(type))
      return op.emitOpError("file must hold the bytes of the type, got: ")
             << file.getBytes() << " != " << weightBytes(type);
    return success();
  }
  // C4
  if (DenseElementsAttr dense = dyn_cast<DenseElementsAttr>(value)) {
    if (dense.getType() != type)
      return op.emitOpError("value must have the weight's type, got: ")
             << dense.getType() << " != " << type;
    return success();
  }
  if (!isa<RandomAttr>(value))
    return op.emitOpError(
               "value must be #lqc.file, #lqc.random or dense, got: ")
           << value;
  if (type.getEncoding() ||
      !isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType()))
    return op.emitOpError(
               "#lqc.random makes plain f32, f16 and bf16 tensors, got: ")
           << type;
  return success();
}

LogicalResult WeightOp::verify() {
  // C1
  if (getValue().has_value() != getInitializer().empty())
    return emitOpError("must have either a value or an initializer");
  // C2
  if (!getTensorType().hasStaticShape())
    return emitOpError("must have a static size, got: ") << getType();
  return getValue() ? verifyValue(*this, *getValue()) : success();
}

LogicalResult WeightOp::verifyRegions() {
  if (getInitializer().empty())
    return success();
  // C5
  YieldOp yield = dyn_cast<YieldOp>(getInitializer().front().getTerminator());
  if (!yield || yield.getNumOperands() != 1 ||
      yield.getOperand(0).getType() != getType())
    return emitOpError("initializer must yield one value of type ")
           << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// GetWeightOp
//===----------------------------------------------------------------------===//

LogicalResult
GetWeightOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // C1
  WeightOp weight =
      symbolTable.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("must name an lqc.weight, got: ") << getWeightAttr();
  // C2
  if (weight.getType() != getType())
    return (emitOpError("must have the weight's type, got: ")
            << getType() << " != " << weight.getType())
               .attachNote(weight.getLoc())
           << "declared here";
  return success();
}

void GetWeightOp::getAsmResultNames(
    function_ref<void(Value, StringRef)> setName) {
  if (getType().getElementType().isInteger(32)) // not a matrix's numbers
    return setName(getResult(), "columns");
  // The part before ".weight" says enough: "q_proj" for
  // "model.layers.0.self_attn.q_proj.weight.int4_g64.packed".
  StringRef name = getWeight();
  name = name.take_front(name.rfind(".weight"));
  size_t dot = name.rfind('.');
  std::string last =
      (dot == StringRef::npos ? name : name.substr(dot + 1)).str();
  if (last.empty() || !(isalpha(last.front()) || last.front() == '_'))
    last = "w_" + last;
  for (char &c : last)
    if (!isalnum(c))
      c = '_';
  setName(getResult(), last);
}

//===----------------------------------------------------------------------===//
// QuantizeOp, AssembleOp, DequantizeOp, ScaleChannelsOp, PackOp
//===----------------------------------------------------------------------===//

/// Same shape, and `plain`'s type without an encoding.
static LogicalResult verifyQuantization(Operation *op, RankedTensorType plain,
                                        StringRef plainName,
                                        RankedTensorType quantized,
                                        StringRef quantizedName) {
  if (!isa_and_nonnull<SchemeAttr>(quantized.getEncoding()))
    return op->emitOpError(quantizedName)
           << " must have a #lqc.scheme encoding, got: " << quantized;
  if (plain.getEncoding())
    return op->emitOpError(plainName)
           << " must have no encoding, got: " << plain;
  if (plain.getShape() != quantized.getShape())
    return op->emitOpError("result must have the operand's shape, got: ")
           << op->getResult(0).getType() << " of "
           << op->getOperand(0).getType();
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyQuantization(*this, getInput().getType(), "operand",
                                getType(), "result"))) // C1, C2
    return failure();
  // C3
  const Scheme &scheme = schemeOf(getType()).getValue();
  bool wantsScales = scheme.isActivation() && !scheme.isDynamic();
  if (wantsScales != bool(getScales()))
    return emitOpError(wantsScales ? "a static scheme of activations must have "
                                     "its scales as an operand, got: "
                                   : "scales must go with a static scheme of "
                                     "activations, got: ")
           << schemeName(scheme);
  if (!getScales())
    return success();
  RankedTensorType scales = getScales().getType();
  if (scales.getElementType().isF32() &&
      scales.getDimSize(0) == scheme.groups(getType().getDimSize(1)))
    return success();
  return emitOpError("scales must have one f32 element per group of columns, "
                     "got: ")
         << scales << " for " << getType();
}

/// Whether an operand is bytes, `count` a row for the rows of the matrix.
static bool isRowsOfBytes(Value operand, int64_t rows, uint64_t count) {
  RankedTensorType type = cast<RankedTensorType>(operand.getType());
  return type.getElementType().isInteger(8) && type.hasStaticShape() &&
         uint64_t(type.getNumElements()) == rows * count;
}

LogicalResult AssembleOp::verify() {
  RankedTensorType type = getType();
  // C1
  SchemeAttr encoding = dyn_cast_or_null<SchemeAttr>(type.getEncoding());
  if (!encoding || !canAssemble(encoding.getValue()) || !type.hasStaticShape())
    return emitOpError("result must have a scheme intB or uintB of weights, "
                       "got: ")
           << type;
  const Scheme &scheme = encoding.getValue();
  const int64_t rows = type.getDimSize(0);
  const int64_t groups = scheme.groups(type.getDimSize(1));
  // C2
  RankedTensorType codes = cast<RankedTensorType>(getCodes().getType());
  if (!isRowsOfBytes(getCodes(), rows,
                     streamBytes(type.getDimSize(1), scheme.bits)) ||
      codes.getRank() == 0 || codes.getDimSize(0) != rows)
    return emitOpError("codes must be the bytes of the result's rows, got: ")
           << codes << " for " << type;
  // C3
  RankedTensorType scales = cast<RankedTensorType>(getScales().getType());
  Type element = scales.getElementType();
  bool isHeld = element.isF16() || (scheme.scale == ScaleFormat::F32 &&
                                    (element.isF32() || element.isBF16()));
  if (!isHeld || !scales.hasStaticShape() ||
      scales.getNumElements() != rows * groups)
    return emitOpError("scales must be one float per group that the scheme "
                       "holds, got: ")
           << scales << " for " << type;
  // C4
  if (bool(getZeros()) != !scheme.isSymmetric())
    return emitOpError(getZeros() ? "zero points must go with a scheme that "
                                    "has them, got: "
                                  : "must have the scheme's zero points, got: ")
           << schemeName(scheme);
  if (getZeros() &&
      !isRowsOfBytes(getZeros(), rows, streamBytes(groups, scheme.bits)))
    return emitOpError("zero points must be the bytes of the result's rows, "
                       "got: ")
           << getZeros().getType() << " for " << type;
  return success();
}

LogicalResult DequantizeOp::verify() { // C1, C2
  return verifyQuantization(*this, getType(), "result", getInput().getType(),
                            "operand");
}

LogicalResult ScaleChannelsOp::verify() {
  RankedTensorType input = cast<RankedTensorType>(getInput().getType());
  RankedTensorType result = cast<RankedTensorType>(getType());
  // C1
  int64_t axis = getAxis();
  if (axis < 0 || axis >= input.getRank())
    return emitOpError("axis must be one of the input's, got: ") << axis;
  // C2
  RankedTensorType factors = getFactors().getType();
  if (factors.getDimSize(0) != input.getDimSize(axis))
    return emitOpError("must have one factor per element of the axis, got: ")
           << factors << " for axis " << axis << " of " << input;
  // C3
  if (result.getShape() != input.getShape() ||
      !result.getElementType().isF32() ||
      result.getEncoding() != input.getEncoding())
    return emitOpError("result must be the input in f32, got: ")
           << result << " of " << input;
  // C4
  if (!input.getEncoding())
    return success();
  SchemeAttr scheme = schemeOf(input);
  if (axis != 0 || packedOf(input) || !hasScalableRows(scheme.getValue()))
    return emitOpError("a quantized input must be scaled by rows and have "
                       "scales in fp16 or f32, got: ")
           << input << " by axis " << axis;
  return success();
}

LogicalResult PackOp::verify() {
  RankedTensorType input = getInput().getType();
  PackedAttr packed = packedOf(getType());
  // C1
  if (!packed || packedOf(input) || input.getShape() != getType().getShape() ||
      input.getElementType() != getType().getElementType())
    return emitOpError("result must be the operand's type with a #lqc.packed "
                       "encoding, got: ")
           << getType() << " of " << input;
  // C2
  if (packed.getScheme() != schemeOf(input))
    return emitOpError("packing must keep the scheme, got: ")
           << getType() << " of " << input;
  return success();
}
