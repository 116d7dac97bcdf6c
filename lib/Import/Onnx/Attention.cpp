//===- Attention.cpp - attention and rotary positions ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// (batch, heads, tokens, size) of (batch, tokens, heads * size).
static Tensor splitHeads(NodeBuilder &n, const Tensor &a, int64_t heads) {
  SizeMath &s = n.sizes();
  n.require(heads > 0, "the number of heads must be given for 3 dimensions");
  if (n.failed())
    return a;
  Size count = s.constant(heads);
  Tensor split =
      n.reshape(a, {a.dims[0], a.dims[1], count, s.div(a.dims[2], count)});
  return n.failed() ? a : n.transpose(split, {0, 2, 1, 3});
}

static Tensor joinHeads(NodeBuilder &n, const Tensor &a) {
  if (n.failed())
    return a;
  Tensor moved = n.transpose(a, {0, 2, 1, 3});
  return n.reshape(moved, {moved.dims[0], moved.dims[1],
                           n.sizes().mul(moved.dims[2], moved.dims[3])});
}

//===----------------------------------------------------------------------===//
// RotaryEmbedding
//===----------------------------------------------------------------------===//

/// Turns pairs of numbers: the two halves of the first `size` numbers of each
/// head, or neighbours. Angles are tables (positions, pairs) looked up by
/// position_ids, or (batch, tokens, pairs).
static void buildRotaryEmbedding(NodeBuilder &n) {
  Tensor given = n.input(0), cosines = n.input(1), sines = n.input(2);
  SizeMath &s = n.sizes();
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
  std::optional<int64_t> pairs = knownSize(cosines.dims.back());
  std::optional<int64_t> size = knownSize(a.dims[3]);
  n.require(pairs && size && 2 * *pairs <= *size,
            "the sizes of heads and tables must be known and fit");
  if (n.failed())
    return;
  Tensor places;
  if (isLookedUp) {
    n.requireRank(n.raw(3), 2, "position_ids");
    if (n.failed())
      return;
    n.requireEqual(n.raw(3).dims[0], a.dims[0], "the batches");
    n.requireEqual(n.raw(3).dims[1], a.dims[2], "the numbers of tokens");
    places = n.checkedIndices(n.raw(3), cosines.dims[0]);
  } else {
    n.requireEqual(cosines.dims[0], a.dims[0], "the batches");
    n.requireEqual(cosines.dims[1], a.dims[2], "the numbers of tokens");
  }
  n.requireEqual(sines.dims.back(), cosines.dims.back(), "the tables' sizes");
  n.requireEqual(sines.dims[0], cosines.dims[0], "the tables' sizes");
  bool isInterleaved = n.integer("interleaved", 0);
  if (n.failed())
    return;
  Tensor turned = n.compute(a.dims, a.element, [&](const Arith &f, Numbers at) {
    Arith whole = f.of(OnnxType::Int64);
    Value place = whole.fromIndex(at[3]), count = whole.integer(*pairs);
    Value isTurned = whole.less(place, whole.integer(2 * *pairs));
    // The number's pair, and whether it is the second of it.
    Value pair = isInterleaved ? whole.div(place, whole.integer(2))
                               : whole.mod(place, count, /*fmod=*/true);
    Value isSecond = isInterleaved
                         ? whole.equal(whole.mod(place, whole.integer(2), true),
                                       whole.integer(1))
                         : whole.lessOrEqual(count, place);
    Value step = whole.integer(isInterleaved ? 1 : *pairs);
    Value partner =
        whole.select(isSecond, whole.sub(place, step), whole.add(place, step));
    Value last = s.value(a.dims[3]);
    SmallVector<Value> from(at);
    from[3] = n.normalized(f, whole.toIndex(partner), last);
    SmallVector<Value> angle = {at[0], at[2]};
    if (isLookedUp)
      angle = {n.normalized(f, whole.toIndex(n.load(f, places, {at[0], at[2]})),
                            s.value(cosines.dims[0]))};
    angle.push_back(
        n.normalized(f, whole.toIndex(pair), s.value(cosines.dims.back())));
    Value own = n.load(f, a, at), other = n.load(f, a, from);
    Value sine = f.mul(other, n.load(f, sines, angle));
    Value result = f.add(f.mul(own, n.load(f, cosines, angle)),
                         f.select(isSecond, sine, f.neg(sine)));
    return f.select(isTurned, result, own);
  });
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

/// Scores with -inf where a query must not look.
static Tensor masked(NodeBuilder &n, Tensor scores, Size past) {
  SizeMath &s = n.sizes();
  if (n.has(3)) {
    Tensor mask = n.input(3);
    if (mask.element == OnnxType::Bool)
      scores =
          n.map({mask, scores}, scores.element, [&](const Arith &f, Numbers x) {
            Arith g = f.of(scores.element);
            return g.select(x[0], x[1], g.lowest());
          });
    else
      scores = n.add(scores, mask);
  }
  if (!n.integer("is_causal", 0) || n.failed())
    return scores;
  Tensor a = n.built(scores);
  return n.compute(a.dims, a.element, [&](const Arith &f, Numbers at) {
    Value seen = s.value(s.add(at[2], past));
    Value isHidden = arith::CmpIOp::create(
        f.builder(), f.location(), arith::CmpIPredicate::sgt, at[3], seen);
    return f.select(isHidden, f.lowest(), n.load(f, a, at));
  });
}

static void buildAttention(NodeBuilder &n) {
  SizeMath &s = n.sizes();
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
  Size past = s.constant(0);
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
  std::optional<int64_t> size = knownSize(q.dims[3]);
  if (!size && !n.hasAttribute("scale"))
    return n.fail("scale must be given where the size of heads is dynamic");
  double scale = n.real("scale", size ? 1 / std::sqrt(double(*size)) : 1);
  k = repeatHeads(n, k, q.dims[1]);
  v = repeatHeads(n, v, q.dims[1]);
  if (n.failed())
    return;
  Tensor scaled = n.mul(q, n.scalar(scale, q.element));
  Tensor scores = n.matmul(scaled, n.transpose(k, {0, 1, 3, 2}));
  double cap = n.real("softcap", 0);
  if (n.failed())
    return;
  scores = masked(n, scores, past);
  if (cap > 0)
    scores =
        n.elementwise(scores, scores.element, [&](const Arith &f, Numbers x) {
          Value part = f.div(x[0], f.constant(cap));
          return f.mul(f.constant(cap), f.tanh(part));
        });
  Tensor weights = n.softmax(scores, 3);
  Tensor result = n.matmul(weights, v);
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
