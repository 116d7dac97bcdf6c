//===- ScalarMath.cpp - math ----------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarTables.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace lqc;
using namespace mlir;

/// Adds `Op` with a function of unsigned integers and their width.
template <typename Op, int (*function)(uint64_t, unsigned)>
static void addBitCount(ScalarTable &table) {
  table[Op::getOperationName()] = [](Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return [bits](llvm::ArrayRef<const Scalar *> operands,
                  llvm::ArrayRef<Scalar *> results, int64_t count) {
      for (int64_t i = 0; i < count; ++i)
        results[0][i].integer =
            function(unsignedOf(operands[0][i].integer, bits), bits);
      return llvm::Error::success();
    };
  };
}

static int leadingZeros(uint64_t value, unsigned bits) {
  return llvm::countl_zero(value) - (64 - bits);
}
static int trailingZeros(uint64_t value, unsigned bits) {
  return value ? llvm::countr_zero(value) : bits;
}
static int ones(uint64_t value, unsigned) { return llvm::popcount(value); }

/// Halves are rounded away from 0.
static double roundAway(double x) { return std::round(x); }

/// Halves are rounded to even, whatever the rounding mode.
static double roundEven(double x) {
  double whole = std::round(x);
  bool isHalf = std::fabs(x - std::trunc(x)) == 0.5;
  return isHalf ? std::copysign(2 * std::round(x / 2), x) : whole;
}

static double clamp(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

/// Integer powers wrap; a negative exponent rounds 1 / power towards 0.
static int64_t integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = base;
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1)
      result *= factor;
  return result;
}

static ScalarFunction makeFloatToIntegerPower(Operation *op) {
  unsigned bits = integerBits(op->getOperand(1));
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      results[0][i].number =
          std::pow(operands[0][i].number,
                   static_cast<double>(signedOf(operands[1][i].integer, bits)));
    return llvm::Error::success();
  };
}

static ScalarFunction makeSineAndCosine(Operation *) {
  return [](llvm::ArrayRef<const Scalar *> operands,
            llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      double x = operands[0][i].number;
      results[0][i].number = std::sin(x);
      results[1][i].number = std::cos(x);
    }
    return llvm::Error::success();
  };
}

/// A normal number is one of the format's full precision.
static ScalarFunction makeIsNormal(Operation *op) {
  FloatType type =
      cast<FloatType>(getElementTypeOrSelf(op->getOperand(0).getType()));
  double smallest =
      llvm::APFloat::getSmallestNormalized(type.getFloatSemantics())
          .convertToDouble();
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      double size = std::fabs(operands[0][i].number);
      results[0][i].integer = std::isfinite(size) && size >= smallest;
    }
    return llvm::Error::success();
  };
}

/// Adds `Op` with a function of the C library.
template <typename Op, double (*function)(double)>
static void addUnary(ScalarTable &table) {
  addNumbers<Op>(table, [](double x) { return function(x); });
}

static void addTranscendentals(ScalarTable &table) {
  addUnary<math::SinOp, std::sin>(table);
  addUnary<math::CosOp, std::cos>(table);
  addUnary<math::TanOp, std::tan>(table);
  addUnary<math::AsinOp, std::asin>(table);
  addUnary<math::AcosOp, std::acos>(table);
  addUnary<math::AtanOp, std::atan>(table);
  addUnary<math::SinhOp, std::sinh>(table);
  addUnary<math::CoshOp, std::cosh>(table);
  addUnary<math::TanhOp, std::tanh>(table);
  addUnary<math::AsinhOp, std::asinh>(table);
  addUnary<math::AcoshOp, std::acosh>(table);
  addUnary<math::AtanhOp, std::atanh>(table);
  addUnary<math::ErfOp, std::erf>(table);
  addUnary<math::ErfcOp, std::erfc>(table);
  addUnary<math::ExpOp, std::exp>(table);
  addUnary<math::Exp2Op, std::exp2>(table);
  addUnary<math::ExpM1Op, std::expm1>(table);
  addUnary<math::LogOp, std::log>(table);
  addUnary<math::Log2Op, std::log2>(table);
  addUnary<math::Log10Op, std::log10>(table);
  addUnary<math::Log1pOp, std::log1p>(table);
  addNumbers<math::Atan2Op>(
      table, [](double y, double x) { return std::atan2(y, x); });
  addNumbers<math::PowFOp>(table,
                           [](double x, double y) { return std::pow(x, y); });
  table[math::FPowIOp::getOperationName()] = makeFloatToIntegerPower;
  table[math::SincosOp::getOperationName()] = makeSineAndCosine;
}

static void addRoundings(ScalarTable &table) {
  addUnary<math::CeilOp, std::ceil>(table);
  addUnary<math::FloorOp, std::floor>(table);
  addUnary<math::TruncOp, std::trunc>(table);
  addNumbers<math::RoundOp>(table, roundAway);
  addNumbers<math::RoundEvenOp>(table, roundEven);
}

void lqc::addMathScalars(ScalarTable &table) {
  addTranscendentals(table);
  addRoundings(table);
  addUnary<math::AbsFOp, std::fabs>(table);
  addUnary<math::SqrtOp, std::sqrt>(table);
  addUnary<math::CbrtOp, std::cbrt>(table);
  addNumbers<math::RsqrtOp>(table, [](double x) { return 1 / std::sqrt(x); });
  addNumbers<math::CopySignOp>(
      table, [](double x, double y) { return std::copysign(x, y); });
  addNumbers<math::FmaOp>(
      table, [](double a, double b, double c) { return std::fma(a, b, c); });
  addNumbers<math::ClampFOp>(table, clamp);
  addNumbers<math::IsNaNOp>(table, [](double x) { return std::isnan(x); });
  addNumbers<math::IsInfOp>(table, [](double x) { return std::isinf(x); });
  addNumbers<math::IsFiniteOp>(table,
                               [](double x) { return std::isfinite(x); });
  table[math::IsNormalOp::getOperationName()] = makeIsNormal;
  addIntegers<math::AbsIOp, int64_t>(table, [](int64_t x) {
    return x < 0 ? -static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  });
  addIntegers<math::IPowIOp, int64_t>(table, integerPower);
  addBitCount<math::CountLeadingZerosOp, leadingZeros>(table);
  addBitCount<math::CountTrailingZerosOp, trailingZeros>(table);
  addBitCount<math::CtPopOp, ones>(table);
}
