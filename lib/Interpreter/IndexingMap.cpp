//===- IndexingMap.cpp - which element a loop touches ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexingMap.h"

#include "TensorIndex.h"

#include "llvm/Support/MathExtras.h"

using namespace lqc;
using namespace mlir;

namespace {
/// coefficients[d] * loop d + constant.
struct Linear {
  explicit Linear(unsigned loops) : coefficients(loops, 0) {}
  SmallVector<int64_t, 8> coefficients;
  int64_t constant = 0;

  int64_t minimum(ArrayRef<int64_t> loops) const;
  int64_t maximum(ArrayRef<int64_t> loops) const;
};
} // namespace

/// Loops are not empty.
int64_t Linear::minimum(ArrayRef<int64_t> loops) const {
  int64_t result = constant;
  for (auto [coefficient, size] : llvm::zip(coefficients, loops))
    result += std::min<int64_t>(0, coefficient) * (size - 1);
  return result;
}

int64_t Linear::maximum(ArrayRef<int64_t> loops) const {
  int64_t result = constant;
  for (auto [coefficient, size] : llvm::zip(coefficients, loops))
    result += std::max<int64_t>(0, coefficient) * (size - 1);
  return result;
}

/// Adds `factor` times the expression; false if that is not linear.
static bool addTo(Linear &sum, AffineExpr expr, int64_t factor) {
  if (AffineDimExpr dim = dyn_cast<AffineDimExpr>(expr)) {
    sum.coefficients[dim.getPosition()] += factor;
    return true;
  }
  if (AffineConstantExpr constant = dyn_cast<AffineConstantExpr>(expr)) {
    sum.constant += factor * constant.getValue();
    return true;
  }
  AffineBinaryOpExpr binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addTo(sum, binary.getLHS(), factor) &&
           addTo(sum, binary.getRHS(), factor);
  AffineConstantExpr times = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && times &&
         addTo(sum, binary.getLHS(), factor * times.getValue());
}

static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> iteration) {
  if (AffineDimExpr dim = dyn_cast<AffineDimExpr>(expr))
    return iteration[dim.getPosition()];
  if (AffineConstantExpr constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  AffineBinaryOpExpr binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), iteration);
  int64_t b = evaluate(binary.getRHS(), iteration);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(a, b);
  default:
    return llvm::mod(a, b);
  }
}

/// Divisors in maps are constants; the builder folds or refuses 0.
static llvm::Error checkExpression(AffineExpr expr) {
  bool isEvaluable = true;
  expr.walk([&](AffineExpr part) {
    AffineBinaryOpExpr binary = dyn_cast<AffineBinaryOpExpr>(part);
    bool divides = binary && binary.getKind() != AffineExprKind::Add &&
                   binary.getKind() != AffineExprKind::Mul;
    AffineConstantExpr divisor =
        divides ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : nullptr;
    if (isa<AffineSymbolExpr>(part) ||
        (divides && (!divisor || divisor.getValue() <= 0)))
      isEvaluable = false;
  });
  if (!isEvaluable)
    return makeError("indexing maps must divide by positive constants and "
                     "have no symbols");
  return llvm::Error::success();
}

/// Checks one dimension of a map that is not linear, iteration by iteration.
static bool staysInside(AffineExpr expr, int64_t size,
                        ArrayRef<int64_t> loops) {
  SmallVector<int64_t> iteration(loops.size(), 0);
  int64_t count = 1;
  for (int64_t loop : loops)
    count *= loop;
  for (int64_t i = 0; i < count; ++i) {
    int64_t index = evaluate(expr, iteration);
    if (index < 0 || index >= size)
      return false;
    advance(iteration, loops);
  }
  return true;
}

llvm::Expected<IndexingMap> IndexingMap::create(AffineMap map,
                                                ArrayRef<int64_t> shape,
                                                ArrayRef<int64_t> loops) {
  IndexingMap result;
  result.map = map;
  result.strides = stridesOf(shape);
  result.coefs.assign(loops.size(), 0);
  bool isEmpty = llvm::is_contained(loops, 0);
  for (auto [d, expr] : llvm::enumerate(map.getResults())) {
    if (AffineDimExpr dim = dyn_cast<AffineDimExpr>(expr))
      if (shape[d] != loops[dim.getPosition()])
        return makeError("dimension {0} must be {1}, got: {2}", d,
                         loops[dim.getPosition()], shape[d]);
    if (llvm::Error error = checkExpression(expr))
      return std::move(error);
    Linear linear(loops.size());
    bool isLinear = addTo(linear, expr, 1);
    bool isInside = isEmpty || (isLinear ? linear.minimum(loops) >= 0 &&
                                               linear.maximum(loops) < shape[d]
                                         : staysInside(expr, shape[d], loops));
    if (!isInside)
      return makeError("the loops must stay within the {0} elements of "
                       "dimension {1}",
                       shape[d], d);
    result.linear &= isLinear;
    for (auto [sum, term] : llvm::zip(result.coefs, linear.coefficients))
      sum += result.strides[d] * term;
    result.constant += result.strides[d] * linear.constant;
  }
  return result;
}

int64_t IndexingMap::element(ArrayRef<int64_t> iteration) const {
  int64_t place = 0;
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides))
    place += stride * evaluate(expr, iteration);
  return place;
}
