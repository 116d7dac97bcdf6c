//===- Constants.cpp - tensors that come from nowhere ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"
#include "lib/Import/Onnx/OpTable.h"

#include "onnx/onnx_pb.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lqc;

static Tensor realConstant(NodeBuilder &n, ArrayRef<double> numbers) {
  SmallVector<float> values(numbers.begin(), numbers.end());
  RankedTensorType type =
      RankedTensorType::get(int64_t(values.size()), n.builder().getF32Type());
  Value value = arith::ConstantOp::create(
      n.builder(), n.loc(), DenseElementsAttr::get(type, ArrayRef(values)));
  return n.make(value, OnnxType::Float);
}

static void buildConstant(NodeBuilder &n) {
  if (const onnx::TensorProto *tensor = n.tensor("value")) {
    StringRef name = n.node().output(0);
    llvm::Expected<Tensor> value = n.graphImporter().constant(*tensor, name);
    if (!value)
      return n.fail("{0}", llvm::toString(value.takeError()));
    return n.set(0, *value);
  }
  if (n.hasAttribute("value_float"))
    return n.set(0, n.scalar(n.real("value_float", 0), OnnxType::Float));
  if (n.hasAttribute("value_floats"))
    return n.set(0, realConstant(n, n.reals("value_floats")));
  if (n.hasAttribute("value_int"))
    return n.set(0,
                 n.fromElements(n.sizes().constant(n.integer("value_int", 0)),
                                OnnxType::Int64, /*isScalar=*/true));
  if (n.hasAttribute("value_ints"))
    return n.set(0,
                 n.fromElements(n.sizes().constants(n.integers("value_ints")),
                                OnnxType::Int64));
  n.fail("must have a tensor, a float or an int as its value: strings and "
         "sparse tensors are not supported");
}

static void buildConstantOfShape(NodeBuilder &n) {
  Tensor number = n.scalar(0, OnnxType::Float);
  if (const onnx::TensorProto *tensor = n.tensor("value")) {
    llvm::Expected<Tensor> value = n.graphImporter().constant(*tensor, "value");
    if (!value)
      return n.fail("{0}", llvm::toString(value.takeError()));
    number = *value;
    if (knownSize(n.sizes().product(number.dims)) != 1)
      return n.fail("value must have one element");
  }
  Sizes dims = n.elements(0);
  if (n.failed())
    return;
  Tensor result = n.full(n.extract(number), number.element, dims);
  std::optional<int64_t> count = knownSize(n.sizes().product(dims));
  if (number.elements && count && *count <= kMaxFoldedElements)
    result.elements = Sizes(*count, number.elements->front());
  n.set(0, result);
}

/// The number of steps is known before the numbers are.
static void buildRange(NodeBuilder &n) {
  Tensor start = n.raw(0), limit = n.raw(1), delta = n.raw(2);
  n.requireSame(start, limit);
  n.requireSame(start, delta);
  for (const Tensor &tensor : {start, limit, delta})
    n.require(tensor.rank() == 0 ||
                  knownSize(n.sizes().product(tensor.dims)) == 1,
              "start, limit and delta must be scalars");
  if (n.failed())
    return;
  Size count;
  SizeMath &s = n.sizes();
  if (isFloat(start.element)) {
    Arith f = n.scalars(start.element);
    Value span = f.sub(n.extract(limit), n.extract(start));
    Value steps = f.max(f.ceil(f.div(span, n.extract(delta))), f.constant(0));
    Arith whole = n.scalars(OnnxType::Int64);
    count = getAsOpFoldResult(whole.toIndex(f.cast(steps, OnnxType::Int64)));
  } else {
    Size from = n.elementsOf(start, "start").front();
    Size to = n.elementsOf(limit, "limit").front();
    Size by = n.elementsOf(delta, "delta").front();
    if (n.failed())
      return;
    // ceil((to - from) / by), at least 0, for steps of either sign: towards
    // zero after adding by -/+ 1.
    std::optional<int64_t> known = knownSize(by);
    if (known == 0)
      return n.fail("delta must not be 0");
    Size span = s.sub(to, from);
    if (known && *known > 0) {
      count = s.div(s.add(span, s.constant(*known - 1)), by);
    } else if (known) {
      count = s.div(s.add(span, s.constant(*known + 1)), by);
    } else {
      // -floor(-span / by), with Mod's floor.
      Size minus = s.sub(s.constant(0), span);
      Size rest = s.mod(minus, by);
      count = s.sub(s.constant(0), s.div(s.sub(minus, rest), by));
    }
    count = s.max(count, s.constant(0));
    std::optional<int64_t> steps = knownSize(count);
    if (steps && *steps <= kMaxFoldedElements && n.raw(0).elements) {
      Sizes elements;
      for (int64_t i = 0; i < *steps; ++i)
        elements.push_back(s.add(from, s.mul(s.constant(i), by)));
      return n.set(0, n.fromElements(elements, start.element));
    }
  }
  Value first = n.extract(start), step = n.extract(delta);
  n.set(0, n.compute(
               count, start.element, [&](const Arith &f, ArrayRef<Value> at) {
                 Arith whole = f.of(OnnxType::Int64);
                 Value i = whole.cast(whole.fromIndex(at[0]), f.element());
                 return f.add(first, f.mul(i, step));
               }));
}

static void buildEyeLike(NodeBuilder &n) {
  Tensor a = n.raw(0);
  n.requireRank(a, 2, "the input");
  OnnxType kind = n.elementAttribute("dtype", a.element);
  int64_t k = n.integer("k", 0);
  if (n.failed())
    return;
  n.set(0, n.compute(a.dims, kind, [&](const Arith &f, ArrayRef<Value> at) {
    Arith whole = f.of(OnnxType::Int64);
    Value row = whole.fromIndex(at[0]), column = whole.fromIndex(at[1]);
    Value isOn = whole.equal(whole.add(row, whole.integer(k)), column);
    return f.select(isOn, f.constant(1), f.constant(0));
  }));
}

ArrayRef<OnnxOp> lqc::constantOps() {
  static const OnnxOp kOps[] = {
      {"Constant",
       {1, 9, 11, 12, 13, 19, 21, 23},
       0,
       0,
       buildConstant,
       "no strings, no sparse tensors"},
      {"ConstantOfShape", {9, 20, 21, 23}, 1, 1, buildConstantOfShape},
      {"Range", {11}, 3, 3, buildRange},
      {"EyeLike", {9, 22}, 1, 1, buildEyeLike},
  };
  return kOps;
}
