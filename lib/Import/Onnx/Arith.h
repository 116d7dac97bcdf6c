//===- Arith.h - elementwise arithmetic of ONNX's types ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One vocabulary for the scalars in the body of a linalg.generic and for whole
// tensors of equal shape: arith and math operations work on both. An operation
// is chosen by the element kind, which also knows what the signless type does
// not: unsigned integers.
//
// Nothing here has undefined results: a division by zero gives 0, a shift by
// more than the width gives 0, a conversion to integer saturates and NaN
// becomes 0.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_ARITH_H
#define LQC_LIB_IMPORT_ONNX_ARITH_H

#include "lib/Import/Onnx/OnnxType.h"
#include "lib/Import/Onnx/SizeMath.h"

namespace lqc {

/// The type of an element; signless for integers, i1 for bool.
mlir::Type elementType(mlir::MLIRContext *context, OnnxType kind);

class Arith {
public:
  using Value = mlir::Value;

  /// Scalars of `kind`.
  Arith(mlir::OpBuilder &builder, mlir::Location loc, OnnxType kind)
      : b(builder), loc(loc), kind(kind) {}
  /// Tensors of `kind` and this shape.
  Arith(mlir::OpBuilder &builder, mlir::Location loc, OnnxType kind,
        llvm::ArrayRef<Size> dims)
      : b(builder), loc(loc), kind(kind), isTensor(true),
        dims(dims.begin(), dims.end()) {}

  /// The same for operands of another kind.
  Arith of(OnnxType other) const;

  /// A number of our kind; of an integer kind, cut to it.
  Value constant(double number) const;
  Value integer(int64_t number) const;
  Value trueValue() const { return of(OnnxType::Bool).integer(1); }
  /// The largest and smallest; infinities for floats.
  Value highest() const;
  Value lowest() const;

  Value add(Value x, Value y) const;
  Value sub(Value x, Value y) const;
  Value mul(Value x, Value y) const;
  Value div(Value x, Value y) const;
  /// NaN if one is.
  Value max(Value x, Value y) const;
  Value min(Value x, Value y) const;
  /// With the sign of the divisor; `fmod`: of the dividend.
  Value mod(Value x, Value y, bool fmod) const;
  Value neg(Value x) const;
  Value abs(Value x) const;
  Value sign(Value x) const;
  Value pow(Value x, Value y) const;

  Value equal(Value x, Value y) const;
  Value less(Value x, Value y) const;
  Value lessOrEqual(Value x, Value y) const;
  Value isNan(Value x) const;
  Value select(Value condition, Value x, Value y) const;

  Value bitAnd(Value x, Value y) const;
  Value bitOr(Value x, Value y) const;
  Value bitXor(Value x, Value y) const;
  Value bitNot(Value x) const;
  Value shift(Value x, Value y, bool left) const;

  // Of floats.
  Value exp(Value x) const;
  Value log(Value x) const;
  Value log1p(Value x) const;
  Value sqrt(Value x) const;
  Value floor(Value x) const;
  Value ceil(Value x) const;
  Value roundEven(Value x) const;
  Value erf(Value x) const;
  Value sin(Value x) const;
  Value cos(Value x) const;
  Value tan(Value x) const;
  Value asin(Value x) const;
  Value acos(Value x) const;
  Value atan(Value x) const;
  Value sinh(Value x) const;
  Value cosh(Value x) const;
  Value tanh(Value x) const;
  Value asinh(Value x) const;
  Value acosh(Value x) const;
  Value atanh(Value x) const;
  /// 1 / (1 + exp(-x))
  Value sigmoid(Value x) const;
  Value reciprocal(Value x) const { return div(constant(1), x); }
  Value square(Value x) const { return mul(x, x); }
  Value clamp(Value x, double low, double high) const;

  /// A value of our kind as one of `to`.
  Value cast(Value x, OnnxType to) const;
  /// Of our integer kind to index, and back.
  Value toIndex(Value x) const;
  Value fromIndex(Value x) const;

  mlir::OpBuilder &builder() const { return b; }
  mlir::Location location() const { return loc; }
  OnnxType element() const { return kind; }

private:
  bool isFloat() const { return lqc::isFloat(kind); }
  bool isUnsigned() const {
    return lqc::isUnsigned(kind) || kind == OnnxType::Bool;
  }
  mlir::Type type() const;
  Value literal(mlir::TypedAttr number) const;
  Value divInteger(Value x, Value y) const;
  Value compare(mlir::arith::CmpFPredicate real,
                mlir::arith::CmpIPredicate isSigned,
                mlir::arith::CmpIPredicate isUnsigned, Value x, Value y) const;
  Value castFloatToInteger(Value x, OnnxType to) const;
  Value castInteger(Value x, OnnxType to) const;

  mlir::OpBuilder &b;
  mlir::Location loc;
  OnnxType kind;
  bool isTensor = false;
  Sizes dims;
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_ARITH_H
