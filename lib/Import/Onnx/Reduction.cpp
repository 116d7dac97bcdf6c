//===- Reduction.cpp - sums, extremes and where they are ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

namespace {
/// A reduction: each element is changed, folded, and the result changed.
struct Reduction {
  Value (*before)(const Arith &, Value); ///< null: as it is
  Value (*init)(const Arith &);
  Value (*fold)(const Arith &, Value, Value);
  Value (*after)(const Arith &, Value); ///< null: as it is
  bool isMean = false;
};
} // namespace

static Value zero(const Arith &f) { return f.constant(0); }
static Value one(const Arith &f) { return f.constant(1); }
static Value add(const Arith &f, Value x, Value y) { return f.add(x, y); }
static Value mul(const Arith &f, Value x, Value y) { return f.mul(x, y); }
static Value max(const Arith &f, Value x, Value y) { return f.max(x, y); }
static Value min(const Arith &f, Value x, Value y) { return f.min(x, y); }
static Value lowest(const Arith &f) { return f.lowest(); }
static Value highest(const Arith &f) { return f.highest(); }
static Value absolute(const Arith &f, Value x) { return f.abs(x); }
static Value square(const Arith &f, Value x) { return f.square(x); }
static Value root(const Arith &f, Value x) { return f.sqrt(x); }
static Value logarithm(const Arith &f, Value x) { return f.log(x); }

static constexpr Reduction kSum = {nullptr, zero, add, nullptr};
static constexpr Reduction kMean = {nullptr, zero, add, nullptr, true};
static constexpr Reduction kProduct = {nullptr, one, mul, nullptr};
static constexpr Reduction kMax = {nullptr, lowest, max, nullptr};
static constexpr Reduction kMin = {nullptr, highest, min, nullptr};
static constexpr Reduction kL1 = {absolute, zero, add, nullptr};
static constexpr Reduction kL2 = {square, zero, add, root};
static constexpr Reduction kSumSquare = {square, zero, add, nullptr};
static constexpr Reduction kLogSum = {nullptr, zero, add, logarithm};

static Tensor changed(NodeBuilder &n, const Tensor &a,
                      Value (*change)(const Arith &, Value)) {
  if (!change)
    return a;
  return n.elementwise(
      a, a.element, [&](const Arith &f, Numbers x) { return change(f, x[0]); });
}

static Tensor reduceBy(NodeBuilder &n, const Tensor &a, ArrayRef<int64_t> axes,
                       bool keep, const Reduction &reduction) {
  if (reduction.isMean)
    return n.mean(a, axes, keep);
  Tensor folded = n.reduce(
      changed(n, a, reduction.before), axes, keep, reduction.init,
      [&](const Arith &f, Numbers x) { return reduction.fold(f, x[0], x[1]); });
  return changed(n, folded, reduction.after);
}

/// Axes that are read: every element is folded into the place that it has
/// without them, one after the other.
static Tensor reduceRead(NodeBuilder &n, const Tensor &a, ArrayRef<Size> axes,
                         bool keep, const Reduction &reduction) {
  SizeMath &s = n.sizes();
  SmallVector<Size> isGone;
  Sizes kept, dims;
  for (int64_t d = 0; d < a.rank(); ++d) {
    Size gone = s.constant(0);
    for (Size axis : axes) {
      Size counted = s.ifLess(axis, s.constant(0),
                              s.add(axis, s.constant(a.rank())), axis);
      gone = s.ifEqual(counted, s.constant(d), s.constant(1), gone);
    }
    isGone.push_back(gone);
    kept.push_back(s.ifEqual(gone, s.constant(1), s.constant(1), a.dims[d]));
  }
  Tensor source = changed(n, a, reduction.before);
  if (n.failed())
    return a;
  Arith f = n.scalars(a.element);
  Tensor start = n.full(reduction.init(f), a.element, kept);
  auto body = [&](Numbers at, Numbers carried) {
    SmallVector<Value> to;
    for (int64_t d = 0; d < a.rank(); ++d)
      to.push_back(
          s.value(s.ifEqual(isGone[d], s.constant(1), s.constant(0), at[d])));
    Value old = tensor::ExtractOp::create(n.builder(), n.loc(), carried[0], to);
    Value next = reduction.fold(f, old, n.load(f, source, at));
    return SmallVector<Value>{
        tensor::InsertOp::create(n.builder(), n.loc(), next, carried[0], to)};
  };
  Tensor folded =
      n.make(n.loops(a.dims, start.value, body)[0], a.element, kept);
  folded = changed(n, folded, reduction.after);
  if (keep)
    return folded;
  // The sizes that stay, in order.
  Size place = s.constant(0);
  dims.assign(std::max<int64_t>(0, a.rank() - int64_t(axes.size())),
              s.constant(1));
  for (int64_t d = 0; d < a.rank(); ++d) {
    for (auto [to, size] : llvm::enumerate(dims)) {
      Size placed = s.ifEqual(place, s.constant(int64_t(to)), a.dims[d], size);
      size = s.ifEqual(isGone[d], s.constant(1), size, placed);
    }
    place =
        s.ifEqual(isGone[d], s.constant(1), place, s.add(place, s.constant(1)));
  }
  return n.reshape(folded, dims);
}

/// `inputSince`: the operator set from which axes are an input.
static void buildReduction(NodeBuilder &n, const Reduction &reduction,
                           int64_t inputSince) {
  Tensor a = n.input(0);
  n.require(a.element != OnnxType::Bool || &reduction == &kMax ||
                &reduction == &kMin,
            "the input must be numbers");
  bool keep = n.integer("keepdims", 1);
  if (n.failed())
    return;
  if (n.version() >= inputSince && n.has(1) && !n.knownIntegers(1)) {
    Sizes axes = n.elements(1);
    if (n.failed())
      return;
    if (!axes.empty() && !reduction.isMean)
      return n.set(0, reduceRead(n, a, axes, keep, reduction));
    if (!axes.empty())
      return n.fail("axes must be constant");
  }
  SmallVector<int64_t> axes;
  bool isEmptyInput = n.has(1) && knownSize(n.raw(1).dims.front()) == 0;
  std::optional<SmallVector<int64_t>> given;
  if (!isEmptyInput)
    given = n.axesArgument(inputSince, 1);
  if (given)
    axes = n.axes(*given, a.rank());
  if (n.failed())
    return;
  if (axes.empty()) {
    if (n.integer("noop_with_empty_axes", 0))
      return n.set(
          0, changed(n, changed(n, a, reduction.before), reduction.after));
    axes = llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  }
  n.set(0, reduceBy(n, a, axes, keep, reduction));
}

template <const Reduction &reduction, int64_t inputSince = 18>
static void build(NodeBuilder &n) {
  buildReduction(n, reduction, inputSince);
}

/// max + log(sum(exp(x - max))), which does not overflow.
static void buildLogSumExp(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  bool keep = n.integer("keepdims", 1);
  std::optional<SmallVector<int64_t>> given = n.axesArgument(18, 1);
  SmallVector<int64_t> axes;
  if (given)
    axes = n.axes(*given, a.rank());
  if (n.failed())
    return;
  if (axes.empty() && n.integer("noop_with_empty_axes", 0))
    return n.set(0, a);
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  Tensor most = n.max(a, axes, /*keep=*/true);
  Tensor powers =
      n.elementwise({a, most}, a.element, [](const Arith &f, Numbers x) {
        return f.exp(f.sub(x[0], x[1]));
      });
  Tensor sum = n.sum(powers, axes, /*keep=*/true);
  Tensor result =
      n.elementwise({sum, most}, a.element, [](const Arith &f, Numbers x) {
        return f.add(f.log(x[0]), x[1]);
      });
  n.set(0, keep ? result : n.squeeze(result, axes));
}

/// Folds pairs of a number and its place.
template <bool isMax> static void buildArg(NodeBuilder &n) {
  Tensor a = n.input(0);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  bool keep = n.integer("keepdims", 1),
       last = n.integer("select_last_index", 0);
  if (n.failed())
    return;
  Tensor places =
      n.compute(a.dims, OnnxType::Int64, [&](const Arith &f, Numbers at) {
        return f.fromIndex(at[axis]);
      });
  Sizes dims = a.dims;
  dims.erase(dims.begin() + axis);
  Arith scalars = n.scalars(a.element);
  Tensor number =
      n.full(isMax ? scalars.lowest() : scalars.highest(), a.element, dims);
  Tensor place = n.zeros(OnnxType::Int64, dims);
  if (n.failed())
    return;
  auto op = linalg::ReduceOp::create(
      n.builder(), n.loc(), ValueRange{a.value, places.value},
      ValueRange{number.value, place.value}, axis,
      [&](OpBuilder &b, Location loc, ValueRange x) {
        Arith f(b, loc, a.element);
        Value better = isMax ? f.less(x[2], x[0]) : f.less(x[0], x[2]);
        if (last) // an equal number later
          better = f.of(OnnxType::Bool).bitOr(better, f.equal(x[0], x[2]));
        Value most = f.select(better, x[0], x[2]);
        Value where = f.select(better, x[1], x[3]);
        linalg::YieldOp::create(b, loc, ValueRange{most, where});
      });
  Tensor result = n.make(op->getResult(1), OnnxType::Int64, dims);
  n.set(0, keep ? n.unsqueeze(result, axis) : result);
}

ArrayRef<OnnxOp> lqc::reductionOps() {
  static const OnnxOp kOps[] = {
      {"ReduceSum", {1, 11, 13}, 1, 2, build<kSum, 13>},
      {"ReduceMean", {1, 11, 13, 18}, 1, 2, build<kMean>},
      {"ReduceProd", {1, 11, 13, 18}, 1, 2, build<kProduct>},
      {"ReduceMax", {1, 11, 12, 13, 18, 20}, 1, 2, build<kMax>},
      {"ReduceMin", {1, 11, 12, 13, 18, 20}, 1, 2, build<kMin>},
      {"ReduceL1", {1, 11, 13, 18}, 1, 2, build<kL1>},
      {"ReduceL2", {1, 11, 13, 18}, 1, 2, build<kL2>},
      {"ReduceSumSquare", {1, 11, 13, 18}, 1, 2, build<kSumSquare>},
      {"ReduceLogSum", {1, 11, 13, 18}, 1, 2, build<kLogSum>},
      {"ReduceLogSumExp",
       {1, 11, 13, 18},
       1,
       2,
       buildLogSumExp,
       "axes must be constant"},
      {"ArgMax", {1, 11, 12, 13}, 1, 1, buildArg<true>},
      {"ArgMin", {1, 11, 12, 13}, 1, 1, buildArg<false>},
  };
  return kOps;
}
