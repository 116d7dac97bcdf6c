//===- Elementwise.cpp - arithmetic, comparisons, logic -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

//===----------------------------------------------------------------------===//
// On elements that are known or are made of sizes
//===----------------------------------------------------------------------===//

/// The element of `tensor` that goes with element `index` of the shape `dims`.
static Size stretchedElement(const Tensor &tensor, ArrayRef<int64_t> dims,
                             int64_t index) {
  int64_t place = 0, stride = 1;
  size_t shift = dims.size() - tensor.rank();
  for (size_t d = dims.size(); d-- > shift;) {
    int64_t size = *knownSize(tensor.dims[d - shift]);
    if (size != 1)
      place += index % dims[d] * stride;
    stride *= size;
    index /= dims[d];
  }
  return (*tensor.elements)[place];
}

/// Applies `fold` to elements of the operands, if all of them have some and
/// `fold` always has an answer; else nothing.
static std::optional<Tensor>
foldElements(NodeBuilder &n, ArrayRef<Tensor> operands, OnnxType result,
             llvm::function_ref<std::optional<Size>(ArrayRef<Size>)> fold) {
  for (const Tensor &operand : operands)
    if (!operand.elements)
      return std::nullopt;
  Sizes dims = n.broadcastDims(operands);
  std::optional<int64_t> count = knownSize(n.sizes().product(dims));
  if (n.failed() || !count || *count > kMaxFoldedElements)
    return std::nullopt;
  SmallVector<int64_t, 4> shape = staticShape(dims);
  Tensor folded;
  folded.element = result;
  folded.dims = dims;
  folded.elements.emplace();
  for (int64_t i = 0; i < *count; ++i) {
    SmallVector<Size> numbers;
    for (const Tensor &operand : operands)
      numbers.push_back(stretchedElement(operand, shape, i));
    std::optional<Size> number = fold(numbers);
    if (!number)
      return std::nullopt;
    folded.elements->push_back(*number);
  }
  return folded;
}

/// Sizes are followed in 64 bits; narrower results would have to wrap.
static bool isSizeKind(OnnxType kind) {
  return kind == OnnxType::Int64 || kind == OnnxType::Int32;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

using SizeFunction = Size (SizeMath::*)(Size, Size);
using ArithFunction = Value (Arith::*)(Value, Value) const;

/// The second operand. Before opset 7 it was stretched only if `broadcast` said
/// so, beginning with dimension `axis` of the first.
static Tensor secondOperand(NodeBuilder &n) {
  Tensor a = n.raw(0), b = n.raw(1);
  if (n.version() >= 7 || !n.integer("broadcast", 0) || !n.hasAttribute("axis"))
    return b;
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  int64_t behind = a.rank() - axis - b.rank();
  n.require(behind >= 0, "axis must leave room for the second operand");
  if (n.failed())
    return b;
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(b.rank(), b.rank() + behind));
  return n.unsqueeze(b, axes);
}

template <SizeFunction OfSizes, ArithFunction OfNumbers>
static void buildArithmetic(NodeBuilder &n) {
  Tensor a = n.raw(0), b = secondOperand(n);
  n.requireSame(a, b);
  if (n.failed())
    return;
  if (isSizeKind(a.element))
    if (std::optional<Tensor> folded =
            foldElements(n, {a, b}, a.element, [&](ArrayRef<Size> x) {
              return std::optional<Size>((n.sizes().*OfSizes)(x[0], x[1]));
            }))
      return n.set(0, *folded);
  n.require(a.element != OnnxType::Bool, "operands must be numbers");
  auto body = [](const Arith &f, Numbers x) {
    return (f.*OfNumbers)(x[0], x[1]);
  };
  bool isMap = !isFloat(a.element) && OfNumbers == &Arith::div;
  n.set(0, isMap ? n.map({a, b}, a.element, body)
                 : n.elementwise({a, b}, a.element, body));
}

static void buildMod(NodeBuilder &n) {
  Tensor a = n.raw(0), b = n.raw(1);
  n.requireSame(a, b);
  bool fmod = n.integer("fmod", 0);
  n.require(fmod || !isFloat(a.element), "floats need fmod=1");
  if (!fmod && isSizeKind(a.element))
    if (std::optional<Tensor> folded =
            foldElements(n, {a, b}, a.element, [&](ArrayRef<Size> x) {
              return std::optional<Size>(n.sizes().mod(x[0], x[1]));
            }))
      return n.set(0, *folded);
  n.set(0, n.map({a, b}, a.element, [&](const Arith &f, Numbers x) {
    return f.mod(x[0], x[1], fmod);
  }));
}

/// The exponent may be of another type than the base.
static void buildPow(NodeBuilder &n) {
  Tensor base = n.input(0), exponent = n.built(secondOperand(n));
  OnnxType kind = base.element;
  if (std::optional<SmallVector<double>> known = n.knownReals(1))
    if (known->size() == 1 && known->front() == 2 && exponent.rank() == 0)
      return n.set(0, n.mul(base, base));
  if (isFloat(kind)) {
    exponent = n.cast(exponent, kind);
    return n.set(
        0, n.elementwise({base, exponent}, kind, [](const Arith &f, Numbers x) {
          return f.pow(x[0], x[1]);
        }));
  }
  // Of integers by way of double, which holds all powers that fit 53 bits.
  n.set(0, n.map({base, exponent}, kind, [&](const Arith &f, Numbers x) {
    Arith wide = f.of(OnnxType::Double);
    Value y = f.of(exponent.element).cast(x[1], OnnxType::Double);
    Value power = wide.pow(f.cast(x[0], OnnxType::Double), y);
    return wide.cast(power, kind);
  }));
}

/// Max, Min, Sum and Mean of any number of tensors.
template <SizeFunction OfSizes, ArithFunction OfNumbers>
static Tensor foldAll(NodeBuilder &n) {
  Tensor result = n.raw(0);
  for (unsigned i = 1; i < n.inputCount() && !n.failed(); ++i) {
    Tensor next = n.raw(i);
    n.requireSame(result, next);
    if (n.failed())
      break;
    std::optional<Tensor> folded;
    if (isSizeKind(next.element))
      folded =
          foldElements(n, {result, next}, next.element, [&](ArrayRef<Size> x) {
            return std::optional<Size>((n.sizes().*OfSizes)(x[0], x[1]));
          });
    result = folded ? *folded
                    : n.elementwise({result, next}, next.element,
                                    [](const Arith &f, Numbers x) {
                                      return (f.*OfNumbers)(x[0], x[1]);
                                    });
  }
  return result;
}

static void buildMax(NodeBuilder &n) {
  n.set(0, foldAll<&SizeMath::max, &Arith::max>(n));
}
static void buildMin(NodeBuilder &n) {
  n.set(0, foldAll<&SizeMath::min, &Arith::min>(n));
}
static void buildSum(NodeBuilder &n) {
  n.set(0, foldAll<&SizeMath::add, &Arith::add>(n));
}
static void buildMean(NodeBuilder &n) {
  Tensor sum = foldAll<&SizeMath::add, &Arith::add>(n);
  n.set(0, n.div(sum, n.scalar(n.inputCount(), sum.element)));
}

//===----------------------------------------------------------------------===//
// Comparisons and logic
//===----------------------------------------------------------------------===//

namespace {
enum class Order { Less, LessOrEqual, Greater, GreaterOrEqual, Equal };
} // namespace

static bool holds(Order order, int compared) {
  switch (order) {
  case Order::Less:
    return compared < 0;
  case Order::LessOrEqual:
    return compared <= 0;
  case Order::Greater:
    return compared > 0;
  case Order::GreaterOrEqual:
    return compared >= 0;
  case Order::Equal:
    return compared == 0;
  }
  return false;
}

static Value compareNumbers(const Arith &f, Order order, Value x, Value y) {
  switch (order) {
  case Order::Less:
    return f.less(x, y);
  case Order::LessOrEqual:
    return f.lessOrEqual(x, y);
  case Order::Greater:
    return f.less(y, x);
  case Order::GreaterOrEqual:
    return f.lessOrEqual(y, x);
  case Order::Equal:
    return f.equal(x, y);
  }
  return {};
}

template <Order order> static void buildComparison(NodeBuilder &n) {
  Tensor a = n.raw(0), b = secondOperand(n);
  n.requireSame(a, b);
  if (n.failed())
    return;
  std::optional<Tensor> folded = foldElements(
      n, {a, b}, OnnxType::Bool, [&](ArrayRef<Size> x) -> std::optional<Size> {
        std::optional<int> known = n.sizes().compare(x[0], x[1]);
        if (!known)
          return std::nullopt;
        return n.sizes().constant(holds(order, *known));
      });
  if (folded && !isUnsigned(a.element))
    return n.set(0, *folded);
  n.set(0, n.elementwise({a, b}, OnnxType::Bool, [](const Arith &f, Numbers x) {
    return compareNumbers(f, order, x[0], x[1]);
  }));
}

/// And, Or, Xor of truths, and the same of bits.
template <ArithFunction OfNumbers> static void buildBits(NodeBuilder &n) {
  Tensor a = n.input(0), b = n.built(secondOperand(n));
  n.requireSame(a, b);
  n.require(!isFloat(a.element), "operands must be bool or integer");
  n.set(0, n.elementwise({a, b}, a.element, [](const Arith &f, Numbers x) {
    return (f.*OfNumbers)(x[0], x[1]);
  }));
}

static void buildNot(NodeBuilder &n) {
  Tensor a = n.raw(0);
  n.require(!isFloat(a.element), "the operand must be bool or integer");
  if (a.element == OnnxType::Bool)
    if (std::optional<Tensor> folded = foldElements(
            n, a, a.element, [&](ArrayRef<Size> x) -> std::optional<Size> {
              if (!knownSize(x[0]))
                return std::nullopt;
              return n.sizes().constant(!*knownSize(x[0]));
            }))
      return n.set(0, *folded);
  n.set(0, n.elementwise(a, a.element, [](const Arith &f, Numbers x) {
    return f.bitNot(x[0]);
  }));
}

static void buildBitShift(NodeBuilder &n) {
  Tensor a = n.input(0), b = n.input(1);
  n.requireSame(a, b);
  n.require(isUnsigned(a.element), "operands must be unsigned integers");
  std::string direction = n.text("direction", "");
  n.require(direction == "LEFT" || direction == "RIGHT",
            "direction must be LEFT or RIGHT");
  n.set(0, n.map({a, b}, a.element, [&](const Arith &f, Numbers x) {
    return f.shift(x[0], x[1], direction == "LEFT");
  }));
}

static void buildWhere(NodeBuilder &n) {
  Tensor condition = n.raw(0), a = n.raw(1), b = n.raw(2);
  n.requireSame(a, b);
  n.require(condition.element == OnnxType::Bool, "the condition must be bool");
  if (n.failed())
    return;
  if (isSizeKind(a.element))
    if (std::optional<Tensor> folded =
            foldElements(n, {condition, a, b}, a.element,
                         [&](ArrayRef<Size> x) -> std::optional<Size> {
                           if (!knownSize(x[0]))
                             return std::nullopt;
                           return *knownSize(x[0]) ? x[1] : x[2];
                         }))
      return n.set(0, *folded);
  n.set(0, n.elementwise({condition, a, b}, a.element,
                         [](const Arith &f, Numbers x) {
                           return f.select(x[0], x[1], x[2]);
                         }));
}

//===----------------------------------------------------------------------===//
// Of one operand
//===----------------------------------------------------------------------===//

template <Value (Arith::*Function)(Value) const, bool OfFloats>
static void buildUnary(NodeBuilder &n) {
  Tensor a = n.input(0);
  if (OfFloats)
    n.requireFloat(a);
  n.require(a.element != OnnxType::Bool, "the operand must be numbers");
  n.set(0, n.elementwise(a, a.element, [](const Arith &f, Numbers x) {
    return (f.*Function)(x[0]);
  }));
}

static void buildNeg(NodeBuilder &n) {
  Tensor a = n.raw(0);
  if (isSizeKind(a.element))
    if (std::optional<Tensor> folded =
            foldElements(n, a, a.element, [&](ArrayRef<Size> x) {
              return std::optional<Size>(
                  n.sizes().sub(n.sizes().constant(0), x[0]));
            }))
      return n.set(0, *folded);
  buildUnary<&Arith::neg, false>(n);
}

static void buildSign(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.set(0, n.map(a, a.element,
                 [](const Arith &f, Numbers x) { return f.sign(x[0]); }));
}

static void buildIsNan(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.set(0, n.elementwise(a, OnnxType::Bool, [](const Arith &f, Numbers x) {
    return f.isNan(x[0]);
  }));
}

static void buildIsInf(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  bool negative = n.integer("detect_negative", 1);
  bool positive = n.integer("detect_positive", 1);
  n.set(0, n.map(a, OnnxType::Bool, [&](const Arith &f, Numbers x) {
    Arith truth = f.of(OnnxType::Bool);
    Value result = truth.integer(0);
    if (negative)
      result = truth.bitOr(result, f.equal(x[0], f.lowest()));
    if (positive)
      result = truth.bitOr(result, f.equal(x[0], f.highest()));
    return result;
  }));
}

static void castAs(NodeBuilder &n, OnnxType kind) {
  Tensor a = n.raw(0);
  // Sizes stay sizes.
  bool staysSize =
      isSizeKind(kind) || (kind == OnnxType::Bool && a.element == kind);
  if (a.elements && staysSize && !isUnsigned(a.element)) {
    Tensor result;
    result.element = kind;
    result.dims = a.dims;
    result.elements = a.elements;
    return n.set(0, result);
  }
  n.set(0, n.cast(n.built(a), kind));
}

static void buildCast(NodeBuilder &n) {
  n.require(n.hasAttribute("to"), "attribute to must be given");
  castAs(n, n.elementAttribute("to", OnnxType::Float));
}

static void buildCastLike(NodeBuilder &n) { castAs(n, n.raw(1).element); }

static void buildIdentity(NodeBuilder &n) { n.set(0, n.raw(0)); }

/// Bounds are attributes before opset 11; a bound that is left out is none.
static void buildClip(NodeBuilder &n) {
  Tensor a = n.input(0);
  Tensor low, high;
  if (n.version() < 11) {
    low = n.scalar(n.real("min", -3.4028234663852886e38), a.element);
    high = n.scalar(n.real("max", 3.4028234663852886e38), a.element);
  } else {
    low = n.has(1) ? n.input(1) : Tensor();
    high = n.has(2) ? n.input(2) : Tensor();
  }
  Tensor result = a;
  for (const Tensor &bound : {low, high})
    if (bound)
      n.requireSame(a, bound);
  if (low)
    result =
        n.elementwise({result, low}, a.element, [](const Arith &f, Numbers x) {
          return f.max(x[0], x[1]);
        });
  if (high)
    result =
        n.elementwise({result, high}, a.element, [](const Arith &f, Numbers x) {
          return f.min(x[0], x[1]);
        });
  n.set(0, result);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

ArrayRef<OnnxOp> lqc::elementwiseOps() {
  static const OnnxOp kOps[] = {
      {"Add",
       {6, 7, 13, 14},
       2,
       2,
       buildArithmetic<&SizeMath::add, &Arith::add>},
      {"Sub",
       {6, 7, 13, 14},
       2,
       2,
       buildArithmetic<&SizeMath::sub, &Arith::sub>},
      {"Mul",
       {6, 7, 13, 14},
       2,
       2,
       buildArithmetic<&SizeMath::mul, &Arith::mul>},
      {"Div",
       {6, 7, 13, 14},
       2,
       2,
       buildArithmetic<&SizeMath::div, &Arith::div>,
       "integers divided by 0 give 0"},
      {"Mod", {10, 13}, 2, 2, buildMod},
      {"Pow", {1, 7, 12, 13, 15}, 2, 2, buildPow},
      {"Max", {6, 8, 12, 13}, 1, kAnyNumber, buildMax},
      {"Min", {6, 8, 12, 13}, 1, kAnyNumber, buildMin},
      {"Sum", {6, 8, 13}, 1, kAnyNumber, buildSum},
      {"Mean", {6, 8, 13}, 1, kAnyNumber, buildMean},
      {"Less", {1, 7, 9, 13}, 2, 2, buildComparison<Order::Less>},
      {"LessOrEqual", {12, 16}, 2, 2, buildComparison<Order::LessOrEqual>},
      {"Greater", {1, 7, 9, 13}, 2, 2, buildComparison<Order::Greater>},
      {"GreaterOrEqual",
       {12, 16},
       2,
       2,
       buildComparison<Order::GreaterOrEqual>},
      {"Equal", {1, 7, 11, 13, 19}, 2, 2, buildComparison<Order::Equal>},
      {"And", {1, 7}, 2, 2, buildBits<&Arith::bitAnd>},
      {"Or", {1, 7}, 2, 2, buildBits<&Arith::bitOr>},
      {"Xor", {1, 7}, 2, 2, buildBits<&Arith::bitXor>},
      {"Not", {1}, 1, 1, buildNot},
      {"BitwiseAnd", {18}, 2, 2, buildBits<&Arith::bitAnd>},
      {"BitwiseOr", {18}, 2, 2, buildBits<&Arith::bitOr>},
      {"BitwiseXor", {18}, 2, 2, buildBits<&Arith::bitXor>},
      {"BitwiseNot", {18}, 1, 1, buildNot},
      {"BitShift", {11}, 2, 2, buildBitShift},
      {"Where", {9, 16}, 3, 3, buildWhere},
      {"Abs", {6, 13}, 1, 1, buildUnary<&Arith::abs, false>},
      {"Neg", {6, 13}, 1, 1, buildNeg},
      {"Sign", {9, 13}, 1, 1, buildSign},
      {"Exp", {6, 13}, 1, 1, buildUnary<&Arith::exp, true>},
      {"Log", {6, 13}, 1, 1, buildUnary<&Arith::log, true>},
      {"Sqrt", {6, 13}, 1, 1, buildUnary<&Arith::sqrt, true>},
      {"Reciprocal", {6, 13}, 1, 1, buildUnary<&Arith::reciprocal, true>},
      {"Floor", {6, 13}, 1, 1, buildUnary<&Arith::floor, true>},
      {"Ceil", {6, 13}, 1, 1, buildUnary<&Arith::ceil, true>},
      {"Round", {11, 22}, 1, 1, buildUnary<&Arith::roundEven, true>},
      {"Erf", {9, 13}, 1, 1, buildUnary<&Arith::erf, true>},
      {"Sin", {7, 22}, 1, 1, buildUnary<&Arith::sin, true>},
      {"Cos", {7, 22}, 1, 1, buildUnary<&Arith::cos, true>},
      {"Tan", {7, 22}, 1, 1, buildUnary<&Arith::tan, true>},
      {"Asin", {7, 22}, 1, 1, buildUnary<&Arith::asin, true>},
      {"Acos", {7, 22}, 1, 1, buildUnary<&Arith::acos, true>},
      {"Atan", {7, 22}, 1, 1, buildUnary<&Arith::atan, true>},
      {"Sinh", {9, 22}, 1, 1, buildUnary<&Arith::sinh, true>},
      {"Cosh", {9, 22}, 1, 1, buildUnary<&Arith::cosh, true>},
      {"Tanh", {6, 13}, 1, 1, buildUnary<&Arith::tanh, true>},
      {"Asinh", {9, 22}, 1, 1, buildUnary<&Arith::asinh, true>},
      {"Acosh", {9, 22}, 1, 1, buildUnary<&Arith::acosh, true>},
      {"Atanh", {9, 22}, 1, 1, buildUnary<&Arith::atanh, true>},
      {"Sigmoid", {6, 13}, 1, 1, buildUnary<&Arith::sigmoid, true>},
      {"IsNaN", {9, 13, 20}, 1, 1, buildIsNan},
      {"IsInf", {10, 20}, 1, 1, buildIsInf},
      {"Cast",
       {6, 9, 13, 19, 21, 23},
       1,
       1,
       buildCast,
       "floats that do not fit an integer saturate; no strings"},
      {"CastLike", {15, 19, 21, 23}, 2, 2, buildCastLike, "no strings"},
      {"Identity", {1, 13, 14, 16, 19, 21, 23}, 1, 1, buildIdentity},
      {"Clip", {6, 11, 12, 13}, 1, 3, buildClip},
  };
  return kOps;
}
