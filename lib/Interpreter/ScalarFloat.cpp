//===- ScalarFloat.cpp - arith on floats ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarTables.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace lqc;
using namespace mlir;

/// NaN wins, and +0 is larger than -0, as the dialect says.
static double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
static double minimum(double a, double b) { return -maximum(-a, -b); }

/// A number wins over NaN.
static double maximumNumber(double a, double b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : maximum(a, b);
}
static double minimumNumber(double a, double b) {
  return -maximumNumber(-a, -b);
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return !unordered && a == b;
  case P::UEQ:
    return unordered || a == b;
  case P::ONE:
    return !unordered && a != b;
  case P::UNE:
    return unordered || a != b;
  case P::OLT:
    return !unordered && a < b;
  case P::ULT:
    return unordered || a < b;
  case P::OLE:
    return !unordered && a <= b;
  case P::ULE:
    return unordered || a <= b;
  case P::OGT:
    return !unordered && a > b;
  case P::UGT:
    return unordered || a > b;
  case P::OGE:
    return !unordered && a >= b;
  case P::UGE:
    return unordered || a >= b;
  }
  llvm_unreachable("all predicates are listed");
}

static ScalarFunction makeCompare(Operation *op) {
  arith::CmpFPredicate predicate = cast<arith::CmpFOp>(op).getPredicate();
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      results[0][i].integer =
          compare(predicate, operands[0][i].number, operands[1][i].number);
    return llvm::Error::success();
  };
}

void lqc::addFloatScalars(ScalarTable &table) {
  addNumbers<arith::AddFOp>(table, [](double a, double b) { return a + b; });
  addNumbers<arith::SubFOp>(table, [](double a, double b) { return a - b; });
  addNumbers<arith::MulFOp>(table, [](double a, double b) { return a * b; });
  addNumbers<arith::DivFOp>(table, [](double a, double b) { return a / b; });
  addNumbers<arith::RemFOp>(table,
                            [](double a, double b) { return std::fmod(a, b); });
  addNumbers<arith::NegFOp>(table, [](double a) { return -a; });
  addNumbers<arith::MaximumFOp>(table, maximum);
  addNumbers<arith::MinimumFOp>(table, minimum);
  addNumbers<arith::MaxNumFOp>(table, maximumNumber);
  addNumbers<arith::MinNumFOp>(table, minimumNumber);
  table[arith::CmpFOp::getOperationName()] = makeCompare;
}
