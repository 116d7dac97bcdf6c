//===- Indexing.cpp - operators that look elements up ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lqc/Support/Error.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Sizes looked up by known indices stay sizes.
static std::optional<Tensor> gatherSizes(const Tensor &a,
                                         const Tensor &indices) {
  if (!a.elements || a.rank() != 1 || !indices.elements)
    return std::nullopt;
  int64_t count = int64_t(a.elements->size());
  Tensor result;
  result.element = a.element;
  result.dims = indices.dims;
  result.elements.emplace();
  for (Size index : *indices.elements) {
    std::optional<int64_t> known = knownSize(index);
    if (!known || *known < -count || *known >= count)
      return std::nullopt;
    result.elements->push_back(
        (*a.elements)[*known < 0 ? *known + count : *known]);
  }
  return result;
}

/// An element of checked int64 indices, as an index into a dimension.
static Value loadIndex(NodeBuilder &n, const Arith &f, const Tensor &indices,
                       Numbers at, Size size) {
  Value index = f.of(OnnxType::Int64).toIndex(n.load(f, indices, at));
  return n.normalized(f, index, n.sizes().value(size));
}

/// Parts of `source` along the axis.
static Tensor lookUp(NodeBuilder &n, const Tensor &source,
                     const Tensor &indices, int64_t axis) {
  Size size = source.dims[axis];
  Sizes dims(ArrayRef<Size>(source.dims).take_front(axis));
  dims.append(indices.dims);
  dims.append(source.dims.begin() + axis + 1, source.dims.end());
  return n.compute(dims, source.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at.take_front(axis));
    from.push_back(
        loadIndex(n, f, indices, at.slice(axis, indices.rank()), size));
    llvm::append_range(from, at.drop_front(axis + indices.rank()));
    return n.load(f, source, from);
  });
}

Tensor lqc::lookUpRows(NodeBuilder &n, const Tensor &table,
                       const Tensor &indices) {
  return lookUp(n, n.built(table), indices, /*axis=*/0);
}

static void buildGather(NodeBuilder &n) {
  Tensor a = n.raw(0), given = n.raw(1);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  if (n.failed())
    return;
  if (std::optional<Tensor> folded = gatherSizes(a, given))
    return n.set(0, *folded);
  Size size = a.dims[axis];
  Tensor indices = n.checkedIndices(given, size);
  if (n.failed())
    return;
  if (indices.rank() == 0 && indices.elements) { // one known place
    Size place = indices.elements->front();
    if (std::optional<int64_t> known = knownSize(place)) {
      Size offset = *known < 0 ? n.sizes().add(size, place) : place;
      Tensor part = n.sliceAxis(a, axis, offset, n.sizes().constant(1));
      return n.set(0, n.squeeze(part, axis));
    }
  }
  n.set(0, lookUp(n, n.input(0), indices, axis));
}

/// `indices` must fit into `a` in all dimensions but the axis.
static void requireWithin(NodeBuilder &n, const Tensor &a,
                          const Tensor &indices, int64_t axis) {
  n.requireRank(indices, a.rank(), "indices");
  if (n.failed())
    return;
  for (int64_t d = 0; d < a.rank(); ++d) {
    if (d == axis)
      continue;
    std::optional<int64_t> x = knownSize(indices.dims[d]),
                           y = knownSize(a.dims[d]);
    if (x && y) {
      n.require(*x <= *y, "indices must not be larger than the data beside "
                          "the axis");
      continue;
    }
    if (isSameSize(indices.dims[d], a.dims[d]))
      continue;
    Value fits = arith::CmpIOp::create(
        n.builder(), n.loc(), arith::CmpIPredicate::sle,
        n.sizes().value(indices.dims[d]), n.sizes().value(a.dims[d]));
    n.check(fits, "indices must not be larger than the data beside the axis");
  }
}

static void buildGatherElements(NodeBuilder &n) {
  Tensor a = n.input(0), given = n.raw(1);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  requireWithin(n, a, given, axis);
  if (n.failed())
    return;
  Tensor indices = n.checkedIndices(given, a.dims[axis]);
  n.set(0, n.compute(indices.dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at);
    from[axis] = loadIndex(n, f, indices, at, a.dims[axis]);
    return n.load(f, a, from);
  }));
}

/// Tuples of indices: each of their places is checked against its dimension.
static Tensor checkedTuples(NodeBuilder &n, const Tensor &given,
                            ArrayRef<Size> dims) {
  n.require(isInteger(given.element), "indices must be integers");
  if (n.failed())
    return given;
  int64_t last = given.rank() - 1;
  Tensor indices = n.built(n.cast(n.built(given), OnnxType::Int64));
  SizeMath &s = n.sizes();
  for (auto [i, dim] : llvm::enumerate(dims)) {
    Tensor column =
        n.sliceAxis(indices, last, s.constant(int64_t(i)), s.constant(1));
    n.checkedIndices(column, dim);
  }
  return indices;
}

static void buildGatherND(NodeBuilder &n) {
  Tensor a = n.input(0), given = n.raw(1);
  int64_t batch = n.integer("batch_dims", 0);
  n.require(given.rank() >= 1 && a.rank() >= 1,
            "data and indices must not be scalars");
  if (n.failed())
    return;
  std::optional<int64_t> width = knownSize(given.dims.back());
  n.require(batch >= 0 && batch < std::min(a.rank(), given.rank()),
            "batch_dims must be less than the dimensions");
  n.require(width && *width >= 1 && *width <= a.rank() - batch,
            "the last size of indices must be known and at most the "
            "dimensions of the data");
  if (n.failed())
    return;
  ArrayRef<Size> own = a.dims;
  for (int64_t d = 0; d < batch; ++d)
    n.requireEqual(own[d], given.dims[d], "batch sizes");
  Tensor indices = checkedTuples(n, given, own.slice(batch, *width));
  if (n.failed())
    return;
  Sizes dims(ArrayRef<Size>(indices.dims).drop_back());
  llvm::append_range(dims, own.drop_front(batch + *width));
  int64_t outer = indices.rank() - 1;
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at.take_front(batch));
    for (int64_t i = 0; i < *width; ++i) {
      SmallVector<Value> place(at.take_front(outer));
      place.push_back(n.sizes().value(n.sizes().constant(i)));
      from.push_back(loadIndex(n, f, indices, place, own[batch + i]));
    }
    llvm::append_range(from, at.drop_front(outer));
    return n.load(f, a, from);
  }));
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

namespace {
using Combine = Value (Arith::*)(Value, Value) const;
} // namespace

/// How an update meets what is there; null: it replaces it.
static std::optional<Combine> reduction(NodeBuilder &n) {
  std::string name = n.text("reduction", "none");
  if (name == "none")
    return Combine(nullptr);
  if (name == "add")
    return &Arith::add;
  if (name == "mul")
    return &Arith::mul;
  if (name == "max")
    return &Arith::max;
  if (name == "min")
    return &Arith::min;
  n.fail("reduction must be none, add, mul, max or min, got: {0}", quote(name));
  return std::nullopt;
}

/// Writes each element of `updates` to the place that `place` computes of its
/// indices, one after the other.
static Tensor
scatter(NodeBuilder &n, const Tensor &a, const Tensor &updates, Combine combine,
        llvm::function_ref<SmallVector<Value>(const Arith &, Numbers)> place) {
  if (n.failed())
    return a;
  Arith f = n.scalars(a.element);
  SmallVector<Value> results =
      n.loops(updates.dims, a.value, [&](Numbers at, Numbers carried) {
        SmallVector<Value> to = place(f, at);
        Value number = n.load(f, updates, at);
        if (combine) {
          Value old =
              tensor::ExtractOp::create(n.builder(), n.loc(), carried[0], to);
          number = (f.*combine)(old, number);
        }
        return SmallVector<Value>{tensor::InsertOp::create(
            n.builder(), n.loc(), number, carried[0], to)};
      });
  return n.make(results[0], a.element, a.dims);
}

static void buildScatterElements(NodeBuilder &n) {
  Tensor a = n.input(0), given = n.raw(1), updates = n.input(2);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  n.requireSame(a, updates);
  requireWithin(n, a, given, axis);
  n.requireRank(updates, given.rank(), "updates");
  std::optional<Combine> combine = reduction(n);
  if (n.failed())
    return;
  for (int64_t d = 0; d < given.rank(); ++d)
    n.requireEqual(given.dims[d], updates.dims[d],
                   "sizes of indices and updates");
  Tensor indices = n.checkedIndices(given, a.dims[axis]);
  n.set(0, scatter(n, a, updates, *combine, [&](const Arith &f, Numbers at) {
          SmallVector<Value> to(at);
          to[axis] = loadIndex(n, f, indices, at, a.dims[axis]);
          return to;
        }));
}

static void buildScatterND(NodeBuilder &n) {
  Tensor a = n.input(0), given = n.raw(1), updates = n.input(2);
  n.requireSame(a, updates);
  n.require(given.rank() >= 1, "indices must not be a scalar");
  std::optional<Combine> combine = reduction(n);
  if (n.failed())
    return;
  std::optional<int64_t> width = knownSize(given.dims.back());
  n.require(width && *width >= 1 && *width <= a.rank(),
            "the last size of indices must be known and at most the "
            "dimensions of the data");
  if (n.failed())
    return;
  int64_t outer = given.rank() - 1;
  n.requireRank(updates, outer + a.rank() - *width, "updates");
  if (n.failed())
    return;
  for (int64_t d = 0; d < updates.rank(); ++d)
    n.requireEqual(updates.dims[d],
                   d < outer ? given.dims[d] : a.dims[d - outer + *width],
                   "sizes of updates and of what they replace");
  Tensor indices =
      checkedTuples(n, given, ArrayRef<Size>(a.dims).take_front(*width));
  n.set(0, scatter(n, a, updates, *combine, [&](const Arith &f, Numbers at) {
          SmallVector<Value> to;
          for (int64_t i = 0; i < *width; ++i) {
            SmallVector<Value> place(at.take_front(outer));
            place.push_back(n.sizes().value(n.sizes().constant(i)));
            to.push_back(loadIndex(n, f, indices, place, a.dims[i]));
          }
          llvm::append_range(to, at.drop_front(outer));
          return to;
        }));
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

static void buildOneHot(NodeBuilder &n) {
  Tensor given = n.input(0), depth = n.raw(1), values = n.input(2);
  n.requireRank(values, 1, "values");
  int64_t axis = n.axis(n.integer("axis", -1), given.rank() + 1);
  if (n.failed())
    return;
  n.requireEqual(values.dims[0], n.sizes().constant(2), "values' size and 2");
  Size count;
  if (isFloat(depth.element)) {
    Tensor whole = n.cast(n.built(depth), OnnxType::Int64);
    count =
        getAsOpFoldResult(n.scalars(OnnxType::Int64).toIndex(n.extract(whole)));
  } else {
    Sizes elements = n.elements(1);
    if (elements.size() != 1)
      return n.fail("depth must be a scalar");
    count = elements.front();
  }
  count = n.checkedSize(count, "depth");
  Tensor indices = n.built(n.cast(given, OnnxType::Int64));
  Sizes dims = indices.dims;
  dims.insert(dims.begin() + axis, count);
  n.set(0, n.compute(dims, values.element, [&](const Arith &f, Numbers at) {
    SizeMath &s = n.sizes();
    SmallVector<Value> from(at);
    from.erase(from.begin() + axis);
    Arith whole = f.of(OnnxType::Int64);
    Value index = n.load(f, indices, from);
    Value size = whole.fromIndex(s.value(count));
    Value isNegative = whole.less(index, whole.integer(0));
    Value counted = whole.select(isNegative, whole.add(index, size), index);
    Value isOn = whole.equal(counted, whole.fromIndex(at[axis]));
    Value off = n.load(f, values, s.value(s.constant(0)));
    Value on = n.load(f, values, s.value(s.constant(1)));
    return f.select(isOn, on, off);
  }));
}

static void buildTrilu(NodeBuilder &n) {
  Tensor a = n.input(0);
  bool isUpper = n.integer("upper", 1);
  n.require(a.rank() >= 2, "the input must be matrices");
  Size k = n.sizes().constant(0);
  if (n.has(1)) {
    Sizes given = n.elements(1);
    if (given.size() != 1)
      return n.fail("k must be a scalar");
    k = given.front();
  }
  if (n.failed())
    return;
  n.set(0, n.compute(a.dims, a.element, [&](const Arith &f, Numbers at) {
    Arith whole = f.of(OnnxType::Int64);
    Value row = whole.fromIndex(at[a.rank() - 2]);
    Value column = whole.fromIndex(at[a.rank() - 1]);
    Value diagonal = whole.add(row, whole.fromIndex(n.sizes().value(k)));
    Value isKept = isUpper ? whole.lessOrEqual(diagonal, column)
                           : whole.lessOrEqual(column, diagonal);
    return f.select(isKept, n.load(f, a, at), f.constant(0));
  }));
}

/// Along an axis that may be read: each element looks at the one before it.
static void buildCumSum(NodeBuilder &n) {
  Tensor a = n.input(0);
  bool isExclusive = n.integer("exclusive", 0),
       isBackward = n.integer("reverse", 0);
  Sizes given = n.elements(1);
  if (given.size() != 1)
    n.fail("axis must be a scalar");
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Size axis = s.ifLess(given[0], s.constant(0),
                       s.add(given[0], s.constant(a.rank())), given[0]);
  Size isFine = s.ifLess(
      axis, s.constant(0), s.constant(0),
      s.ifLess(axis, s.constant(a.rank()), s.constant(1), s.constant(0)));
  n.requireEqual(isFine, s.constant(1), "whether the axis is there and true");
  Arith f = n.scalars(a.element);
  Value start = n.zeros(a.element, a.dims).value;
  auto body = [&](Numbers at, Numbers carried) {
    Value first = f.trueValue();
    SmallVector<Value> to, before;
    for (int64_t d = 0; d < a.rank(); ++d) {
      Size index = at[d], here = s.constant(d);
      if (isBackward)
        index = s.ifEqual(axis, here,
                          s.sub(s.sub(a.dims[d], s.constant(1)), at[d]), at[d]);
      // The one before; the first one looks at itself and adds nothing.
      Size step = s.ifEqual(axis, here, s.constant(1), s.constant(0));
      Size isFirst = s.ifEqual(axis, here, at[d], s.constant(1));
      Size shift = s.ifEqual(isFirst, s.constant(0), s.constant(0), step);
      Value starts =
          arith::CmpIOp::create(n.builder(), n.loc(), arith::CmpIPredicate::ne,
                                s.value(isFirst), s.value(s.constant(0)));
      first = f.of(OnnxType::Bool).bitAnd(first, starts);
      to.push_back(s.value(index));
      before.push_back(
          s.value(isBackward ? s.add(index, shift) : s.sub(index, shift)));
    }
    // `first` is now: there is an element before.
    Value sum =
        tensor::ExtractOp::create(n.builder(), n.loc(), carried[0], before);
    Value number = n.load(f, a, isExclusive ? before : to);
    Value next = isExclusive
                     ? f.select(first, f.add(sum, number), f.constant(0))
                     : f.add(number, f.select(first, sum, f.constant(0)));
    return SmallVector<Value>{
        tensor::InsertOp::create(n.builder(), n.loc(), next, carried[0], to)};
  };
  n.set(0, n.make(n.loops(a.dims, start, body)[0], a.element, a.dims));
}

static void buildReverseSequence(NodeBuilder &n) {
  Tensor a = n.input(0), lengths = n.input(1);
  int64_t time = n.axis(n.integer("time_axis", 0), a.rank());
  int64_t batch = n.axis(n.integer("batch_axis", 1), a.rank());
  n.requireRank(lengths, 1, "sequence_lens");
  n.require(isInteger(lengths.element), "sequence_lens must be integers");
  n.require(time != batch, "time_axis and batch_axis must differ");
  if (n.failed())
    return;
  n.requireEqual(lengths.dims[0], a.dims[batch],
                 "the size of the batch and of sequence_lens");
  Tensor ends = n.built(n.cast(lengths, OnnxType::Int64));
  n.set(0, n.compute(a.dims, a.element, [&](const Arith &f, Numbers at) {
    Arith whole = f.of(OnnxType::Int64);
    Value length = n.load(f, ends, at[batch]);
    Value step = whole.fromIndex(at[time]);
    Value mirrored = whole.sub(whole.sub(length, step), whole.integer(1));
    Value place = whole.select(whole.less(step, length), mirrored, step);
    SmallVector<Value> from(at);
    from[time] =
        n.normalized(f, whole.toIndex(place), n.sizes().value(a.dims[time]));
    return n.load(f, a, from);
  }));
}

ArrayRef<OnnxOp> lqc::indexingOps() {
  static const OnnxOp kOps[] = {
      {"Gather", {1, 11, 13}, 2, 2, buildGather},
      {"GatherElements", {11, 13}, 2, 2, buildGatherElements},
      {"GatherND", {11, 12, 13}, 2, 2, buildGatherND},
      {"Scatter", {9}, 3, 3, buildScatterElements},
      {"ScatterElements", {11, 13, 16, 18}, 3, 3, buildScatterElements},
      {"ScatterND", {11, 13, 16, 18}, 3, 3, buildScatterND},
      {"OneHot", {9, 11}, 3, 3, buildOneHot},
      {"Trilu", {14}, 1, 2, buildTrilu},
      {"Trilu", {1}, 1, 2, buildTrilu, "", kMicrosoft},
      {"CumSum", {11, 14}, 2, 2, buildCumSum},
      {"ReverseSequence", {10}, 2, 2, buildReverseSequence},
  };
  return kOps;
}
