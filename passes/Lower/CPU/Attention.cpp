//===- Attention.cpp - the cache and attention over it --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Attention of one query head is one pass over the positions, eight at a time,
// with an online softmax (Milakov and Gimelshein 2018): the running maximum m,
// the running sum l of exp(score - m) and the running sum of exp(score - m) v
// are scaled down whenever a larger score comes.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

/// Positions that one turn of the attention loop takes.
static constexpr int64_t kPositions = 8;
/// Below every score, and finite so that differences of it are.
static constexpr double kLowest = -1e30;

LogicalResult lqc::emitCacheAppend(KernelEmitter &e) {
  CacheAppendOp op = cast<CacheAppendOp>(e.operation());
  CacheType cache = op.getCache().getType();
  CacheGeometry geometry(cache);
  Value keys = e.argument(0), values = e.argument(1), base = e.argument(2);
  Value positions = e.argument(3), slots = e.argument(4);
  Type f32 = e.getF32Type();
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value slot = e.mul(e.loadIndex(slots, row), geometry.slot);
    Value position = e.mul(e.loadIndex(positions, row), geometry.row);
    Value target = e.address(base, e.add(slot, position));
    Value rowBytes = e.mul(row, cache.getHeads() * geometry.row);
    e.loop(e.constantI64(0), e.constantI64(cache.getHeads()), 1, [&](Value h) {
      Value from = e.add(rowBytes, e.mul(h, geometry.row));
      Value to = e.address(target, e.mul(h, geometry.head));
      e.forColumns(cache.getHeadDim(), [&](Value column, int64_t lanes) {
        Value offset = e.mul(column, 4);
        Value source = e.add(from, offset);
        Value place = e.address(to, offset);
        e.storeLanes(e.loadLanes(f32, e.address(keys, source), lanes), place,
                     lanes);
        e.storeLanes(e.loadLanes(f32, e.address(values, source), lanes),
                     e.address(place, geometry.values), lanes);
      });
    });
  });
  return success();
}

namespace {
/// One query head against the positions [0, last] of one key/value head.
struct HeadAttention {
  KernelEmitter &e;
  VectorType head;   ///< head dim floats
  VectorType scores; ///< kPositions floats
  CacheGeometry geometry;
  Value query, keys, values, last;

  /// (m, l, accumulator) after positions [first, first + kPositions).
  KernelEmitter::Values step(Value first, ValueRange carried);
  Value emit();
};
} // namespace

static Value reduce(KernelEmitter &e, vector::CombiningKind kind,
                    Value vector) {
  return vector::ReductionOp::create(e, kind, vector,
                                     arith::FastMathFlags::reassoc);
}

KernelEmitter::Values HeadAttention::step(Value first, ValueRange carried) {
  Value m = carried[0], l = carried[1], sum = carried[2];
  Value lowest = e.constantF32(kLowest);
  SmallVector<Value, kPositions> rows;
  Value s = e.splatFloat(scores, kLowest);
  for (int64_t i = 0; i < kPositions; ++i) {
    Value position = e.add(first, i);
    Value valid =
        arith::CmpIOp::create(e, arith::CmpIPredicate::sle, position, last);
    // Past the end the last position is read again, and its score dropped.
    Value row = e.mul(arith::MinSIOp::create(e, position, last), geometry.row);
    rows.push_back(row);
    Value key = e.load(head, e.address(keys, row));
    Value dot = reduce(e, vector::CombiningKind::ADD,
                       arith::MulFOp::create(e, query, key));
    dot = arith::SelectOp::create(e, valid, dot, lowest);
    s = vector::InsertOp::create(e, dot, s, i);
  }
  Value blockMax =
      vector::ReductionOp::create(e, vector::CombiningKind::MAXIMUMF, s);
  Value newM = arith::MaximumFOp::create(e, m, blockMax);
  Value shrink = math::ExpOp::create(
      e, e.broadcast(scores, arith::SubFOp::create(e, m, newM)));
  Value factor = vector::ExtractOp::create(e, shrink, 0);
  Value weights = math::ExpOp::create(
      e, arith::SubFOp::create(e, s, e.broadcast(scores, newM)));
  Value newL = math::FmaOp::create(
      e, l, factor, reduce(e, vector::CombiningKind::ADD, weights));
  sum = arith::MulFOp::create(e, sum, e.broadcast(head, factor));
  for (int64_t i = 0; i < kPositions; ++i) {
    Value weight = vector::ExtractOp::create(e, weights, i);
    Value value = e.load(head, e.address(values, rows[i]));
    sum = math::FmaOp::create(e, e.broadcast(head, weight), value, sum);
  }
  return {newM, newL, sum};
}

Value HeadAttention::emit() {
  Value zero = e.constantI64(0);
  KernelEmitter::Values result = e.loop(
      zero, e.add(last, 1), kPositions,
      {e.constantF32(kLowest), e.constantF32(0.0), e.splatFloat(head, 0.0)},
      [&](Value first, ValueRange carried) { return step(first, carried); });
  return arith::DivFOp::create(e, result[2], e.broadcast(head, result[1]));
}

LogicalResult lqc::emitAttention(KernelEmitter &e) {
  AttentionOp op = cast<AttentionOp>(e.operation());
  CacheType cache = op.getCache().getType();
  CacheGeometry geometry(cache);
  int64_t kvHeads = cache.getHeads();
  int64_t rowBytes = e.typeOf(0).getDimSize(1) * 4;
  int64_t groupBytes = rowBytes / kvHeads; // query heads of one key/value head
  VectorType head = e.vectorOf(e.getF32Type(), cache.getHeadDim());
  VectorType scores = e.vectorOf(e.getF32Type(), kPositions);
  Value queries = e.argument(0), base = e.argument(1);
  Value positions = e.argument(2), slots = e.argument(3), out = e.argument(4);
  Value scale = e.splatFloat(head, op.getScale().convertToFloat());
  Value heads = e.constantI64(kvHeads);
  e.loop(e.begin, e.end, 1, [&](Value unit) {
    Value row = arith::DivSIOp::create(e, unit, heads);
    Value kvHead = arith::RemSIOp::create(e, unit, heads);
    Value slot = e.mul(e.loadIndex(slots, row), geometry.slot);
    Value keys = e.address(base, e.add(slot, e.mul(kvHead, geometry.head)));
    Value values = e.address(keys, geometry.values);
    Value last = e.loadIndex(positions, row);
    Value group = e.add(e.mul(row, rowBytes), e.mul(kvHead, groupBytes));
    e.loop(e.constantI64(0), e.constantI64(groupBytes), geometry.row,
           [&](Value offset) {
             Value place = e.add(group, offset);
             Value query = arith::MulFOp::create(
                 e, e.load(head, e.address(queries, place)), scale);
             HeadAttention attention{e,     head, scores, geometry,
                                     query, keys, values, last};
             e.store(attention.emit(), e.address(out, place));
           });
  });
  return success();
}
