//===- QLinear.cpp - ONNX Runtime's operators on codes --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each is the operator of the same name on the numbers that codes stand for,
// rounded to codes again.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lqc/Support/Error.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// A scale or zero point for the whole tensor.
static Tensor scalarInput(NodeBuilder &n, unsigned index) {
  Tensor given = n.input(index);
  n.require(knownSize(n.sizes().product(given.dims)) == 1,
            "scales and zero points must be scalars");
  return n.failed() ? given : n.reshape(given, {});
}

/// The numbers of input `index`, followed by its scale and zero point.
static Tensor realInput(NodeBuilder &n, unsigned index) {
  Tensor codes = n.input(index), scale = scalarInput(n, index + 1), zero;
  n.require(isInteger(codes.element), "operands must be integers");
  n.require(scale.element == OnnxType::Float, "scales must be float");
  if (n.has(index + 2)) {
    zero = scalarInput(n, index + 2);
    n.requireSame(codes, zero);
  }
  return n.failed() ? n.scalar(0, OnnxType::Float)
                    : realsOfCodes(n, codes, scale, zero);
}

/// The result's codes: its scale and zero point are inputs from `index` on;
/// without a zero point it has the type of input 0.
static void setCodes(NodeBuilder &n, const Tensor &real, unsigned index) {
  Tensor scale = scalarInput(n, index);
  Tensor zero = n.has(index + 1) ? scalarInput(n, index + 1)
                                 : n.scalar(0, n.raw(0).element);
  n.require(isInteger(zero.element), "the zero point must be an integer");
  if (!n.failed())
    n.set(0, codesOfReals(n, real, scale, zero));
}

template <Tensor (NodeBuilder::*function)(const Tensor &, const Tensor &)>
static void buildBinary(NodeBuilder &n) {
  setCodes(n, (n.*function)(realInput(n, 0), realInput(n, 3)), 6);
}

static void buildQLinearSigmoid(NodeBuilder &n) {
  Tensor a = realInput(n, 0);
  setCodes(
      n,
      n.elementwise(a, a.element,
                    [](const Arith &f, Numbers x) { return f.sigmoid(x[0]); }),
      3);
}

static void buildQLinearLeakyRelu(NodeBuilder &n) {
  double alpha = n.real("alpha", 0.01);
  Tensor a = realInput(n, 0);
  setCodes(n,
           n.elementwise(a, a.element,
                         [&](const Arith &f, Numbers x) {
                           Value below = f.mul(f.constant(alpha), x[0]);
                           return f.select(f.less(x[0], f.constant(0)), below,
                                           x[0]);
                         }),
           3);
}

/// As Softmax of the operator set that the attribute names: before 13 all
/// dimensions from the axis on are one.
static void buildQLinearSoftmax(NodeBuilder &n) {
  Tensor a = realInput(n, 0);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  int64_t opset = n.requiredInteger("opset");
  if (n.failed())
    return;
  Tensor result = opset >= 13
                      ? n.softmax(a, axis)
                      : n.reshape(n.softmax(n.flatten(a, axis), 1), a.dims);
  setCodes(n, result, 3);
}

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

/// Channels last or first: (batch, positions …, channels) has them at the end.
static Tensor moveChannels(NodeBuilder &n, const Tensor &a, bool toEnd) {
  if (!n.integer("channels_last", 0) || a.rank() < 3)
    return a;
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  if (toEnd)
    std::rotate(permutation.begin() + 1, permutation.begin() + 2,
                permutation.end());
  else
    std::rotate(permutation.begin() + 1, permutation.end() - 1,
                permutation.end());
  return n.transpose(a, permutation);
}

static void buildQLinearAveragePool(NodeBuilder &n) {
  Tensor a = moveChannels(n, realInput(n, 0), /*toEnd=*/false);
  Tensor pooled = averagePool(n, a);
  if (!n.failed())
    setCodes(n, moveChannels(n, pooled, /*toEnd=*/true), 3);
}

static void buildQLinearGlobalAveragePool(NodeBuilder &n) {
  Tensor a = moveChannels(n, realInput(n, 0), /*toEnd=*/false);
  n.require(a.rank() >= 3, "the input must have channels and positions");
  if (n.failed())
    return;
  Tensor mean = n.mean(a, llvm::to_vector(llvm::seq<int64_t>(2, a.rank())),
                       /*keep=*/true);
  setCodes(n, moveChannels(n, mean, /*toEnd=*/true), 3);
}

//===----------------------------------------------------------------------===//
// Several operands
//===----------------------------------------------------------------------===//

/// Scale and zero point of the result come first.
static void buildQLinearConcat(NodeBuilder &n) {
  n.require((n.inputCount() - 2) % 3 == 0,
            "each tensor must have a scale and a zero point");
  int64_t rank = n.has(2) ? n.raw(2).rank() : 0;
  int64_t axis = n.axis(n.requiredInteger("axis"), rank);
  if (n.failed())
    return;
  SmallVector<Tensor> parts;
  for (unsigned i = 2; i < n.inputCount(); i += 3)
    parts.push_back(realInput(n, i));
  if (!n.failed())
    setCodes(n, n.concat(parts, axis), 0);
}

static void buildQLinearWhere(NodeBuilder &n) {
  Tensor condition = n.input(0);
  n.require(condition.element == OnnxType::Bool, "the condition must be bool");
  Tensor x = realInput(n, 1), y = realInput(n, 4);
  if (n.failed())
    return;
  setCodes(n,
           n.elementwise({condition, x, y}, x.element,
                         [](const Arith &f, Numbers v) {
                           return f.select(v[0], v[1], v[2]);
                         }),
           7);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static Tensor optional(NodeBuilder &n, unsigned index) {
  return n.has(index) ? n.input(index) : Tensor();
}

/// A product of codes in int32, as numbers, with a bias if one is given.
static void setProduct(NodeBuilder &n, const Tensor &a, const Tensor &b,
                       const Tensor &scale, unsigned bias) {
  Tensor product = n.mul(n.cast(n.matmul(a, b), OnnxType::Float), scale);
  if (n.has(bias) && !n.failed())
    product = n.add(product, n.input(bias));
  n.set(0, product);
}

static void buildDynamicQuantizeMatMul(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.require(a.element == OnnxType::Float, "the input must be float");
  Tensor b = centeredCodes(n, n.input(1), optional(n, 3), /*isRows=*/false);
  if (n.failed())
    return;
  DynamicCodes codes = quantizeDynamically(n, a);
  Tensor scale =
      n.mul(codes.scale, productScale(n, n.input(2), /*isRows=*/false));
  setProduct(n, centeredCodes(n, codes.codes, codes.zero, /*isRows=*/true), b,
             scale, 4);
}

static void buildMatMulIntegerToFloat(NodeBuilder &n) {
  Tensor a = centeredCodes(n, n.input(0), optional(n, 4), /*isRows=*/true);
  Tensor b = centeredCodes(n, n.input(1), optional(n, 5), /*isRows=*/false);
  if (n.failed())
    return;
  setProduct(n, a, b,
             n.mul(productScale(n, n.input(2), /*isRows=*/true),
                   productScale(n, n.input(3), /*isRows=*/false)),
             6);
}

ArrayRef<OnnxOp> lqc::qlinearOps() {
  static const OnnxOp kOps[] = {
      {"QLinearAdd", {1}, 2, 8, buildBinary<&NodeBuilder::add>, "", kMicrosoft},
      {"QLinearMul", {1}, 2, 8, buildBinary<&NodeBuilder::mul>, "", kMicrosoft},
      {"QLinearSigmoid", {1}, 2, 5, buildQLinearSigmoid, "", kMicrosoft},
      {"QLinearLeakyRelu", {1}, 2, 5, buildQLinearLeakyRelu, "", kMicrosoft},
      {"QLinearSoftmax", {1}, 2, 5, buildQLinearSoftmax, "", kMicrosoft},
      {"QLinearAveragePool",
       {1},
       2,
       5,
       buildQLinearAveragePool,
       "",
       kMicrosoft},
      {"QLinearGlobalAveragePool",
       {1},
       5,
       5,
       buildQLinearGlobalAveragePool,
       "",
       kMicrosoft},
      {"QLinearConcat", {1}, 3, kAnyNumber, buildQLinearConcat, "", kMicrosoft},
      {"QLinearWhere", {1}, 9, 9, buildQLinearWhere, "", kMicrosoft},
      {"DynamicQuantizeMatMul",
       {1},
       3,
       5,
       buildDynamicQuantizeMatMul,
       "",
       kMicrosoft},
      {"MatMulIntegerToFloat",
       {1},
       4,
       7,
       buildMatMulIntegerToFloat,
       "",
       kMicrosoft},
  };
  return kOps;
}
