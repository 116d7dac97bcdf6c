//===- Pool.cpp - pools ---------------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lib/Import/Onnx/Window.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// Reads kernel_shape and what else says how the window moves.
static Window poolWindow(NodeBuilder &n, const Tensor &a) {
  n.require(a.rank() >= 3, "the input must have channels and positions");
  SmallVector<int64_t> kernel = n.integers("kernel_shape");
  n.require(int64_t(kernel.size()) == a.rank() - 2,
            "kernel_shape must have a number for each position");
  for (int64_t size : kernel)
    n.require(size > 0 && size < (int64_t(1) << 31),
              "kernel_shape must be positive");
  if (n.failed())
    return {};
  return readWindow(n, a, n.sizes().constants(kernel));
}

static Value add(const Arith &f, Numbers x) { return f.add(x[0], x[1]); }
static Value zero(const Arith &f) { return f.constant(0); }

/// The place in the whole input of the largest element of each window.
/// `byColumn`: positions are counted with the first one fastest.
static Tensor maxIndices(NodeBuilder &n, const Tensor &a, const Window &window,
                         const Tensor &values, bool byColumn) {
  SizeMath &s = n.sizes();
  return n.compute(
      values.dims, OnnxType::Int64, [&](const Arith &whole, Numbers at) {
        OpBuilder &b = n.builder();
        Location loc = n.loc();
        Value most = n.load(whole, values, at);
        Arith f = whole.of(a.element);
        // The last place in reverse order that holds the largest number.
        auto body = [&](Numbers inside, Numbers carried) {
          SmallVector<Value> from = {at[0], at[1]}, places;
          Value isInside = f.trueValue();
          for (auto [d, offset] : llvm::enumerate(inside)) {
            Size last = s.sub(window.kernel[d], s.constant(1));
            Size k =
                s.mul(s.sub(last, offset), s.constant(window.dilations[d]));
            Size place =
                s.add(s.mul(at[d + 2], s.constant(window.strides[d])), k);
            Value index = s.value(s.sub(place, window.low[d]));
            Value size = s.value(a.dims[d + 2]);
            Value fits = arith::CmpIOp::create(
                b, loc, arith::CmpIPredicate::ult, index, size);
            isInside = f.of(OnnxType::Bool).bitAnd(isInside, fits);
            places.push_back(index);
            from.push_back(n.normalized(f, index, size));
          }
          Value number = n.load(f, a, from);
          Value isMost =
              f.of(OnnxType::Bool).bitAnd(isInside, f.equal(number, most));
          Size flat = s.add(s.mul(at[0], a.dims[1]), at[1]);
          size_t rank = places.size();
          Size stride = s.constant(1), position = s.constant(0);
          for (size_t i = 0; i < rank; ++i) {
            size_t d = byColumn ? i : rank - 1 - i;
            position = s.add(position, s.mul(places[d], stride));
            stride = s.mul(stride, a.dims[d + 2]);
          }
          Size index = s.add(s.mul(flat, stride), position);
          return SmallVector<Value>{whole.select(
              isMost, whole.fromIndex(s.value(index)), carried[0])};
        };
        return n.loops(window.kernel, whole.integer(0), body)[0];
      });
}

static void buildMaxPool(NodeBuilder &n) {
  Tensor a = n.input(0);
  Window window = poolWindow(n, a);
  if (n.failed())
    return;
  Arith f = n.scalars(a.element);
  Tensor lowest = n.rank0(f.lowest(), a.element);
  Tensor padded = padPositions(n, a, window, lowest);
  Tensor result = foldWindows(
      n, padded, window, [](const Arith &g) { return g.lowest(); },
      [](const Arith &g, Numbers x) { return g.max(x[0], x[1]); });
  n.set(0, result);
  if (n.wants(1) && !n.failed())
    n.set(1, maxIndices(n, a, window, result, n.integer("storage_order", 0)));
}

/// How many elements each window averages over: those of the input, and with
/// `countsPads` those of the padding that the model asked for.
static Tensor counts(NodeBuilder &n, const Tensor &a, const Window &window,
                     const Window &asked, bool countsPads) {
  SizeMath &s = n.sizes();
  Sizes dims = {s.constant(1), s.constant(1)}, none(a.rank(), s.constant(0));
  dims.append(a.dims.begin() + 2, a.dims.end());
  Tensor ones = n.full(n.scalars(a.element).constant(1), a.element, dims);
  Tensor one = n.scalar(1, a.element), nothing = n.scalar(0, a.element);
  Window rest = window;
  if (countsPads) {
    ones = padPositions(n, ones, asked, one);
    for (size_t d = 0; d < window.rank(); ++d) {
      rest.low[d] = s.constant(0);
      rest.high[d] = s.sub(window.high[d], asked.high[d]);
    }
  }
  return foldWindows(n, padPositions(n, ones, rest, nothing), window, zero,
                     add);
}

Tensor lqc::averagePool(NodeBuilder &n, const Tensor &a) {
  n.requireFloat(a);
  Window window = poolWindow(n, a);
  if (n.failed())
    return a;
  SizeMath &s = n.sizes();
  bool countsPads = n.integer("count_include_pad", 0);
  Window asked = window; // without what ceil_mode added
  SmallVector<int64_t> pads = n.integers("pads");
  if (n.integer("ceil_mode", 0))
    for (size_t d = 0; d < window.rank(); ++d)
      asked.high[d] = s.constant(
          pads.size() == 2 * window.rank() ? pads[window.rank() + d] : 0);
  Tensor padded = padPositions(n, a, window, n.scalar(0, a.element));
  Tensor sum = foldWindows(n, padded, window, zero, add);
  bool isPadded = llvm::any_of(llvm::concat<Size>(window.low, window.high),
                               [](Size size) { return knownSize(size) != 0; });
  if (n.failed())
    return a;
  if (isPadded)
    return n.div(sum, counts(n, a, window, asked, countsPads));
  double count = 1;
  for (Size size : window.kernel)
    count *= double(*knownSize(size));
  return n.div(sum, n.scalar(count, a.element));
}

static void buildAveragePool(NodeBuilder &n) {
  n.set(0, averagePool(n, n.input(0)));
}

/// (sum of |x|^p)^(1/p)
static Tensor powers(NodeBuilder &n, const Tensor &a, int64_t p) {
  return n.map(a, a.element, [&](const Arith &f, Numbers x) {
    Value size = f.abs(x[0]);
    return p == 1   ? size
           : p == 2 ? f.square(size)
                    : f.pow(size, f.constant(double(p)));
  });
}

static Tensor root(NodeBuilder &n, const Tensor &a, int64_t p) {
  return n.map(a, a.element, [&](const Arith &f, Numbers x) {
    return p == 1   ? x[0]
           : p == 2 ? f.sqrt(x[0])
                    : f.pow(x[0], f.constant(1 / double(p)));
  });
}

static int64_t readP(NodeBuilder &n) {
  int64_t p = n.integer("p", 2);
  n.require(p >= 1, "p must be positive");
  return std::max<int64_t>(p, 1);
}

static void buildLpPool(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  int64_t p = readP(n);
  Window window = poolWindow(n, a);
  if (n.failed())
    return;
  Tensor padded =
      padPositions(n, powers(n, a, p), window, n.scalar(0, a.element));
  n.set(0, root(n, foldWindows(n, padded, window, zero, add), p));
}

//===----------------------------------------------------------------------===//
// Over all positions
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> positions(NodeBuilder &n, const Tensor &a) {
  n.require(a.rank() >= 3, "the input must have channels and positions");
  n.requireFloat(a);
  if (n.failed())
    return {};
  return llvm::to_vector(llvm::seq<int64_t>(2, a.rank()));
}

/// The mean of codes with one scale: their exact sum, times the scale of one
/// part.
static Tensor meanOfCodes(NodeBuilder &n, const CodedReals &a,
                          ArrayRef<int64_t> axes, int64_t count) {
  Tensor sum = n.sum(centeredCodes(n, a.codes, a.zero, /*isRows=*/false), axes,
                     /*keep=*/true);
  Tensor scale = n.reshape(a.scale, {});
  return realsOfSums(n, sum,
                     n.div(scale, n.scalar(double(count), scale.element)));
}

static void buildGlobalAveragePool(NodeBuilder &n) {
  Tensor a = n.input(0);
  SmallVector<int64_t> axes = positions(n, a);
  if (n.failed())
    return;
  Sizes places(llvm::drop_begin(a.dims, 2));
  std::optional<int64_t> count = knownSize(n.sizes().product(places));
  n.set(0, count && haveOneScale(a) ? meanOfCodes(n, *a.codes, axes, *count)
                                    : n.mean(a, axes, /*keep=*/true));
}

static void buildGlobalMaxPool(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.set(0, n.max(a, positions(n, a), /*keep=*/true));
}

static void buildGlobalLpPool(NodeBuilder &n) {
  Tensor a = n.input(0);
  int64_t p = readP(n);
  SmallVector<int64_t> axes = positions(n, a);
  n.set(0, root(n, n.sum(powers(n, a, p), axes, /*keep=*/true), p));
}

//===----------------------------------------------------------------------===//
// Back
//===----------------------------------------------------------------------===//

/// Each number goes to the place in the output that its index names. Indices
/// count in a tensor of the size that pooling came from; output_shape may be
/// larger.
static void buildMaxUnpool(NodeBuilder &n) {
  Tensor a = n.input(0), given = n.raw(1);
  SizeMath &s = n.sizes();
  n.require(a.rank() >= 3, "the input must have channels and positions");
  SmallVector<int64_t> kernel = n.integers("kernel_shape");
  size_t rank = std::max<int64_t>(a.rank() - 2, 0);
  SmallVector<int64_t> strides =
      n.integers("strides", SmallVector<int64_t>(rank, 1));
  SmallVector<int64_t> pads =
      n.integers("pads", SmallVector<int64_t>(2 * rank, 0));
  n.require(kernel.size() == rank && strides.size() == rank &&
                pads.size() == 2 * rank,
            "kernel_shape, strides and pads must fit the positions");
  n.requireRank(given, a.rank(), "indices");
  if (n.failed())
    return;
  Sizes counted = {a.dims[0], a.dims[1]};
  for (size_t d = 0; d < rank; ++d) {
    n.requireEqual(a.dims[d + 2], given.dims[d + 2],
                   "sizes of input and indices");
    Size last =
        s.mul(s.sub(a.dims[d + 2], s.constant(1)), s.constant(strides[d]));
    counted.push_back(
        s.add(last, s.constant(kernel[d] - pads[d] - pads[rank + d])));
  }
  Sizes dims = counted;
  if (n.has(2)) {
    dims = n.elements(2);
    n.require(int64_t(dims.size()) == a.rank(),
              "output_shape must have a size for each dimension");
    for (Size &size : dims)
      size = n.checkedSize(size, "a size of output_shape");
  }
  if (n.failed())
    return;
  Tensor indices = n.checkedIndices(given, s.product(counted));
  Value start = n.zeros(a.element, dims).value;
  if (n.failed())
    return;
  // A place beyond a smaller output_shape is the last one that is there.
  auto body = [&](Numbers at, Numbers carried) {
    Arith f = n.scalars(a.element);
    Size rest = Value(f.of(OnnxType::Int64).toIndex(n.load(f, indices, at)));
    SmallVector<Value> to(a.rank());
    for (int64_t d = a.rank(); d-- > 0;) {
      Value place = s.value(s.mod(rest, counted[d]));
      to[d] = n.normalized(f, place, s.value(dims[d]));
      rest = s.div(rest, counted[d]);
    }
    return SmallVector<Value>{tensor::InsertOp::create(
        n.builder(), n.loc(), n.load(f, a, at), carried[0], to)};
  };
  n.set(0, n.make(n.loops(a.dims, start, body)[0], a.element, dims));
}

ArrayRef<OnnxOp> lqc::poolOps() {
  static const OnnxOp kOps[] = {
      {"MaxPool", {1, 8, 10, 11, 12, 22}, 1, 1, buildMaxPool},
      {"AveragePool", {1, 7, 10, 11, 19, 22}, 1, 1, buildAveragePool},
      {"LpPool", {2, 11, 18, 22}, 1, 1, buildLpPool},
      {"GlobalAveragePool", {1, 22}, 1, 1, buildGlobalAveragePool},
      {"GlobalMaxPool", {1, 22}, 1, 1, buildGlobalMaxPool},
      {"GlobalLpPool", {2, 22}, 1, 1, buildGlobalLpPool},
      {"MaxUnpool", {9, 11, 22}, 2, 3, buildMaxUnpool},
  };
  return kOps;
}
