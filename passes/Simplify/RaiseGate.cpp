//===- RaiseGate.cpp - gated activations, written out ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lqc;

/// The other factor, if `value` is a product with `factor`.
static Value otherFactor(Value value, Value factor) {
  arith::MulFOp product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return {};
  if (product.getLhs() == factor)
    return product.getRhs();
  return product.getRhs() == factor ? product.getLhs() : Value();
}

/// The other operand, if `value` is a product or a sum with a number.
template <typename Op> static Value stripNumber(Value value, double number) {
  Op op = value.getDefiningOp<Op>();
  if (!op)
    return {};
  auto isNumber = [&](Value operand) {
    std::optional<double> found = splatNumber(operand);
    return found && std::abs(*found - number) <= 1e-6 * std::abs(number);
  };
  if (isNumber(op.getLhs()))
    return op.getRhs();
  return isNumber(op.getRhs()) ? op.getLhs() : Value();
}

/// g, if `value` is 1 / (1 + exp(-g)).
static Value stripSigmoid(Value value) {
  arith::DivFOp division = value.getDefiningOp<arith::DivFOp>();
  if (!division || !isSplat(division.getLhs(), 1))
    return {};
  Value power = stripNumber<arith::AddFOp>(division.getRhs(), 1);
  math::ExpOp exp = power ? power.getDefiningOp<math::ExpOp>() : math::ExpOp();
  arith::NegFOp negated =
      exp ? exp.getOperand().getDefiningOp<arith::NegFOp>() : arith::NegFOp();
  return negated ? negated.getOperand() : Value();
}

/// g, if `value` is g / (1 + exp(-g)).
static Value stripSilu(Value value) {
  arith::MulFOp product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return {};
  for (Value factor : {product.getLhs(), product.getRhs()})
    if (Value gate = stripSigmoid(factor))
      if (otherFactor(product, factor) == gate)
        return gate;
  return {};
}

/// g, if `value` is g^3.
static Value stripCube(Value value) {
  if (math::PowFOp power = value.getDefiningOp<math::PowFOp>())
    return isSplat(power.getRhs(), 3) ? power.getLhs() : Value();
  arith::MulFOp product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return {};
  for (Value base : {product.getLhs(), product.getRhs()})
    if (Value square = otherFactor(product, base))
      if (otherFactor(square, base) == base)
        return base;
  return {};
}

/// g, if `value` is tanh(sqrt(2/pi) (g + 0.044715 g^3)).
static Value stripTanhOfCubic(Value value) {
  math::TanhOp tanh = value.getDefiningOp<math::TanhOp>();
  Value sum =
      tanh ? stripNumber<arith::MulFOp>(tanh.getOperand(), std::sqrt(2 / M_PI))
           : Value();
  arith::AddFOp terms =
      sum ? sum.getDefiningOp<arith::AddFOp>() : arith::AddFOp();
  if (!terms)
    return {};
  for (auto [gate, cubic] : {std::pair(terms.getLhs(), terms.getRhs()),
                             {terms.getRhs(), terms.getLhs()}})
    if (Value cube = stripNumber<arith::MulFOp>(cubic, 0.044715))
      if (stripCube(cube) == gate)
        return gate;
  return {};
}

/// g, if `value` is g/2 (1 + tanh(…)), multiplied in any order.
static Value stripGeluTanh(Value value) {
  SmallVector<Value> factors = {value};
  for (size_t i = 0; i < factors.size() && factors.size() < 4; ++i)
    if (arith::MulFOp product = factors[i].getDefiningOp<arith::MulFOp>()) {
      factors[i--] = product.getLhs();
      factors.push_back(product.getRhs());
    }
  if (factors.size() != 3)
    return {};
  Value gate;
  for (Value factor : factors)
    if (Value tanh = stripNumber<arith::AddFOp>(factor, 1))
      gate = stripTanhOfCubic(tanh);
  bool isHalf =
      llvm::any_of(factors, [](Value factor) { return isSplat(factor, 0.5); });
  return isHalf && llvm::is_contained(factors, gate) ? gate : Value();
}

namespace {
struct RaiseGate : OpRewritePattern<arith::MulFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::MulFOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || type.getRank() != 2 || !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "is no matrix of float32 numbers");
    for (auto [active, up] :
         {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}}) {
      // g silu'(g) is a product of this kind too: the other branch is another.
      Value silu = stripSilu(active), gelu = stripGeluTanh(active);
      Value gate = silu ? silu : gelu;
      if (!gate || gate == up)
        continue;
      rewriter.replaceOpWithNewOp<GatedActivationOp>(
          op, type, gate, up,
          silu ? ActivationKind::silu : ActivationKind::gelu_tanh);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "has no activation as a factor");
  }
};
} // namespace

void lqc::addGatePatterns(RewritePatternSet &patterns) {
  patterns.add<RaiseGate>(patterns.getContext());
}
