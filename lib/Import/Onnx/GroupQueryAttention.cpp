//===- GroupQueryAttention.cpp - the attention of exported decoders -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The operator is told how many tokens each sequence of a batch has, so that
// they may differ in a buffer with room for more. Here past keys and values are
// as long as they say, and the new ones follow them: all sequences have one
// length, which the program checks.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/FusedAttention.h"
#include "lib/Import/Onnx/OpTable.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

namespace {
/// Inputs of GroupQueryAttention.
enum GroupQueryInput : unsigned {
  Query,
  Key,
  GivenValue,
  PastKey,
  PastValue,
  SequenceLengths,
  TotalLength,
  Cosines,
  Sines,
  Positions,
  Bias,
  Sink,
  KeyScale,
  ValueScale,
  QueryNorm,
  KeyNorm,
  QueryLengths,
};
} // namespace

/// Heads of queries, keys and values, given apart or as one input.
static Heads readGroupedHeads(NodeBuilder &n, int64_t heads, int64_t shared) {
  Tensor q = n.input(Query);
  n.requireFloat(q);
  n.requireRank(q, 3, "the query");
  std::optional<int64_t> columns =
      q.rank() == 3 ? knownSize(q.dims[2]) : std::nullopt;
  n.require(columns.has_value(), "the size of heads must be known");
  if (n.failed())
    return {q, q, q};
  Heads result = {q, q, q};
  if (n.has(Key) != n.has(GivenValue))
    n.fail("key and value must be given together");
  else if (n.has(Key)) {
    result.k = n.input(Key);
    result.v = n.input(GivenValue);
  } else {
    int64_t all = heads + 2 * shared;
    if (*columns % all != 0)
      n.fail("a packed query must hold {0} heads, got: {1} columns", all,
             *columns);
    int64_t size = *columns / all;
    if (!n.failed())
      result = splitColumns(n, q, {heads * size, shared * size, shared * size});
  }
  for (const Tensor &tensor : {result.k, result.v}) {
    n.requireRank(tensor, 3, "key and value");
    n.requireSame(q, tensor);
  }
  if (n.failed())
    return result;
  return {splitHeads(n, result.q, heads), splitHeads(n, result.k, shared),
          splitHeads(n, result.v, shared)};
}

/// Ends the program unless all sequences have as many tokens as the past and
/// the new ones; those of a first prompt may be shorter.
static void checkLengths(NodeBuilder &n, Size past, Size tokens) {
  const Tensor lengths = n.raw(SequenceLengths);
  n.require(isInteger(lengths.element), "seqlens_k must be integers");
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Arith whole = n.scalars(OnnxType::Int64);
  auto number = [&](Size size) {
    return n.rank0(whole.fromIndex(s.value(size)), OnnxType::Int64);
  };
  Size last = s.sub(s.add(past, tokens), s.constant(1));
  // The smallest that is allowed: as long as the others, or 1 token.
  Size least = s.ifEqual(past, s.constant(0), s.constant(0), last);
  Tensor isRight =
      n.map({n.cast(n.input(SequenceLengths), OnnxType::Int64), number(least),
             number(last)},
            OnnxType::Bool, [](const Arith &f, Numbers x) {
              return f.of(OnnxType::Bool)
                  .bitAnd(f.lessOrEqual(x[1], x[0]), f.lessOrEqual(x[0], x[2]));
            });
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, isRight.rank()));
  Tensor every = n.reduce(
      isRight, all, /*keep=*/false, [](const Arith &f) { return f.integer(1); },
      [](const Arith &f, Numbers x) { return f.bitAnd(x[0], x[1]); });
  n.check(n.extract(every), "seqlens_k must be the past and new tokens less 1, "
                            "the same for all sequences");
}

/// Queries and keys turned by their positions: those given, or those that
/// follow the past.
static void turnHeads(NodeBuilder &n, Heads &heads, Size past) {
  if (!n.integer("do_rotary", 0) || n.failed() ||
      !checkTables(n, Cosines, heads.q))
    return;
  Size batch = heads.q.dims[0], tokens = heads.q.dims[2];
  Size positions = n.raw(Cosines).dims[0];
  Tensor places =
      n.has(Positions)
          ? readPlaces(n, Positions, batch, tokens, positions)
          : n.checkedIndices(placesFrom(n, batch, tokens, past), positions);
  if (n.failed())
    return;
  RotaryAngles angles = lookUpAngles(n, n.raw(Cosines), n.raw(Sines), places);
  bool isInterleaved = n.integer("rotary_interleaved", 0);
  heads.q = rotate(n, heads.q, angles, isInterleaved);
  heads.k = rotate(n, heads.k, angles, isInterleaved);
}

/// RMS norms of each head of queries and keys.
static void normHeads(NodeBuilder &n, Heads &heads) {
  if (!n.has(QueryNorm) && !n.has(KeyNorm))
    return;
  double epsilon = n.real("qk_norm_epsilon", 1e-6);
  heads.q = rmsNorm(n, heads.q, 3, n.real("q_norm_epsilon", epsilon),
                    n.input(QueryNorm));
  heads.k = rmsNorm(n, heads.k, 3, n.real("k_norm_epsilon", epsilon),
                    n.input(KeyNorm));
}

/// Softmax with another score in the sum: one of each head, or 0.
static Tensor sinkingSoftmax(NodeBuilder &n, const Tensor &scores) {
  if (!n.has(Sink) && n.integer("smooth_softmax", -1) != 1)
    return n.softmax(scores, 3);
  Sizes dims = scores.dims;
  dims[3] = n.sizes().constant(1);
  Tensor sinks = n.scalar(0, scores.element);
  if (n.has(Sink)) {
    n.requireRank(n.raw(Sink), 1, "head_sink");
    sinks = n.cast(n.input(Sink), scores.element);
    if (n.failed())
      return scores;
    sinks = n.unsqueeze(sinks, {1, 2});
  }
  Tensor all = n.concat({scores, n.broadcast(sinks, dims)}, 3);
  if (n.failed())
    return scores;
  return n.sliceAxis(n.softmax(all, 3), 3, n.sizes().constant(0),
                     scores.dims[3]);
}

static bool checkGroupQuery(NodeBuilder &n) {
  int64_t window = n.integer("local_window_size", -1);
  n.require(window > 0 || window == -1,
            "local_window_size must be positive, or -1 for none");
  n.require(!n.has(KeyScale) && !n.has(ValueScale) &&
                n.integer("kv_cache_bit_width", 0) == 0,
            "quantized keys and values are not supported");
  n.require(!n.integer("sliding_window_cache", 0) && !n.has(QueryLengths),
            "windows of the cache and padded chunks are not supported");
  n.require(!n.wants(3), "the scores are not given");
  n.require(n.has(PastKey) == n.has(PastValue),
            "past keys and values must be given together");
  return !n.failed();
}

static void buildGroupQueryAttention(NodeBuilder &n) {
  int64_t count = positive(n, "num_heads"),
          shared = positive(n, "kv_num_heads");
  n.require(count % shared == 0,
            "num_heads must be a multiple of kv_num_heads");
  if (n.failed() || !checkGroupQuery(n))
    return;
  Heads heads = readGroupedHeads(n, count, shared);
  if (n.failed())
    return;
  Size past = n.sizes().constant(0);
  if (n.has(PastKey)) {
    n.requireRank(n.raw(PastKey), 4, "past_key");
    n.requireRank(n.raw(PastValue), 4, "past_value");
    if (n.failed())
      return;
    past = n.raw(PastKey).dims[2];
  }
  checkLengths(n, past, heads.q.dims[2]);
  normHeads(n, heads);
  turnHeads(n, heads, past);
  if (n.failed())
    return;
  if (n.has(PastKey)) {
    heads.k = n.concat({n.input(PastKey), heads.k}, 2);
    heads.v = n.concat({n.input(PastValue), heads.v}, 2);
  }
  if (n.failed())
    return;
  n.set(1, heads.k);
  n.set(2, heads.v);
  double scale = scaleOf(n, heads.q);
  if (n.failed())
    return;
  Tensor scores = attentionScores(n, heads.q, heads.k, scale);
  scores = capped(n, scores, n.real("softcap", 0));
  if (n.has(Bias) && !n.failed())
    scores = n.add(scores, n.input(Bias));
  if (n.failed())
    return;
  if (n.integer("causal", 1))
    scores = hide(n,
                  causalMask(n, scores.dims[2], scores.dims[3], past,
                             n.integer("local_window_size", -1)),
                  scores);
  n.set(0, joinHeads(n, mixValues(n, sinkingSoftmax(n, scores), heads.v)));
}

ArrayRef<OnnxOp> lqc::groupQueryAttentionOps() {
  static const OnnxOp kOps[] = {
      {"GroupQueryAttention",
       {1},
       1,
       17,
       buildGroupQueryAttention,
       "sequences of one length but in a first prompt, no quantized cache, no "
       "scores",
       kMicrosoft},
  };
  return kOps;
}
