//===- Attention.cpp - attention and rotary positions ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"
#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lib/Import/Onnx/RotaryTables.h"
#include "lib/Import/Onnx/Stored.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

Tensor lqc::splitHeads(NodeBuilder &n, const Tensor &a, int64_t heads) {
  SizeMath &s = n.sizes();
  n.require(heads > 0, "the number of heads must be given for 3 dimensions");
  if (n.failed())
    return a;
  Size count = s.constant(heads);
  Tensor split =
      n.reshape(a, {a.dims[0], a.dims[1], count, s.div(a.dims[2], count)});
  return n.failed() ? a : n.transpose(split, {0, 2, 1, 3});
}

Tensor lqc::joinHeads(NodeBuilder &n, const Tensor &a) {
  if (n.failed())
    return a;
  Tensor moved = n.transpose(a, {0, 2, 1, 3});
  return n.reshape(moved, {moved.dims[0], moved.dims[1],
                           n.sizes().mul(moved.dims[2], moved.dims[3])});
}

//===----------------------------------------------------------------------===//
// Rotary positions
//===----------------------------------------------------------------------===//

/// The frequencies of stored tables, if they are ones of angles.
static std::optional<std::vector<float>>
storedFrequencies(NodeBuilder &n, const Tensor &cosines, const Tensor &sines) {
  if (!cosines.stored || !sines.stored || cosines.element != OnnxType::Float ||
      sines.element != OnnxType::Float)
    return std::nullopt;
  GraphImporter &importer = n.graphImporter();
  auto numbers = [&](const Tensor &table) {
    const StoredTensor &stored = importer.storedTensor(*table.stored);
    return ArrayRef(reinterpret_cast<const char *>(stored.bytes.data()),
                    stored.bytes.size());
  };
  return frequenciesOfTables(numbers(cosines), numbers(sines),
                             *knownSize(cosines.dims[1]));
}

RotaryAngles lqc::lookUpAngles(NodeBuilder &n, const Tensor &cosines,
                               const Tensor &sines, const Tensor &places) {
  auto frequencies = storedFrequencies(n, cosines, sines);
  if (!frequencies)
    return {lookUpRows(n, n.built(cosines), places),
            lookUpRows(n, n.built(sines), places)};
  RankedTensorType type = RankedTensorType::get(int64_t(frequencies->size()),
                                                n.builder().getF32Type());
  Value constant = arith::ConstantOp::create(
      n.builder(), n.loc(),
      DenseElementsAttr::get(type, ArrayRef<float>(*frequencies)));
  Tensor positions = n.unsqueeze(n.cast(places, OnnxType::Float), {2});
  Tensor angles = n.mul(positions, n.make(constant, OnnxType::Float));
  auto apply = [&](Value (Arith::*function)(Value) const) {
    return n.elementwise(
        angles, OnnxType::Float,
        [&](const Arith &f, Numbers x) { return (f.*function)(x[0]); });
  };
  return {apply(&Arith::cos), apply(&Arith::sin)};
}

static Tensor negated(NodeBuilder &n, const Tensor &a) {
  return n.elementwise(a, a.element,
                       [](const Arith &f, Numbers x) { return f.neg(x[0]); });
}

/// The same for all heads.
static Tensor forHeads(NodeBuilder &n, const Tensor &table) {
  return n.unsqueeze(table, {1});
}

/// x cos + rotated(x) sin, with rotated(x) the halves swapped and the new first
/// one negated.
static Tensor rotateHalves(NodeBuilder &n, const Tensor &a,
                           const RotaryAngles &angles) {
  SizeMath &s = n.sizes();
  Size half = angles.cosines.dims[2];
  auto twice = [&](const Tensor &table) {
    return forHeads(n, n.concat({table, table}, 2));
  };
  Tensor low = n.sliceAxis(a, 3, s.constant(0), half);
  Tensor high = n.sliceAxis(a, 3, half, half);
  Tensor rotated = n.concat({negated(n, high), low}, 3);
  return n.add(n.mul(a, twice(angles.cosines)),
               n.mul(rotated, twice(angles.sines)));
}

/// The same of neighbours.
static Tensor rotateNeighbours(NodeBuilder &n, const Tensor &a,
                               const RotaryAngles &angles) {
  SizeMath &s = n.sizes();
  Sizes dims = a.dims;
  dims.back() = angles.cosines.dims[2];
  dims.push_back(s.constant(2));
  Tensor pairs = n.reshape(a, dims);
  auto member = [&](int64_t index) {
    return n.squeeze(n.sliceAxis(pairs, 4, s.constant(index), s.constant(1)),
                     {4});
  };
  if (n.failed())
    return a;
  Tensor first = member(0), second = member(1);
  Tensor cosines = forHeads(n, angles.cosines),
         sines = forHeads(n, angles.sines);
  Tensor x = n.sub(n.mul(first, cosines), n.mul(second, sines));
  Tensor y = n.add(n.mul(first, sines), n.mul(second, cosines));
  return n.reshape(n.concat({n.unsqueeze(x, {4}), n.unsqueeze(y, {4})}, 4),
                   a.dims);
}

Tensor lqc::rotate(NodeBuilder &n, const Tensor &a, const RotaryAngles &angles,
                   bool isInterleaved) {
  std::optional<int64_t> pairs = knownSize(angles.cosines.dims.back());
  std::optional<int64_t> size = knownSize(a.dims.back());
  n.require(pairs && size && 2 * *pairs <= *size,
            "the sizes of heads and tables must be known and fit");
  if (n.failed())
    return a;
  SizeMath &s = n.sizes();
  Size turned = s.constant(2 * *pairs);
  RotaryAngles own = {n.cast(angles.cosines, a.element),
                      n.cast(angles.sines, a.element)};
  Tensor part = n.sliceAxis(a, 3, s.constant(0), turned);
  if (2 * *pairs == *size)
    part = a;
  Tensor result = isInterleaved ? rotateNeighbours(n, part, own)
                                : rotateHalves(n, part, own);
  if (2 * *pairs == *size || n.failed())
    return result;
  Tensor rest = n.sliceAxis(a, 3, turned, s.constant(*size - 2 * *pairs));
  return n.concat({result, rest}, 3);
}

/// Angles are tables (positions, pairs) looked up by position_ids, or (batch,
/// tokens, pairs).
static void buildRotaryEmbedding(NodeBuilder &n) {
  Tensor given = n.input(0), cosines = n.raw(1), sines = n.raw(2);
  bool isFlat = given.rank() == 3;
  n.require(isFlat || given.rank() == 4,
            "the input must have 3 or 4 dimensions");
  n.requireFloat(given);
  n.requireSame(given, cosines);
  n.requireSame(given, sines);
  bool isLookedUp = n.has(3);
  for (const Tensor &table : {cosines, sines})
    n.requireRank(table, isLookedUp ? 2 : 3, "the tables of angles");
  if (n.failed())
    return;
  Tensor a =
      n.built(isFlat ? splitHeads(n, given, n.integer("num_heads", 0)) : given);
  if (n.failed())
    return;
  n.requireEqual(sines.dims.back(), cosines.dims.back(), "the tables' sizes");
  n.requireEqual(sines.dims[0], cosines.dims[0], "the tables' sizes");
  RotaryAngles angles = {cosines, sines};
  if (isLookedUp) {
    n.requireRank(n.raw(3), 2, "position_ids");
    if (n.failed())
      return;
    n.requireEqual(n.raw(3).dims[0], a.dims[0], "the batches");
    n.requireEqual(n.raw(3).dims[1], a.dims[2], "the numbers of tokens");
    Tensor places = n.checkedIndices(n.raw(3), cosines.dims[0]);
    if (n.failed())
      return;
    angles = lookUpAngles(n, cosines, sines, places);
  } else {
    n.requireEqual(cosines.dims[0], a.dims[0], "the batches");
    n.requireEqual(cosines.dims[1], a.dims[2], "the numbers of tokens");
  }
  if (n.failed())
    return;
  Tensor turned = rotate(n, a, angles, n.integer("interleaved", 0));
  n.set(0, isFlat ? joinHeads(n, turned) : turned);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Each key or value head once for each query head that reads it.
static Tensor repeatHeads(NodeBuilder &n, const Tensor &a, Size heads) {
  if (isSameSize(a.dims[1], heads))
    return a;
  SizeMath &s = n.sizes();
  Size group = s.div(heads, a.dims[1]);
  n.requireEqual(s.mul(group, a.dims[1]), heads,
                 "the query heads and a multiple of the key heads");
  if (n.failed())
    return a;
  Sizes dims = {a.dims[0], a.dims[1], group, a.dims[2], a.dims[3]};
  Tensor wide = n.broadcast(n.unsqueeze(a, {2}), dims);
  return n.reshape(wide, {a.dims[0], heads, a.dims[2], a.dims[3]});
}

Tensor lqc::causalMask(NodeBuilder &n, Size queries, Size keys, Size past,
                       int64_t window) {
  SizeMath &s = n.sizes();
  return n.compute(
      {queries, keys}, OnnxType::Bool, [&](const Arith &f, Numbers at) {
        OpBuilder &b = f.builder();
        Value own = s.value(s.add(at[0], past));
        Value isSeen = arith::CmpIOp::create(
            b, f.location(), arith::CmpIPredicate::sle, at[1], own);
        if (window < 0)
          return isSeen;
        Value first = s.value(s.sub(own, s.constant(window - 1)));
        Value isNear = arith::CmpIOp::create(
            b, f.location(), arith::CmpIPredicate::sge, at[1], first);
        return f.bitAnd(isSeen, isNear);
      });
}

Tensor lqc::hide(NodeBuilder &n, const Tensor &mask, const Tensor &scores) {
  OnnxType kind = scores.element;
  Tensor lowest = n.scalar(-INFINITY, kind);
  return n.elementwise(
      {mask, scores, lowest}, kind,
      [](const Arith &f, Numbers x) { return f.select(x[0], x[1], x[2]); });
}

Tensor lqc::capped(NodeBuilder &n, const Tensor &scores, double cap) {
  if (cap <= 0)
    return scores;
  return n.elementwise(scores, scores.element, [&](const Arith &f, Numbers x) {
    Value part = f.div(x[0], f.constant(cap));
    return f.mul(f.constant(cap), f.tanh(part));
  });
}

Tensor lqc::attentionScores(NodeBuilder &n, const Tensor &q, const Tensor &k,
                            double scale) {
  Tensor keys = repeatHeads(n, k, q.dims[1]);
  if (n.failed())
    return q;
  Tensor scaled = n.mul(q, n.scalar(scale, q.element));
  return n.matmul(scaled, n.transpose(keys, {0, 1, 3, 2}));
}

Tensor lqc::mixValues(NodeBuilder &n, const Tensor &weights, const Tensor &v) {
  Tensor values = repeatHeads(n, v, weights.dims[1]);
  return n.failed() ? weights : n.matmul(weights, values);
}

/// The attribute `scale`, or 1 / sqrt(size of a head).
static double attentionScale(NodeBuilder &n, const Tensor &q) {
  std::optional<int64_t> size = knownSize(q.dims[3]);
  if (!size && !n.hasAttribute("scale"))
    n.fail("scale must be given where the size of heads is dynamic");
  return n.real("scale", size ? 1 / std::sqrt(double(*size)) : 1);
}

/// Scores as the mask and is_causal change them.
static Tensor masked(NodeBuilder &n, Tensor scores, Size past) {
  if (n.has(3)) {
    Tensor mask = n.input(3);
    scores = mask.element == OnnxType::Bool ? hide(n, mask, scores)
                                            : n.add(scores, mask);
  }
  if (!n.integer("is_causal", 0) || n.failed())
    return scores;
  return hide(
      n, causalMask(n, scores.dims[2], scores.dims[3], past, /*window=*/-1),
      scores);
}

static void buildAttention(NodeBuilder &n) {
  Tensor q = n.input(0), k = n.input(1), v = n.input(2);
  bool isFlat = q.rank() == 3;
  for (const Tensor &tensor : {q, k, v}) {
    n.requireRank(tensor, isFlat ? 3 : 4, "Q, K and V");
    n.requireSame(q, tensor);
  }
  n.requireFloat(q);
  n.require(!n.wants(3), "the scores are not given");
  if (n.failed())
    return;
  if (isFlat) {
    q = splitHeads(n, q, n.integer("q_num_heads", 0));
    k = splitHeads(n, k, n.integer("kv_num_heads", 0));
    v = splitHeads(n, v, n.integer("kv_num_heads", 0));
  }
  Size past = n.sizes().constant(0);
  if (n.has(4) && n.has(5)) {
    n.requireRank(n.raw(4), 4, "past_key");
    n.requireRank(n.raw(5), 4, "past_value");
    if (n.failed())
      return;
    past = n.raw(4).dims[2];
    k = n.concat({n.input(4), k}, 2);
    v = n.concat({n.input(5), v}, 2);
  }
  if (n.failed())
    return;
  n.set(1, k);
  n.set(2, v);
  double scale = attentionScale(n, q);
  if (n.failed())
    return;
  Tensor scores = attentionScores(n, q, k, scale);
  if (n.failed())
    return;
  // In this operator the cap comes after the mask.
  scores = capped(n, masked(n, scores, past), n.real("softcap", 0));
  Tensor result = mixValues(n, n.softmax(scores, 3), v);
  n.set(0, isFlat ? joinHeads(n, result) : result);
}

ArrayRef<OnnxOp> lqc::attentionOps() {
  static const OnnxOp kOps[] = {
      {"RotaryEmbedding", {23}, 3, 4, buildRotaryEmbedding},
      {"Attention",
       {23},
       3,
       6,
       buildAttention,
       "no qk_matmul_output; with a past, causal queries see all of it"},
  };
  return kOps;
}
