//===- ScalarConversions.cpp - from one element type to another -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarTables.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <bit>
#include <cmath>

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Integers and floats
//===----------------------------------------------------------------------===//

/// The double next to an integer towards 0, with the last bit set if it is
/// another number: rounding it once more is like rounding the integer itself.
template <typename Integer> static double roundToOdd(Integer value) {
  double number = static_cast<double>(value);
  __int128 exact = value, rounded = static_cast<__int128>(number);
  if (rounded == exact)
    return number;
  bool isLarger = exact < 0 ? rounded < exact : rounded > exact;
  return std::bit_cast<double>((std::bit_cast<uint64_t>(number) - isLarger) |
                               1);
}

/// `Integer`: int64_t with sign, uint64_t without.
template <typename Integer>
static ScalarFunction makeIntegerToFloat(Operation *op) {
  unsigned bits = integerBits(op->getOperand(0));
  bool isExact = getElementTypeOrSelf(op->getResult(0).getType()).isF64();
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      Integer value = std::is_signed_v<Integer>
                          ? signedOf(operands[0][i].integer, bits)
                          : unsignedOf(operands[0][i].integer, bits);
      results[0][i].number =
          isExact ? static_cast<double>(value) : roundToOdd(value);
    }
    return llvm::Error::success();
  };
}

/// Rounds towards 0. What does not fit, the dialect leaves open: the nearest
/// that does, and 0 for NaN.
template <bool isSigned>
static ScalarFunction makeFloatToInteger(Operation *op) {
  unsigned bits = integerBits(op->getResult(0));
  double end = std::ldexp(1.0, isSigned ? bits - 1 : bits);
  double low = isSigned ? -end : 0;
  int64_t first = isSigned ? llvm::minIntN(bits) : 0;
  uint64_t last = isSigned ? llvm::maxIntN(bits) : llvm::maxUIntN(bits);
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      double number = std::trunc(operands[0][i].number);
      int64_t &result = results[0][i].integer;
      if (std::isnan(number))
        result = 0;
      else if (number >= end)
        result = last;
      else if (number < low)
        result = first;
      else
        result = isSigned ? static_cast<int64_t>(number)
                          : static_cast<uint64_t>(number);
    }
    return llvm::Error::success();
  };
}

//===----------------------------------------------------------------------===//
// The same number or the same bits
//===----------------------------------------------------------------------===//

/// The number stays; roundScalars() does the rest.
static ScalarFunction makeCopy(Operation *) {
  return [](llvm::ArrayRef<const Scalar *> operands,
            llvm::ArrayRef<Scalar *> results, int64_t count) {
    std::copy_n(operands[0], count, results[0]);
    return llvm::Error::success();
  };
}

static ScalarFunction makeBitcast(Operation *op) {
  std::optional<FloatFormat> from = floatFormatOf(op->getOperand(0).getType());
  std::optional<FloatFormat> to = floatFormatOf(op->getResult(0).getType());
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      Scalar value = operands[0][i];
      uint64_t bits = from ? bitsOfNumber(value.number, *from) : value.integer;
      if (to)
        results[0][i].number = numberOfBits(bits, *to);
      else
        results[0][i].integer = bits;
    }
    return llvm::Error::success();
  };
}

static ScalarFunction makeSelect(Operation *) {
  return [](llvm::ArrayRef<const Scalar *> operands,
            llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      results[0][i] = operands[operands[0][i].integer ? 1 : 2][i];
    return llvm::Error::success();
  };
}

void lqc::addConversionScalars(ScalarTable &table) {
  auto same = [](auto value) { return value; };
  addIntegers<arith::ExtSIOp, int64_t>(table, same);
  addIntegers<arith::ExtUIOp, uint64_t>(table, same);
  addIntegers<arith::TruncIOp, uint64_t>(table, same);
  addIntegers<arith::IndexCastOp, int64_t>(table, same);
  addIntegers<arith::IndexCastUIOp, uint64_t>(table, same);
  table[arith::SIToFPOp::getOperationName()] = makeIntegerToFloat<int64_t>;
  table[arith::UIToFPOp::getOperationName()] = makeIntegerToFloat<uint64_t>;
  table[arith::FPToSIOp::getOperationName()] = makeFloatToInteger<true>;
  table[arith::FPToUIOp::getOperationName()] = makeFloatToInteger<false>;
  table[arith::ExtFOp::getOperationName()] = makeCopy;
  table[arith::TruncFOp::getOperationName()] = makeCopy;
  table[arith::BitcastOp::getOperationName()] = makeBitcast;
  table[tensor::BitcastOp::getOperationName()] = makeBitcast;
  table[arith::SelectOp::getOperationName()] = makeSelect;
}
