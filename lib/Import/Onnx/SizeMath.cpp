//===- SizeMath.cpp - arithmetic on sizes, folded while importing ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/SizeMath.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lqc;

std::optional<int64_t> lqc::knownSize(Size size) {
  return getConstantIntValue(size);
}

bool lqc::isSameSize(Size a, Size b) {
  if (a == b)
    return true;
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  return x && y && *x == *y;
}

bool lqc::isRead(Size size) {
  Value value = dyn_cast<Value>(size);
  if (!value)
    return false;
  Operation *op = value.getDefiningOp();
  if (!op)
    return true; // the counter of a loop
  if (isa<tensor::DimOp>(op))
    return false;
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp,
           arith::FloorDivSIOp, arith::MaxSIOp, arith::MinSIOp,
           arith::ConstantOp, arith::SelectOp, arith::CmpIOp>(op))
    return true;
  return llvm::any_of(op->getOperands(), [](Value operand) {
    return isRead(getAsOpFoldResult(operand));
  });
}

llvm::SmallVector<int64_t, 4> lqc::staticShape(llvm::ArrayRef<Size> sizes) {
  llvm::SmallVector<int64_t, 4> shape;
  for (Size size : sizes)
    shape.push_back(knownSize(size).value_or(ShapedType::kDynamic));
  return shape;
}

Sizes SizeMath::constants(llvm::ArrayRef<int64_t> values) {
  Sizes result;
  for (int64_t value : values)
    result.push_back(constant(value));
  return result;
}

Value SizeMath::visible(Value value) const {
  Block *block = builder.getInsertionBlock();
  if (!value || !block)
    return {};
  Region *region = block->getParent();
  return value.getParentRegion()->isAncestor(region) ? value : Value();
}

Value SizeMath::value(Size size) {
  if (Value dynamic = dyn_cast<Value>(size))
    return dynamic;
  Value &literal = literals[*knownSize(size)];
  if (Value usable = visible(literal))
    return usable;
  return literal =
             arith::ConstantIndexOp::create(builder, place, *knownSize(size));
}

Sizes SizeMath::sizesOf(Value tensor) {
  RankedTensorType type = cast<RankedTensorType>(tensor.getType());
  Sizes sizes;
  for (auto [d, size] : llvm::enumerate(type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      sizes.push_back(constant(size));
      continue;
    }
    Value &dim = dims[{tensor.getAsOpaquePointer(), int64_t(d)}];
    if (!visible(dim)) {
      Value index = value(constant(d));
      dim = tensor::DimOp::create(builder, place, tensor, index);
    }
    sizes.push_back(dim);
  }
  return sizes;
}

/// Results that do not fit are left to the value of the program.
static std::optional<int64_t> foldAdd(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_add_overflow(a, b, &result) ? std::nullopt
                                               : std::optional(result);
}
static std::optional<int64_t> foldSub(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_sub_overflow(a, b, &result) ? std::nullopt
                                               : std::optional(result);
}
static std::optional<int64_t> foldMul(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_mul_overflow(a, b, &result) ? std::nullopt
                                               : std::optional(result);
}
static int64_t foldDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return b == -1 ? int64_t(0 - uint64_t(a)) : a / b;
}
static int64_t foldMod(int64_t a, int64_t b) {
  if (b == 0 || b == -1)
    return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// The divisor, or 1 for those that the machine cannot divide by.
static Value safeDivisor(OpBuilder &builder, Location loc, Value b,
                         Value &isZero) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  isZero =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, b, zero);
  return arith::SelectOp::create(builder, loc, isZero, one, b);
}

Value SizeMath::build(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::Add:
    return arith::AddIOp::create(builder, place, a, b);
  case Kind::Sub:
    return arith::SubIOp::create(builder, place, a, b);
  case Kind::Mul:
    return arith::MulIOp::create(builder, place, a, b);
  case Kind::Max:
    return arith::MaxSIOp::create(builder, place, a, b);
  case Kind::Min:
    return arith::MinSIOp::create(builder, place, a, b);
  case Kind::Div:
  case Kind::Mod:
    break;
  }
  Value isZero;
  bool isKnown = matchPattern(b, m_Constant());
  Value divisor = isKnown ? b : safeDivisor(builder, place, b, isZero);
  Value result;
  if (kind == Kind::Div) {
    result = arith::DivSIOp::create(builder, place, a, divisor);
  } else { // a - floor(a / b) * b
    Value floor = arith::FloorDivSIOp::create(builder, place, a, divisor);
    Value part = arith::MulIOp::create(builder, place, floor, divisor);
    result = arith::SubIOp::create(builder, place, a, part);
  }
  if (isKnown)
    return result;
  Value zero = arith::ConstantIndexOp::create(builder, place, 0);
  return arith::SelectOp::create(builder, place, isZero, zero, result);
}

Size SizeMath::combine(Kind kind, Size a, Size b) {
  bool commutes = kind != Kind::Sub && kind != Kind::Div && kind != Kind::Mod;
  Value x = value(a), y = value(b);
  if (commutes && y.getAsOpaquePointer() < x.getAsOpaquePointer() &&
      !knownSize(b))
    std::swap(x, y);
  auto key = [&](Value u, Value v) {
    return std::tuple(kind, u.getAsOpaquePointer(), v.getAsOpaquePointer());
  };
  for (auto [u, v] : {std::pair(x, y), std::pair(y, x)}) {
    if (!commutes && u == y && x != y)
      continue;
    auto found = known.find(key(u, v));
    if (found != known.end() && visible(found->second))
      return found->second;
  }
  Value result = build(kind, x, y);
  known[key(x, y)] = result;
  return result;
}

Size SizeMath::add(Size a, Size b) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    if (std::optional<int64_t> folded = foldAdd(*x, *y))
      return constant(*folded);
  if (x == 0)
    return b;
  return y == 0 ? a : combine(Kind::Add, a, b);
}

Size SizeMath::sub(Size a, Size b) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    if (std::optional<int64_t> folded = foldSub(*x, *y))
      return constant(*folded);
  if (isSameSize(a, b))
    return constant(0);
  return y == 0 ? a : combine(Kind::Sub, a, b);
}

Size SizeMath::mul(Size a, Size b) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    if (std::optional<int64_t> folded = foldMul(*x, *y))
      return constant(*folded);
  if (x == 0 || y == 0)
    return constant(0);
  if (x == 1)
    return b;
  return y == 1 ? a : combine(Kind::Mul, a, b);
}

Size SizeMath::div(Size a, Size b) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    return constant(foldDiv(*x, *y));
  if (y == 1)
    return a;
  if (y == 0)
    return constant(0);
  // (a * b) / b
  if (Value product = dyn_cast<Value>(a))
    if (auto mul = product.getDefiningOp<arith::MulIOp>(); mul && y && *y > 0)
      if (knownSize(mul.getRhs()) == *y)
        return mul.getLhs();
  return combine(Kind::Div, a, b);
}

Size SizeMath::mod(Size a, Size b) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    return constant(foldMod(*x, *y));
  return y == 1 || y == -1 || y == 0 ? constant(0) : combine(Kind::Mod, a, b);
}

std::optional<int> SizeMath::compare(Size a, Size b) {
  if (isSameSize(a, b))
    return 0;
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (x && y)
    return *x < *y ? -1 : 1;
  if (x && *x < 0 && isNotNegative(b))
    return -1;
  if (y && *y < 0 && isNotNegative(a))
    return 1;
  return std::nullopt;
}

bool SizeMath::isNotNegative(Size size) {
  if (std::optional<int64_t> known = knownSize(size))
    return *known >= 0;
  Operation *op = cast<Value>(size).getDefiningOp();
  if (!op)
    return false;
  if (isa<tensor::DimOp>(op))
    return true;
  auto all = [&] {
    return llvm::all_of(op->getOperands(), [](Value operand) {
      return isNotNegative(getAsOpFoldResult(operand));
    });
  };
  if (isa<arith::MaxSIOp>(op))
    return isNotNegative(getAsOpFoldResult(op->getOperand(0))) ||
           isNotNegative(getAsOpFoldResult(op->getOperand(1)));
  return isa<arith::AddIOp, arith::MulIOp, arith::MinSIOp, arith::DivSIOp>(
             op) &&
         all();
}

static std::pair<const void *, const void *> pairOf(Size a, Size b) {
  const void *x = a.getOpaqueValue(), *y = b.getOpaqueValue();
  return x < y ? std::pair(x, y) : std::pair(y, x);
}

void SizeMath::noteEqual(Size a, Size b, Operation *check) {
  equal[pairOf(a, b)] = check;
}

bool SizeMath::isCheckedEqual(Size a, Size b) const {
  auto found = equal.find(pairOf(a, b));
  if (found == equal.end())
    return false;
  Region *region = builder.getInsertionBlock()->getParent();
  return found->second->getParentRegion()->isAncestor(region);
}

Size SizeMath::max(Size a, Size b) {
  // Not below a number that is not positive.
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
    if (std::optional<int64_t> known = knownSize(y);
        known && *known <= 0 && isNotNegative(x))
      return x;
  if (std::optional<int> order = compare(a, b))
    return *order < 0 ? b : a;
  return combine(Kind::Max, a, b);
}

Size SizeMath::min(Size a, Size b) {
  if (std::optional<int> order = compare(a, b))
    return *order < 0 ? a : b;
  return combine(Kind::Min, a, b);
}

Size SizeMath::ifLess(Size x, Size y, Size a, Size b) {
  if (isSameSize(a, b))
    return a;
  if (std::optional<int64_t> known = knownSize(y);
      known && *known <= 0 && isNotNegative(x))
    return b;
  if (std::optional<int> order = compare(x, y))
    return *order < 0 ? a : b;
  Value isLess = arith::CmpIOp::create(
      builder, place, arith::CmpIPredicate::slt, value(x), value(y));
  return Value(
      arith::SelectOp::create(builder, place, isLess, value(a), value(b)));
}

Size SizeMath::ifEqual(Size x, Size y, Size a, Size b) {
  if (isSameSize(a, b))
    return a;
  if (std::optional<int> order = compare(x, y))
    return *order == 0 ? a : b;
  Value isEqual = arith::CmpIOp::create(
      builder, place, arith::CmpIPredicate::eq, value(x), value(y));
  return Value(
      arith::SelectOp::create(builder, place, isEqual, value(a), value(b)));
}

Size SizeMath::product(llvm::ArrayRef<Size> sizes) {
  // Known factors last, so that equal products look alike.
  Size result = constant(1), factor = constant(1);
  for (Size size : sizes)
    (knownSize(size) ? factor : result) =
        mul(knownSize(size) ? factor : result, size);
  return mul(result, factor);
}

/// Takes products apart into a constant and unknown factors.
static void addFactors(Size size, int64_t &constant,
                       llvm::SmallVectorImpl<Value> &factors) {
  if (std::optional<int64_t> known = knownSize(size)) {
    // Overflow makes quotients fail, never wrong: sizes are below 2^40.
    constant = int64_t(uint64_t(constant) * uint64_t(*known));
    return;
  }
  Value value = cast<Value>(size);
  if (auto mul = value.getDefiningOp<arith::MulIOp>()) {
    addFactors(getAsOpFoldResult(mul.getLhs()), constant, factors);
    addFactors(getAsOpFoldResult(mul.getRhs()), constant, factors);
    return;
  }
  factors.push_back(value);
}

std::optional<Size> SizeMath::exactQuotient(llvm::ArrayRef<Size> a,
                                            llvm::ArrayRef<Size> b) {
  int64_t numerator = 1, denominator = 1;
  llvm::SmallVector<Value> rest, divisors;
  for (Size size : a)
    addFactors(size, numerator, rest);
  for (Size size : b)
    addFactors(size, denominator, divisors);
  for (Value divisor : divisors) {
    auto found = llvm::find(rest, divisor);
    if (found == rest.end())
      return std::nullopt;
    rest.erase(found);
  }
  if (denominator == 0 || numerator % denominator != 0)
    return std::nullopt;
  Size result = constant(1);
  for (Value factor : rest)
    result = mul(result, factor);
  return mul(result, constant(numerator / denominator));
}

void SizeMath::forget(Operation *op) {
  auto isGone = [&](const auto &entry) {
    Value value = entry.second;
    return value && op->isAncestor(value.getParentRegion()->getParentOp());
  };
  std::erase_if(known, isGone);
  std::erase_if(literals, isGone);
  std::erase_if(dims, isGone);
  std::erase_if(
      equal, [&](const auto &entry) { return op->isAncestor(entry.second); });
}
