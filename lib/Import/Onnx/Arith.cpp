//===- Arith.cpp - elementwise arithmetic of ONNX's types -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Arith.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

Type lqc::elementType(MLIRContext *context, OnnxType kind) {
  switch (kind) {
  case OnnxType::Float:
    return Float32Type::get(context);
  case OnnxType::Float16:
    return Float16Type::get(context);
  case OnnxType::Double:
    return Float64Type::get(context);
  case OnnxType::BFloat16:
    return BFloat16Type::get(context);
  case OnnxType::Float8E4M3FN:
    return Float8E4M3FNType::get(context);
  case OnnxType::Float8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case OnnxType::Float8E5M2:
    return Float8E5M2Type::get(context);
  case OnnxType::Float8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case OnnxType::Float4E2M1:
    return Float4E2M1FNType::get(context);
  case OnnxType::Bool:
    return IntegerType::get(context, 1);
  default:
    return IntegerType::get(context, elementBits(kind));
  }
}

Arith Arith::of(OnnxType other) const {
  Arith result = *this;
  result.kind = other;
  return result;
}

Type Arith::type() const {
  Type element = elementType(b.getContext(), kind);
  return isTensor ? RankedTensorType::get(staticShape(dims), element) : element;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value Arith::literal(TypedAttr number) const {
  if (!isTensor)
    return arith::ConstantOp::create(b, loc, number);
  RankedTensorType tensor = mlir::cast<RankedTensorType>(type());
  if (tensor.hasStaticShape())
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(tensor, Attribute(number)));
  Value scalar = arith::ConstantOp::create(b, loc, number);
  return tensor::SplatOp::create(b, loc, scalar, dims);
}

Value Arith::constant(double number) const {
  if (!isFloat())
    return integer(int64_t(number));
  return literal(b.getFloatAttr(elementType(b.getContext(), kind), number));
}

Value Arith::integer(int64_t number) const {
  if (isFloat())
    return constant(double(number));
  Type element = elementType(b.getContext(), kind);
  APInt bits(element.getIntOrFloatBitWidth(), uint64_t(number),
             /*isSigned=*/false, /*implicitTrunc=*/true);
  return literal(b.getIntegerAttr(element, bits));
}

Value Arith::highest() const {
  if (isFloat())
    return constant(INFINITY);
  unsigned bits = elementBits(kind);
  if (kind == OnnxType::Bool)
    return integer(1);
  return integer(isUnsigned() ? int64_t(~uint64_t(0) >> (64 - bits))
                              : int64_t(~uint64_t(0) >> (65 - bits)));
}

Value Arith::lowest() const {
  if (isFloat())
    return constant(-INFINITY);
  if (isUnsigned())
    return integer(0);
  return integer(int64_t(~uint64_t(0) << (elementBits(kind) - 1)));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value Arith::add(Value x, Value y) const {
  return isFloat() ? b.createOrFold<arith::AddFOp>(loc, x, y)
                   : b.createOrFold<arith::AddIOp>(loc, x, y);
}

Value Arith::sub(Value x, Value y) const {
  return isFloat() ? b.createOrFold<arith::SubFOp>(loc, x, y)
                   : b.createOrFold<arith::SubIOp>(loc, x, y);
}

Value Arith::mul(Value x, Value y) const {
  return isFloat() ? b.createOrFold<arith::MulFOp>(loc, x, y)
                   : b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value Arith::div(Value x, Value y) const {
  return isFloat() ? b.createOrFold<arith::DivFOp>(loc, x, y)
                   : divInteger(x, y);
}

/// Machines trap at x / 0 and at lowest / -1.
Value Arith::divInteger(Value x, Value y) const {
  Value zero = integer(0);
  Value isZero = equal(y, zero);
  Value isBad = isUnsigned()
                    ? isZero
                    : of(OnnxType::Bool).bitOr(isZero, equal(y, integer(-1)));
  Value divisor = select(isBad, integer(1), y);
  if (isUnsigned())
    return select(isZero, zero, arith::DivUIOp::create(b, loc, x, divisor));
  Value quotient = arith::DivSIOp::create(b, loc, x, divisor);
  Value result = select(isBad, sub(zero, x), quotient);
  return select(isZero, zero, result);
}

Value Arith::max(Value x, Value y) const {
  if (isFloat())
    return b.createOrFold<arith::MaximumFOp>(loc, x, y);
  return isUnsigned() ? b.createOrFold<arith::MaxUIOp>(loc, x, y)
                      : b.createOrFold<arith::MaxSIOp>(loc, x, y);
}

Value Arith::min(Value x, Value y) const {
  if (isFloat())
    return b.createOrFold<arith::MinimumFOp>(loc, x, y);
  return isUnsigned() ? b.createOrFold<arith::MinUIOp>(loc, x, y)
                      : b.createOrFold<arith::MinSIOp>(loc, x, y);
}

Value Arith::mod(Value x, Value y, bool fmod) const {
  Value rest;
  if (isFloat())
    rest = arith::RemFOp::create(b, loc, x, y);
  else
    rest = sub(x, mul(divInteger(x, y), y));
  if (fmod || isUnsigned())
    return rest;
  // The signs differ and there is a rest: one divisor more.
  Arith truth = of(OnnxType::Bool);
  Value zero = constant(0);
  Value differs = truth.bitXor(less(rest, zero), less(y, zero));
  Value hasRest = truth.bitNot(equal(rest, zero));
  return select(truth.bitAnd(differs, hasRest), add(rest, y), rest);
}

Value Arith::neg(Value x) const {
  return isFloat() ? b.createOrFold<arith::NegFOp>(loc, x) : sub(integer(0), x);
}

Value Arith::abs(Value x) const {
  if (isFloat())
    return math::AbsFOp::create(b, loc, x);
  if (isUnsigned())
    return x;
  return math::AbsIOp::create(b, loc, x);
}

Value Arith::sign(Value x) const {
  Value zero = constant(0);
  Value positive = select(less(zero, x), constant(1), zero);
  Value result =
      isUnsigned() ? positive : select(less(x, zero), constant(-1), positive);
  return isFloat() ? select(isNan(x), x, result) : result;
}

Value Arith::pow(Value x, Value y) const {
  if (isFloat())
    return math::PowFOp::create(b, loc, x, y);
  return math::IPowIOp::create(b, loc, x, y);
}

//===----------------------------------------------------------------------===//
// Comparisons and bits
//===----------------------------------------------------------------------===//

Value Arith::compare(arith::CmpFPredicate real, arith::CmpIPredicate isSigned,
                     arith::CmpIPredicate unsignedPredicate, Value x,
                     Value y) const {
  if (isFloat())
    return b.createOrFold<arith::CmpFOp>(loc, real, x, y);
  return b.createOrFold<arith::CmpIOp>(
      loc, isUnsigned() ? unsignedPredicate : isSigned, x, y);
}

Value Arith::equal(Value x, Value y) const {
  return compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq,
                 arith::CmpIPredicate::eq, x, y);
}

Value Arith::less(Value x, Value y) const {
  return compare(arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt,
                 arith::CmpIPredicate::ult, x, y);
}

Value Arith::lessOrEqual(Value x, Value y) const {
  return compare(arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle,
                 arith::CmpIPredicate::ule, x, y);
}

Value Arith::isNan(Value x) const {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
}

Value Arith::select(Value condition, Value x, Value y) const {
  return b.createOrFold<arith::SelectOp>(loc, condition, x, y);
}

Value Arith::bitAnd(Value x, Value y) const {
  return b.createOrFold<arith::AndIOp>(loc, x, y);
}

Value Arith::bitOr(Value x, Value y) const {
  return b.createOrFold<arith::OrIOp>(loc, x, y);
}

Value Arith::bitXor(Value x, Value y) const {
  return b.createOrFold<arith::XOrIOp>(loc, x, y);
}

Value Arith::bitNot(Value x) const {
  return bitXor(x, integer(kind == OnnxType::Bool ? 1 : -1));
}

Value Arith::shift(Value x, Value y, bool left) const {
  Value width = integer(elementBits(kind));
  Value fits = less(y, width);
  Value amount = select(fits, y, integer(0));
  Value shifted = left ? Value(arith::ShLIOp::create(b, loc, x, amount))
                       : Value(arith::ShRUIOp::create(b, loc, x, amount));
  return select(fits, shifted, integer(0));
}

//===----------------------------------------------------------------------===//
// Functions of floats
//===----------------------------------------------------------------------===//

#define LQC_FUNCTION(NAME, OP)                                                 \
  Value Arith::NAME(Value x) const { return b.createOrFold<math::OP>(loc, x); }
LQC_FUNCTION(exp, ExpOp)
LQC_FUNCTION(log, LogOp)
LQC_FUNCTION(log1p, Log1pOp)
LQC_FUNCTION(sqrt, SqrtOp)
LQC_FUNCTION(floor, FloorOp)
LQC_FUNCTION(ceil, CeilOp)
LQC_FUNCTION(roundEven, RoundEvenOp)
LQC_FUNCTION(erf, ErfOp)
LQC_FUNCTION(sin, SinOp)
LQC_FUNCTION(cos, CosOp)
LQC_FUNCTION(tan, TanOp)
LQC_FUNCTION(asin, AsinOp)
LQC_FUNCTION(acos, AcosOp)
LQC_FUNCTION(atan, AtanOp)
LQC_FUNCTION(sinh, SinhOp)
LQC_FUNCTION(cosh, CoshOp)
LQC_FUNCTION(tanh, TanhOp)
LQC_FUNCTION(asinh, AsinhOp)
LQC_FUNCTION(acosh, AcoshOp)
LQC_FUNCTION(atanh, AtanhOp)
#undef LQC_FUNCTION

Value Arith::sigmoid(Value x) const {
  Value one = constant(1);
  return div(one, add(one, exp(neg(x))));
}

Value Arith::clamp(Value x, double low, double high) const {
  return min(max(x, constant(low)), constant(high));
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Saturates; NaN becomes 0.
Value Arith::castFloatToInteger(Value x, OnnxType to) const {
  Arith target = of(to);
  unsigned bits = elementBits(to);
  bool unsignedTarget = lqc::isUnsigned(to);
  double low = unsignedTarget ? 0 : -std::ldexp(1.0, bits - 1);
  double limit = std::ldexp(1.0, unsignedTarget ? bits : bits - 1);
  Type type = target.type();
  // NaN is in no range, so it takes the 0 of `inside`.
  Arith truth = of(OnnxType::Bool);
  Value isLow = less(x, constant(low));
  Value isHigh = lessOrEqual(constant(limit), x);
  Value isOut = truth.bitOr(truth.bitOr(isLow, isHigh), isNan(x));
  Value inside = select(isOut, constant(0), x);
  Value number = unsignedTarget
                     ? Value(arith::FPToUIOp::create(b, loc, type, inside))
                     : Value(arith::FPToSIOp::create(b, loc, type, inside));
  Value result = target.select(isLow, target.lowest(), number);
  return target.select(isHigh, target.highest(), result);
}

Value Arith::castInteger(Value x, OnnxType to) const {
  Type type = of(to).type();
  unsigned from = kind == OnnxType::Bool ? 1 : elementBits(kind);
  if (from == elementBits(to))
    return x;
  if (from > elementBits(to))
    return b.createOrFold<arith::TruncIOp>(loc, type, x);
  return isUnsigned() ? b.createOrFold<arith::ExtUIOp>(loc, type, x)
                      : b.createOrFold<arith::ExtSIOp>(loc, type, x);
}

Value Arith::cast(Value x, OnnxType to) const {
  if (kind == to)
    return x;
  Type type = of(to).type();
  if (to == OnnxType::Bool)
    return isFloat()
               ? Value(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE,
                                             x, constant(0)))
               : Value(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                             x, integer(0)));
  if (!isFloat())
    return lqc::isFloat(to)
               ? (isUnsigned() ? b.createOrFold<arith::UIToFPOp>(loc, type, x)
                               : b.createOrFold<arith::SIToFPOp>(loc, type, x))
               : castInteger(x, to);
  if (!lqc::isFloat(to))
    return castFloatToInteger(x, to);
  if (elementBits(kind) < elementBits(to))
    return b.createOrFold<arith::ExtFOp>(loc, type, x);
  if (elementBits(kind) > elementBits(to))
    return b.createOrFold<arith::TruncFOp>(loc, type, x);
  // Two formats of one width.
  Value wide = of(kind).cast(x, OnnxType::Float);
  return of(OnnxType::Float).cast(wide, to);
}

Value Arith::toIndex(Value x) const {
  Type index =
      isTensor
          ? Type(RankedTensorType::get(staticShape(dims), b.getIndexType()))
          : Type(b.getIndexType());
  return isUnsigned() ? b.createOrFold<arith::IndexCastUIOp>(loc, index, x)
                      : b.createOrFold<arith::IndexCastOp>(loc, index, x);
}

Value Arith::fromIndex(Value x) const {
  return b.createOrFold<arith::IndexCastOp>(loc, type(), x);
}
