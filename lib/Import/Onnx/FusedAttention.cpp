//===- FusedAttention.cpp - ONNX Runtime's attention operators ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written out as exporters do it, past keys and values followed by the new
// ones, so that a decoder of these is recognised like any other.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/FusedAttention.h"

#include "lib/Import/Onnx/OpTable.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

Tensor lqc::placesFrom(NodeBuilder &n, Size batch, Size tokens, Size first) {
  SizeMath &s = n.sizes();
  return n.compute({batch, tokens}, OnnxType::Int64,
                   [&](const Arith &f, Numbers at) {
                     return f.fromIndex(s.value(s.add(first, at[1])));
                   });
}

Heads lqc::splitColumns(NodeBuilder &n, const Tensor &a,
                        ArrayRef<int64_t> columns) {
  SizeMath &s = n.sizes();
  SmallVector<Tensor> parts;
  int64_t first = 0;
  for (int64_t count : columns) {
    parts.push_back(n.sliceAxis(a, 2, s.constant(first), s.constant(count)));
    first += count;
  }
  return {parts[0], parts[1], parts[2]};
}

int64_t lqc::positive(NodeBuilder &n, StringRef name) {
  int64_t value = n.requiredInteger(name);
  n.require(value > 0 && value < (int64_t(1) << 31),
            (name + " must be positive").str());
  return std::max<int64_t>(value, 1);
}

double lqc::scaleOf(NodeBuilder &n, const Tensor &q) {
  std::optional<int64_t> size = knownSize(q.dims[3]);
  n.require(size.has_value(), "the size of heads must be known");
  double scale = n.real("scale", 0);
  return scale != 0 || !size ? scale : 1 / std::sqrt(double(*size));
}

//===----------------------------------------------------------------------===//
// RotaryEmbedding
//===----------------------------------------------------------------------===//

bool lqc::checkTables(NodeBuilder &n, unsigned index, const Tensor &like) {
  for (unsigned i : {index, index + 1}) {
    n.requireRank(n.raw(i), 2, "the tables of angles");
    n.requireSame(like, n.raw(i));
  }
  if (n.failed())
    return false;
  for (int64_t d = 0; d < 2; ++d)
    n.requireEqual(n.raw(index).dims[d], n.raw(index + 1).dims[d],
                   "the tables' sizes");
  return !n.failed();
}

Tensor lqc::readPlaces(NodeBuilder &n, unsigned index, Size batch, Size tokens,
                       Size positions) {
  const Tensor given = n.raw(index);
  Tensor places = given;
  if (given.rank() == 1) {
    Sizes first = n.elements(index);
    n.require(first.size() == 1, "position_ids must have 1 or 2 dimensions");
    if (n.failed())
      return given;
    places = placesFrom(n, batch, tokens, first.front());
  }
  n.requireRank(places, 2, "position_ids");
  if (n.failed())
    return given;
  n.requireEqual(places.dims[0], batch, "the batches");
  n.requireEqual(places.dims[1], tokens, "the numbers of tokens");
  return n.checkedIndices(places, positions);
}

static void buildRotaryEmbedding(NodeBuilder &n) {
  Tensor given = n.input(0);
  bool isFlat = given.rank() == 3;
  n.require(isFlat || given.rank() == 4,
            "the input must have 3 or 4 dimensions");
  n.requireFloat(given);
  n.require(n.real("scale", 1) == 1, "scale must be 1");
  n.require(!n.integer("is_packed_batching", 0),
            "packed batches are not supported");
  if (n.failed() || !checkTables(n, 2, given))
    return;
  std::optional<int64_t> pairs = knownSize(n.raw(2).dims[1]);
  std::optional<int64_t> columns = knownSize(given.dims.back());
  n.require(pairs && *pairs > 0 && columns,
            "the sizes of heads and tables must be known and fit");
  if (n.failed())
    return;
  int64_t heads = n.integer("num_heads", 0);
  if (heads == 0) // heads are as wide as the tables say
    heads = *columns / (2 * *pairs);
  Tensor a = isFlat ? splitHeads(n, given, heads) : given;
  if (n.failed())
    return;
  Tensor places = readPlaces(n, 1, a.dims[0], a.dims[2], n.raw(2).dims[0]);
  if (n.failed())
    return;
  Tensor turned = rotate(n, a, lookUpAngles(n, n.raw(2), n.raw(3), places),
                         n.integer("interleaved", 0));
  n.set(0, isFlat ? joinHeads(n, turned) : turned);
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// What a mask of integers adds to scores (batch, heads, queries, keys): 0 or
/// mask_filter_value. Its shape is (batch), the number of keys that count;
/// (batch, keys) or (batch, queries, keys), of which those above 0 count.
static Tensor addMask(NodeBuilder &n, const Tensor &scores, unsigned index) {
  if (!n.has(index) || n.failed())
    return scores;
  Tensor mask = n.input(index);
  n.require(isInteger(mask.element), "the mask must be integers");
  n.require(mask.rank() >= 1 && mask.rank() <= 3,
            "the mask must have 1 to 3 dimensions");
  if (n.failed())
    return scores;
  n.requireEqual(mask.dims[0], scores.dims[0],
                 "the batches of the mask and of the scores");
  double filtered = n.real("mask_filter_value", -10000);
  OnnxType kind = scores.element;
  auto choose = [&](const Arith &f, Value isKept) {
    Arith real = f.of(kind);
    return real.select(isKept, real.constant(0), real.constant(filtered));
  };
  Tensor added;
  if (mask.rank() == 1) {
    Tensor numbers = n.cast(mask, OnnxType::Int64);
    Sizes dims = {scores.dims[0], n.sizes().constant(1), n.sizes().constant(1),
                  scores.dims[3]};
    added = n.compute(dims, kind, [&](const Arith &f, Numbers at) {
      Arith whole = f.of(OnnxType::Int64);
      Value count = n.load(whole, numbers, at[0]);
      return choose(whole, whole.less(whole.fromIndex(at[3]), count));
    });
  } else {
    added = n.map(mask, kind, [&](const Arith &f, Numbers x) {
      return choose(f, f.less(f.integer(0), x[0]));
    });
    added = n.unsqueeze(added, mask.rank() == 2 ? ArrayRef<int64_t>{1, 2}
                                                : ArrayRef<int64_t>{1});
  }
  return n.add(scores, added);
}

/// softmax(scores) v as (batch, tokens, heads * size), with what the node says
/// of masks: a causal one, integers, and a bias that is added.
static Tensor attend(NodeBuilder &n, const Heads &heads, Size past,
                     unsigned mask, unsigned bias) {
  double scale = scaleOf(n, heads.q);
  if (n.failed())
    return heads.q;
  Tensor scores = attentionScores(n, heads.q, heads.k, scale);
  if (n.has(bias) && !n.failed())
    scores = n.add(scores, n.input(bias));
  scores = addMask(n, scores, mask);
  if (n.failed())
    return scores;
  if (n.integer("unidirectional", 0))
    scores = hide(n,
                  causalMask(n, scores.dims[2], scores.dims[3], past,
                             /*window=*/-1),
                  scores);
  return joinHeads(n, mixValues(n, n.softmax(scores, 3), heads.v));
}

//===----------------------------------------------------------------------===//
// MultiHeadAttention
//===----------------------------------------------------------------------===//

/// Member `index` of (batch, tokens, heads, members, size), as (batch, tokens,
/// heads * size).
static Tensor member(NodeBuilder &n, const Tensor &packed, int64_t index) {
  Tensor part =
      n.sliceAxis(packed, 3, n.sizes().constant(index), n.sizes().constant(1));
  return n.reshape(part, {part.dims[0], part.dims[1],
                          n.sizes().mul(part.dims[2], part.dims[4])});
}

/// Queries, keys and values apart, packed as queries, or keys and values in
/// one.
static Heads readHeads(NodeBuilder &n) {
  Tensor q = n.input(0);
  n.requireFloat(q);
  if (q.rank() == 5)
    return {member(n, q, 0), member(n, q, 1), member(n, q, 2)};
  n.requireRank(q, 3, "the query");
  Tensor k = n.input(1);
  if (!n.failed() && k.rank() == 5)
    return {q, member(n, k, 0), member(n, k, 1)};
  Tensor v = n.input(2);
  for (const Tensor &tensor : {k, v}) {
    n.requireSame(q, tensor);
    n.require(tensor.rank() == 3 || tensor.rank() == 4,
              "key and value must have 3 or 4 dimensions");
  }
  return {q, k, v};
}

/// The bias of queries, keys and values in a row.
static void addBias(NodeBuilder &n, Heads &heads, unsigned index) {
  if (!n.has(index))
    return;
  Tensor bias = n.input(index);
  n.requireRank(bias, 1, "the bias");
  n.require(heads.k.rank() == 3 && heads.v.rank() == 3,
            "a bias needs keys and values of 3 dimensions");
  Size first = n.sizes().constant(0);
  for (Tensor *tensor : {&heads.q, &heads.k, &heads.v}) {
    if (n.failed())
      return;
    Size count = tensor->dims[2];
    *tensor = n.add(*tensor, n.sliceAxis(bias, 0, first, count));
    first = n.sizes().add(first, count);
  }
  n.requireEqual(first, bias.dims[0],
                 "the sizes of the bias and of queries, keys and values");
}

static void buildMultiHeadAttention(NodeBuilder &n) {
  int64_t count = positive(n, "num_heads");
  n.require(!n.has(8) && !n.has(9), "shared buffers are not supported");
  n.require(!n.wants(3), "the scores are not given");
  if (n.failed())
    return;
  Heads heads = readHeads(n);
  if (n.failed())
    return;
  addBias(n, heads, 3);
  for (Tensor *tensor : {&heads.q, &heads.k, &heads.v})
    if (!n.failed() && tensor->rank() == 3)
      *tensor = splitHeads(n, *tensor, count);
  Size past = n.sizes().constant(0);
  if (n.has(6) && n.has(7)) {
    n.requireRank(n.raw(6), 4, "past_key");
    n.requireRank(n.raw(7), 4, "past_value");
    if (n.failed())
      return;
    past = n.raw(6).dims[2];
    heads.k = n.concat({n.input(6), heads.k}, 2);
    heads.v = n.concat({n.input(7), heads.v}, 2);
  }
  if (n.failed())
    return;
  n.set(1, heads.k);
  n.set(2, heads.v);
  n.set(0, attend(n, heads, past, /*mask=*/4, /*bias=*/5));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Sizes of queries, keys and values in the columns of the product.
static SmallVector<int64_t> hiddenSizes(NodeBuilder &n, int64_t columns) {
  SmallVector<int64_t> sizes = n.integers("qkv_hidden_sizes");
  if (sizes.empty())
    sizes.assign(3, columns / 3);
  n.require(sizes.size() == 3, "qkv_hidden_sizes must have 3 numbers");
  int64_t sum = 0;
  for (int64_t size : sizes) {
    n.require(size > 0 && size <= columns,
              "qkv_hidden_sizes must be positive and fit the weights");
    sum += n.failed() ? 0 : size;
  }
  if (!n.failed() && sum != columns)
    n.fail(
        "the weights must have a column for each number of queries, keys and "
        "values, got: {0} != {1}",
        columns, sum);
  return sizes;
}

/// Past keys (0) or values (1), of (2, batch, heads, tokens, size).
static Tensor pastMember(NodeBuilder &n, const Tensor &past, int64_t index) {
  Tensor part =
      n.sliceAxis(past, 0, n.sizes().constant(index), n.sizes().constant(1));
  return n.failed() ? part : n.squeeze(part, {0});
}

/// The product with the merged weights, and its bias.
static Tensor mergedProduct(NodeBuilder &n) {
  Tensor x = n.input(0), w = n.input(1);
  n.requireFloat(x);
  n.requireSame(x, w);
  n.requireRank(x, 3, "the input");
  n.requireRank(w, 2, "the weights");
  if (n.failed())
    return x;
  Tensor product = n.matmul(x, w);
  return n.has(2) && !n.failed() ? n.add(product, n.input(2)) : product;
}

static void buildAttention(NodeBuilder &n) {
  int64_t count = positive(n, "num_heads");
  n.require(!n.integer("do_rotary", 0), "do_rotary is not supported");
  n.require(!n.integer("past_present_share_buffer", 0) && !n.has(6),
            "shared buffers are not supported");
  Tensor product = mergedProduct(n);
  std::optional<int64_t> columns = knownSize(product.dims.back());
  n.require(columns.has_value(), "the columns of the weights must be known");
  if (n.failed())
    return;
  SmallVector<int64_t> sizes = hiddenSizes(n, *columns);
  if (n.failed())
    return;
  Heads heads = splitColumns(n, product, sizes);
  for (Tensor *tensor : {&heads.q, &heads.k, &heads.v})
    if (!n.failed())
      *tensor = splitHeads(n, *tensor, count);
  Size past = n.sizes().constant(0);
  if (n.has(4) && !n.failed()) {
    Tensor given = n.input(4);
    n.requireRank(given, 5, "past");
    n.require(given.rank() == 5 && knownSize(given.dims[0]) == 2,
              "past must be keys and values");
    if (n.failed())
      return;
    past = given.dims[3];
    heads.k = n.concat({pastMember(n, given, 0), heads.k}, 2);
    heads.v = n.concat({pastMember(n, given, 1), heads.v}, 2);
  }
  if (n.failed())
    return;
  if (n.wants(1))
    n.set(1,
          n.concat({n.unsqueeze(heads.k, {0}), n.unsqueeze(heads.v, {0})}, 0));
  n.set(0, attend(n, heads, past, /*mask=*/3, /*bias=*/5));
}

ArrayRef<OnnxOp> lqc::fusedAttentionOps() {
  static const OnnxOp kOps[] = {
      {"RotaryEmbedding",
       {1},
       4,
       4,
       buildRotaryEmbedding,
       "no scale, no packed batches",
       kMicrosoft},
      {"MultiHeadAttention",
       {1},
       1,
       10,
       buildMultiHeadAttention,
       "no shared buffers, no masks of packed sequences, no scores",
       kMicrosoft},
      {"Attention",
       {1},
       2,
       7,
       buildAttention,
       "no shared buffers, no rotary positions, no masks of 4 dimensions",
       kMicrosoft},
  };
  return kOps;
}
