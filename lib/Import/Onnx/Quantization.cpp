//===- Quantization.cpp - numbers and their codes -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// A scale or zero point as it goes with `a`: one for all, one for each place
/// along the axis, or (opset 21, block_size) one for each block along it.
static Tensor spreadScale(NodeBuilder &n, const Tensor &scale,
                          const Tensor &a) {
  if (scale.rank() == 0 || (scale.rank() == 1 && knownSize(scale.dims[0]) == 1))
    return n.reshape(scale, {});
  int64_t axis = n.axis(n.integer("axis", 1), a.rank());
  int64_t block = n.integer("block_size", 0);
  if (n.failed())
    return scale;
  if (block == 0) {
    n.requireRank(scale, 1, "the scale");
    if (n.failed())
      return scale;
    n.requireEqual(scale.dims[0], a.dims[axis],
                   "the number of scales and the size along the axis");
    SmallVector<int64_t> axes;
    for (int64_t d = 1; d < a.rank() - axis; ++d)
      axes.push_back(d);
    return n.unsqueeze(scale, axes);
  }
  n.requireRank(scale, a.rank(), "the scale");
  n.require(block > 0, "block_size must not be negative");
  if (n.failed())
    return scale;
  for (int64_t d = 0; d < a.rank(); ++d)
    if (d != axis)
      n.requireEqual(scale.dims[d], a.dims[d], "sizes beside the axis");
  SizeMath &s = n.sizes();
  n.requireEqual(
      scale.dims[axis],
      s.div(s.add(a.dims[axis], s.constant(block - 1)), s.constant(block)),
      "the number of scales and of blocks");
  if (n.failed())
    return scale;
  return n.compute(a.dims, scale.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at);
    from[axis] = arith::DivUIOp::create(f.builder(), f.location(), at[axis],
                                        s.value(s.constant(block)));
    return n.load(f, scale, from);
  });
}

/// What the codes are of: the zero point's type, output_dtype, or uint8.
static OnnxType codeType(NodeBuilder &n) {
  if (n.has(2))
    return n.raw(2).element;
  return n.elementAttribute("output_dtype", OnnxType::Uint8);
}

Tensor lqc::codesOfReals(NodeBuilder &n, const Tensor &real,
                         const Tensor &scale, const Tensor &zero) {
  OnnxType code = zero.element;
  return n.map({real, scale, zero}, code, [&](const Arith &f, Numbers x) {
    Value quotient = f.div(x[0], x[1]);
    if (isFloat(code))
      return f.cast(quotient, code);
    Value point = f.of(code).cast(x[2], OnnxType::Float);
    return f.cast(f.add(f.roundEven(quotient), point), code);
  });
}

Tensor lqc::realsOfSums(NodeBuilder &n, const Tensor &sums,
                        const Tensor &scale) {
  Tensor real = n.mul(n.cast(sums, OnnxType::Float), scale);
  real.sums = std::make_shared<ScaledSums>(ScaledSums{sums, scale});
  return real;
}

Tensor lqc::codesOfSums(NodeBuilder &n, const ScaledSums &given,
                        const Tensor &scale, const Tensor &zero) {
  Tensor factor = n.div(given.scale, scale);
  return n.map({given.sums, factor, zero}, zero.element,
               [&](const Arith &f, Numbers x) {
                 Arith real = f.of(OnnxType::Float);
                 Value sum = f.of(OnnxType::Int32).cast(x[0], OnnxType::Float);
                 Value code = real.roundEven(real.mul(sum, x[1]));
                 if (given.isRectified)
                   code = real.max(code, real.constant(0));
                 Value point = f.of(zero.element).cast(x[2], OnnxType::Float);
                 return real.cast(real.add(code, point), zero.element);
               });
}

Tensor lqc::biasOfSums(NodeBuilder &n, const Tensor &bias, const CodedReals &a,
                       const CodedReals &b) {
  if (!bias.codes || bias.codes->codes.element != OnnxType::Int32)
    return {};
  auto unit = n.knownReals(bias.codes->scale);
  auto left = n.knownReals(a.scale), right = n.knownReals(b.scale);
  if (!unit || !left || !right || unit->empty() || left->size() != 1 ||
      right->empty())
    return {};
  const size_t count = std::max(unit->size(), right->size());
  auto at = [](ArrayRef<double> numbers, size_t i) {
    return numbers.size() == 1 ? numbers.front() : numbers[i];
  };
  if ((unit->size() != 1 && unit->size() != count) ||
      (right->size() != 1 && right->size() != count))
    return {};
  // Who wrote the file has rounded the product.
  for (size_t i = 0; i < count; ++i)
    if (double product = left->front() * at(*right, i);
        !(std::fabs(at(*unit, i) - product) <= 1e-6 * std::fabs(product)))
      return {};
  return centeredCodes(n, bias.codes->codes, bias.codes->zero,
                       /*isRows=*/false);
}

/// round(x / scale) + zero point, saturating.
static void buildQuantizeLinear(NodeBuilder &n) {
  Tensor a = n.input(0);
  OnnxType code = codeType(n);
  Tensor scale = n.built(n.cast(n.input(1), OnnxType::Float));
  Tensor factor = spreadScale(n, scale, a);
  Tensor zero = n.has(2) ? spreadScale(n, n.input(2), a) : n.scalar(0, code);
  Tensor real = n.built(n.cast(a, OnnxType::Float));
  if (n.failed())
    return;
  n.set(0, a.sums && isInteger(code) ? codesOfSums(n, *a.sums, factor, zero)
                                     : codesOfReals(n, real, factor, zero));
}

Tensor lqc::realsOfCodes(NodeBuilder &n, const Tensor &codes,
                         const Tensor &scale, const Tensor &given) {
  Tensor zero = given ? given : n.scalar(0, codes.element);
  OnnxType kind = codes.element;
  return n.map(
      {codes, zero, scale}, scale.element, [&](const Arith &f, Numbers x) {
        Arith real = f.of(scale.element);
        OnnxType wide = isFloat(kind) ? scale.element : OnnxType::Int32;
        // int32 codes have no zero point that could overflow.
        Arith middle = f.of(wide);
        Value code = middle.sub(f.cast(x[0], wide), f.cast(x[1], wide));
        return real.mul(middle.cast(code, scale.element), x[2]);
      });
}

static bool isByte(OnnxType element) {
  return element == OnnxType::Int8 || element == OnnxType::Uint8;
}

static bool areByteCodes(const Tensor &tensor) {
  return tensor.codes && tensor.element == OnnxType::Float &&
         isByte(tensor.codes->codes.element);
}

bool lqc::haveOneScale(const Tensor &tensor) {
  return areByteCodes(tensor) && !tensor.codes->axis;
}

bool lqc::areCodes(const Tensor &a, const Tensor &b, int64_t axis) {
  return haveOneScale(a) && areByteCodes(b) &&
         b.codes->axis.value_or(axis) == axis;
}

/// What a result of this node is made of, if its scales lie along one axis.
static std::shared_ptr<const CodedReals>
codesOfNode(NodeBuilder &n, const Tensor &a, const Tensor &scale) {
  if (n.integer("block_size", 0) != 0)
    return nullptr;
  CodedReals codes = {a, scale, n.has(2) ? n.input(2) : Tensor(), std::nullopt};
  if (scale.rank() == 1 && knownSize(scale.dims[0]) != 1)
    codes.axis = n.axis(n.integer("axis", 1), a.rank());
  return std::make_shared<CodedReals>(std::move(codes));
}

static void buildDequantizeLinear(NodeBuilder &n) {
  Tensor a = n.input(0), scale = n.input(1);
  n.requireFloat(scale);
  if (n.has(2))
    n.requireSame(a, n.raw(2));
  if (n.failed())
    return;
  Tensor factor = spreadScale(n, scale, a);
  Tensor zero = n.has(2) ? spreadScale(n, n.input(2), a) : Tensor();
  if (n.failed())
    return;
  Tensor real = realsOfCodes(n, a, factor, zero);
  real.codes = codesOfNode(n, a, scale);
  n.set(0, real);
}

/// scale = (max(x, 0) - min(x, 0)) / 255, zero point = round(-min / scale).
DynamicCodes lqc::quantizeDynamically(NodeBuilder &n, const Tensor &a) {
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  auto nothing = [](const Arith &f) { return f.constant(0); };
  Tensor most = n.reduce(a, all, false, nothing, [](const Arith &f, Numbers x) {
    return f.max(x[0], x[1]);
  });
  Tensor least =
      n.reduce(a, all, false, nothing,
               [](const Arith &f, Numbers x) { return f.min(x[0], x[1]); });
  Tensor scale = n.map({most, least}, a.element, [](const Arith &f, Numbers x) {
    return f.div(f.sub(x[0], x[1]), f.constant(255));
  });
  Tensor zero =
      n.map({least, scale}, OnnxType::Uint8, [](const Arith &f, Numbers x) {
        Value exact = f.div(f.neg(x[0]), x[1]);
        return f.cast(f.roundEven(f.clamp(exact, 0, 255)), OnnxType::Uint8);
      });
  return {codesOfReals(n, a, scale, zero), scale, zero};
}

static void buildDynamicQuantizeLinear(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.require(a.element == OnnxType::Float, "the input must be float");
  if (n.failed())
    return;
  DynamicCodes result = quantizeDynamically(n, a);
  n.set(0, result.codes);
  n.set(1, result.scale);
  n.set(2, result.zero);
}

//===----------------------------------------------------------------------===//
// Products of codes
//===----------------------------------------------------------------------===//

Tensor lqc::centeredCodes(NodeBuilder &n, const Tensor &x, const Tensor &given,
                          bool isRows) {
  n.require(isInteger(x.element), "operands must be integers");
  Tensor wide = n.cast(x, OnnxType::Int32);
  if (!given || n.failed())
    return wide;
  n.requireSame(x, given);
  Tensor zero = n.cast(given, OnnxType::Int32);
  if (zero.rank() == 1 && knownSize(zero.dims[0]) == 1)
    zero = n.reshape(zero, {});
  else if (zero.rank() == 1 && isRows)
    zero = n.unsqueeze(zero, {1});
  return n.sub(wide, zero);
}

static Tensor centered(NodeBuilder &n, unsigned index, unsigned zeroIndex,
                       bool isRows) {
  return centeredCodes(n, n.input(index),
                       n.has(zeroIndex) ? n.input(zeroIndex) : Tensor(),
                       isRows);
}

static void buildMatMulInteger(NodeBuilder &n) {
  n.set(0, n.matmul(centered(n, 0, 2, true), centered(n, 1, 3, false)));
}

Tensor lqc::productScale(NodeBuilder &n, const Tensor &given, bool isRows) {
  Tensor scale = n.cast(given, OnnxType::Float);
  if (scale.rank() == 1 && knownSize(scale.dims[0]) == 1)
    return n.reshape(scale, {});
  return scale.rank() == 1 && isRows ? n.unsqueeze(scale, {1}) : scale;
}

static void buildQLinearMatMul(NodeBuilder &n) {
  Tensor sum = n.matmul(centered(n, 0, 2, true), centered(n, 3, 5, false));
  Tensor zero = n.input(7);
  n.require(isInteger(zero.element), "the zero point must be an integer");
  if (n.failed())
    return;
  Tensor scale = n.mul(productScale(n, n.input(1), true),
                       productScale(n, n.input(4), false));
  if (zero.rank() == 1)
    zero = knownSize(zero.dims[0]) == 1 ? n.reshape(zero, {})
                                        : n.unsqueeze(zero, {1});
  n.set(0,
        codesOfSums(n, {sum, scale}, productScale(n, n.input(6), true), zero));
}

ArrayRef<OnnxOp> lqc::quantizationOps() {
  static const OnnxOp kOps[] = {
      {"QuantizeLinear", {10, 13, 19, 21, 23}, 2, 3, buildQuantizeLinear},
      {"DequantizeLinear", {10, 13, 19, 21, 23}, 2, 3, buildDequantizeLinear},
      {"DynamicQuantizeLinear", {11}, 1, 1, buildDynamicQuantizeLinear},
      {"QuantizeLinear", {1}, 2, 3, buildQuantizeLinear, "", kMicrosoft},
      {"DequantizeLinear", {1}, 2, 3, buildDequantizeLinear, "", kMicrosoft},
      {"MatMulInteger", {10}, 2, 4, buildMatMulInteger},
      {"QLinearMatMul", {10, 21}, 8, 8, buildQLinearMatMul},
  };
  return kOps;
}
