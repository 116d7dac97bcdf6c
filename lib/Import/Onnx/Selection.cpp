//===- Selection.cpp - operators that pick elements by their values -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// How many elements of a bool tensor are true.
static Size countTrue(NodeBuilder &n, const Tensor &flags) {
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, flags.rank()));
  Tensor count = n.sum(n.cast(flags, OnnxType::Int64), all, /*keep=*/false);
  Arith f = n.scalars(OnnxType::Int64);
  return Value(f.toIndex(n.extract(count)));
}

/// The indices of the true elements in row-major order: (rank, count).
static Tensor placesOfTrue(NodeBuilder &n, const Tensor &flags) {
  SizeMath &s = n.sizes();
  Sizes dims = {s.constant(flags.rank()), countTrue(n, flags)};
  Value zero = s.value(s.constant(0));
  Value space = n.zeros(OnnxType::Int64, dims).value;
  if (n.failed())
    return flags;
  Arith f = n.scalars(OnnxType::Int64);
  auto body = [&](Numbers at, Numbers carried) {
    Value isTrue = n.load(f, flags, at);
    return n.branch(isTrue, carried, [&] {
      Value space = carried[0];
      for (auto [d, index] : llvm::enumerate(at)) {
        Value row = s.value(s.constant(int64_t(d)));
        space =
            tensor::InsertOp::create(n.builder(), n.loc(), f.fromIndex(index),
                                     space, ValueRange{row, carried[1]});
      }
      Value next = s.value(s.add(carried[1], s.constant(1)));
      return SmallVector<Value>{space, next};
    });
  };
  Value result = n.loops(flags.dims, {space, zero}, body)[0];
  return n.make(result, OnnxType::Int64, dims);
}

static void buildNonZero(NodeBuilder &n) {
  Tensor a = n.input(0);
  if (a.rank() == 0)
    a = n.reshape(a, n.sizes().constant(1));
  Tensor flags = n.built(n.cast(a, OnnxType::Bool));
  if (!n.failed())
    n.set(0, placesOfTrue(n, flags));
}

/// Parts of `a` along `axis` at these places (int64, one dimension, valid).
static Tensor takeParts(NodeBuilder &n, const Tensor &a, int64_t axis,
                        const Tensor &places) {
  Sizes dims = a.dims;
  dims[axis] = places.dims[0];
  return n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at);
    Value place = f.of(OnnxType::Int64).toIndex(n.load(f, places, at[axis]));
    from[axis] = n.normalized(f, place, n.sizes().value(a.dims[axis]));
    return n.load(f, a, from);
  });
}

static void buildCompress(NodeBuilder &n) {
  Tensor a = n.input(0), condition = n.input(1);
  n.requireRank(condition, 1, "the condition");
  n.require(condition.element == OnnxType::Bool, "the condition must be bool");
  bool isFlat = !n.hasAttribute("axis");
  if (isFlat)
    a = n.reshape(a, n.sizes().product(a.dims));
  int64_t axis = isFlat ? 0 : n.axis(n.integer("axis", 0), a.rank());
  if (n.failed())
    return;
  Tensor places = placesOfTrue(n, condition);
  if (n.failed())
    return;
  Tensor list = n.checkedIndices(n.squeeze(places, int64_t(0)), a.dims[axis]);
  n.set(0, takeParts(n, a, axis, list));
}

//===----------------------------------------------------------------------===//
// TopK
//===----------------------------------------------------------------------===//

/// Counts the places along an axis for which `counts` is true.
static Value countAlong(NodeBuilder &n, Size size,
                        llvm::function_ref<Value(Value)> counts) {
  Arith whole = n.scalars(OnnxType::Int64);
  auto body = [&](Numbers at, Numbers carried) {
    Value more = whole.add(carried[0], whole.integer(1));
    return SmallVector<Value>{whole.select(counts(at[0]), more, carried[0])};
  };
  return n.loops(size, whole.integer(0), body)[0];
}

static void buildTopK(NodeBuilder &n) {
  Tensor a = n.input(0);
  SizeMath &s = n.sizes();
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  bool largest = n.integer("largest", 1);
  n.require(a.rank() > 0, "the input must not be a scalar");
  if (n.failed())
    return;
  Size k;
  if (n.version() < 10) {
    k = s.constant(n.requiredInteger("k"));
  } else {
    n.require(n.has(1), "k must be given");
    Sizes given = n.has(1) ? n.elements(1) : Sizes();
    n.require(given.size() == 1, "k must be a scalar");
    if (n.failed())
      return;
    k = n.checkedSize(given.front(), "k");
  }
  Size size = a.dims[axis];
  if (std::optional<int64_t> x = knownSize(k), y = knownSize(size); x && y)
    n.require(*x >= 0 && *x <= *y, "k must be at most the size of the axis");
  else
    n.check(arith::CmpIOp::create(n.builder(), n.loc(),
                                  arith::CmpIPredicate::sle, s.value(k),
                                  s.value(size)),
            "k must be at most the size of the axis");
  if (n.failed())
    return;
  // How many come before each element; of equals the first one does.
  Tensor ranks =
      n.compute(a.dims, OnnxType::Int64, [&](const Arith &whole, Numbers at) {
        Arith f = whole.of(a.element);
        Value own = n.load(f, a, at);
        return countAlong(n, size, [&](Value other) {
          SmallVector<Value> from(at);
          from[axis] = other;
          Value number = n.load(f, a, from);
          Value isBetter = largest ? f.less(own, number) : f.less(number, own);
          Value isBefore =
              whole.less(whole.fromIndex(other), whole.fromIndex(at[axis]));
          Arith truth = f.of(OnnxType::Bool);
          return truth.bitOr(isBetter,
                             truth.bitAnd(f.equal(number, own), isBefore));
        });
      });
  Sizes dims = a.dims;
  dims[axis] = k;
  // The element that `at[axis]` others come before.
  Tensor places =
      n.compute(dims, OnnxType::Int64, [&](const Arith &whole, Numbers at) {
        Value wanted = whole.fromIndex(at[axis]);
        auto body = [&](Numbers i, Numbers carried) {
          SmallVector<Value> from(at);
          from[axis] = i[0];
          Value isIt = whole.equal(n.load(whole, ranks, from), wanted);
          return SmallVector<Value>{
              whole.select(isIt, whole.fromIndex(i[0]), carried[0])};
        };
        return n.loops(size, whole.integer(0), body)[0];
      });
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from(at);
    from[axis] = f.of(OnnxType::Int64).toIndex(n.load(f, places, at));
    return n.load(f, a, from);
  }));
  n.set(1, places);
}

//===----------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------===//

/// -1, 0 or 1 (int64): the order of two rows of a matrix, by their first
/// numbers that differ.
static Value compareRows(NodeBuilder &n, const Tensor &rows, Value x, Value y) {
  Arith whole = n.scalars(OnnxType::Int64), f = whole.of(rows.element);
  auto body = [&](Numbers at, Numbers carried) {
    Value left = n.load(f, rows, {x, at[0]});
    Value right = n.load(f, rows, {y, at[0]});
    Value order = f.select(
        f.less(left, right), whole.integer(-1),
        f.select(f.less(right, left), whole.integer(1), whole.integer(0)));
    Value isOpen = whole.equal(carried[0], whole.integer(0));
    return SmallVector<Value>{whole.select(isOpen, order, carried[0])};
  };
  return n.loops(rows.dims[1], whole.integer(0), body)[0];
}

/// Rows of a matrix, by their first occurrences.
static void buildUnique(NodeBuilder &n) {
  Tensor a = n.input(0);
  SizeMath &s = n.sizes();
  bool isSorted = n.integer("sorted", 1), isFlat = !n.hasAttribute("axis");
  int64_t axis = isFlat ? 0 : n.axis(n.integer("axis", 0), a.rank());
  if (n.failed())
    return;
  Tensor rows;
  Sizes moved = a.dims;
  SmallVector<int64_t> toFront = {axis};
  for (int64_t d = 0; d < a.rank(); ++d)
    if (d != axis)
      toFront.push_back(d);
  if (isFlat)
    rows = n.reshape(a, {s.product(a.dims), s.constant(1)});
  else
    rows = n.flatten(n.transpose(a, toFront), 1);
  if (n.failed())
    return;
  Size count = rows.dims[0];
  Arith whole = n.scalars(OnnxType::Int64);
  Arith truth = whole.of(OnnxType::Bool);
  auto isEqual = [&](Value x, Value y) {
    return whole.equal(compareRows(n, rows, x, y), whole.integer(0));
  };
  auto isBefore = [&](Value x, Value y) {
    return whole.less(whole.fromIndex(x), whole.fromIndex(y));
  };
  Tensor isFirst =
      n.compute(count, OnnxType::Bool, [&](const Arith &, Numbers at) {
        Value earlier = countAlong(n, count, [&](Value j) {
          return truth.bitAnd(isBefore(j, at[0]), isEqual(j, at[0]));
        });
        return whole.equal(earlier, whole.integer(0));
      });
  // The place of each row's value among the unique ones.
  Tensor inverse =
      n.compute(count, OnnxType::Int64, [&](const Arith &, Numbers at) {
        // Not sorted: the order of first occurrences.
        auto occurrence = [&](Value row) {
          auto body = [&](Numbers j, Numbers carried) {
            Value isHere =
                truth.bitAnd(n.load(whole, isFirst, j[0]), isEqual(j[0], row));
            return SmallVector<Value>{
                whole.select(isHere, whole.fromIndex(j[0]), carried[0])};
          };
          return n.loops(count, whole.integer(0), body)[0];
        };
        Value own = isSorted ? Value() : occurrence(at[0]);
        return countAlong(n, count, [&](Value j) {
          Value comes = isSorted ? whole.less(compareRows(n, rows, j, at[0]),
                                              whole.integer(0))
                                 : whole.less(whole.fromIndex(j), own);
          return truth.bitAnd(n.load(whole, isFirst, j), comes);
        });
      });
  Size unique = countTrue(n, isFirst);
  Tensor places =
      n.compute(unique, OnnxType::Int64, [&](const Arith &, Numbers at) {
        auto body = [&](Numbers j, Numbers carried) {
          Value isIt = truth.bitAnd(n.load(whole, isFirst, j[0]),
                                    whole.equal(n.load(whole, inverse, j[0]),
                                                whole.fromIndex(at[0])));
          return SmallVector<Value>{
              whole.select(isIt, whole.fromIndex(j[0]), carried[0])};
        };
        return n.loops(count, whole.integer(0), body)[0];
      });
  Tensor picked = isFlat ? n.reshape(a, count) : a;
  n.set(0, takeParts(n, picked, axis, places));
  n.set(1, places);
  n.set(2, inverse);
  n.set(3, n.compute(unique, OnnxType::Int64, [&](const Arith &, Numbers at) {
    return countAlong(n, count, [&](Value j) {
      return whole.equal(n.load(whole, inverse, j), whole.fromIndex(at[0]));
    });
  }));
}

ArrayRef<OnnxOp> lqc::selectionOps() {
  static const OnnxOp kOps[] = {
      {"NonZero", {9, 13}, 1, 1, buildNonZero},
      {"Compress", {9, 11}, 2, 2, buildCompress},
      {"TopK", {1, 10, 11}, 1, 2, buildTopK, "always sorted"},
      {"Unique", {11}, 1, 1, buildUnique},
  };
  return kOps;
}
