//===- ContractionLoops.cpp - a product of tensors as loops ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C[.., m, n] += sum over k of A[.., m, k] B[.., k, n], with n side by side in
// B and C. A tile of some rows m and some vectors of n stays in registers while
// the summed dimensions go by, so that every number that is loaded is used
// several times. Each element is one chain of fused multiply-adds in the order
// of the summed dimensions, whatever the tile.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lqc;

/// Elements of one vector; LLVM cuts it into the registers that there are.
static constexpr int64_t kLanes = 16;
/// Rows of a tile.
static constexpr int64_t kRows = 4;
/// Columns that one thread takes at a time.
static constexpr int64_t kColumns = 256;

namespace {
class ContractionEmitter {
public:
  ContractionEmitter(RewriterBase &rewriter, linalg::LinalgOp op)
      : op(op), b(op.getLoc(), rewriter) {}

  /// Whether this is a product that the loops here are for.
  bool matches();
  LoopNest emit();

private:
  bool hasNeighbours(OpOperand &operand);
  SmallVector<Value> indicesOf(OpOperand &operand, ValueRange ivs);
  void emitRows(SmallVector<Value> &ivs, int64_t rows, Value from, Value to);
  void emitTile(SmallVector<Value> ivs, int64_t rows, int64_t vectors,
                Value mask);
  SmallVector<Value> emitSums(SmallVector<Value> &ivs, unsigned next,
                              ValueRange sums, int64_t rows, int64_t vectors,
                              Value mask);
  SmallVector<Value> multiplyAdd(ArrayRef<Value> ivs, ValueRange sums,
                                 int64_t rows, int64_t vectors, Value mask);
  Value loadVector(OpOperand &operand, ValueRange ivs, Value mask);
  Value offset(Value iv, int64_t by) {
    return b.createOrFold<arith::AddIOp>(iv, index(by));
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value).getResult();
  }

  linalg::LinalgOp op;
  ImplicitLocOpBuilder b;
  OpOperand *left = nullptr;  ///< does not move along n
  OpOperand *right = nullptr; ///< does
  unsigned n = 0;
  std::optional<unsigned> m;
  SmallVector<unsigned> outer, reductions;
  SmallVector<Value> sizes;
};
} // namespace

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

/// True if n is the operand's last dimension and neighbours along it are
/// neighbours in memory.
bool ContractionEmitter::hasNeighbours(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  MemRefType type = dyn_cast<MemRefType>(operand.get().getType());
  return type && type.getElementType().isF32() && map.getNumResults() &&
         map.getResults().back() == getAffineDimExpr(n, map.getContext()) &&
         type.isLastDimUnitStride();
}

bool ContractionEmitter::matches() {
  if (!linalg::isaContractionOpInterface(op))
    return false;
  OpOperand *result = op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(result);
  if (!map.getNumResults())
    return false;
  n = cast<AffineDimExpr>(map.getResults().back()).getPosition();
  for (OpOperand *input : op.getDpsInputOperands()) {
    bool moves = op.getMatchingIndexingMap(input).isFunctionOfDim(n);
    (moves ? right : left) = input;
  }
  if (!left || !right || !hasNeighbours(*right) || !hasNeighbours(*result) ||
      !getElementTypeOrSelf(left->get().getType()).isF32())
    return false;
  AffineMap leftMap = op.getMatchingIndexingMap(left);
  AffineMap rightMap = op.getMatchingIndexingMap(right);
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (type == utils::IteratorType::reduction)
      reductions.push_back(dim);
    else if (leftMap.isFunctionOfDim(dim) && !rightMap.isFunctionOfDim(dim))
      m = dim; // the last one, for which C's rows are near each other
  }
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray()))
    if (type == utils::IteratorType::parallel && dim != n && dim != m)
      outer.push_back(dim);
  return true;
}

//===----------------------------------------------------------------------===//
// One tile
//===----------------------------------------------------------------------===//

SmallVector<Value> ContractionEmitter::indicesOf(OpOperand &operand,
                                                 ValueRange ivs) {
  SmallVector<Value> indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    indices.push_back(ivs[cast<AffineDimExpr>(expr).getPosition()]);
  return indices;
}

/// `mask`: of the elements that are there, or null for all.
Value ContractionEmitter::loadVector(OpOperand &operand, ValueRange ivs,
                                     Value mask) {
  VectorType type = VectorType::get({kLanes}, b.getF32Type());
  SmallVector<Value> indices = indicesOf(operand, ivs);
  if (!mask)
    return vector::LoadOp::create(b, type, operand.get(), indices);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, type, operand.get(), indices, mask,
                                      zero);
}

/// `sums`: vectors of each row, row by row.
SmallVector<Value>
ContractionEmitter::multiplyAdd(ArrayRef<Value> ivs, ValueRange sums,
                                int64_t rows, int64_t vectors, Value mask) {
  VectorType type = VectorType::get({kLanes}, b.getF32Type());
  SmallVector<Value> place(ivs), columns, results;
  for (int64_t v = 0; v < vectors; ++v) {
    place[n] = offset(ivs[n], v * kLanes);
    columns.push_back(loadVector(*right, place, mask));
  }
  for (int64_t row = 0; row < rows; ++row) {
    if (m)
      place[*m] = offset(ivs[*m], row);
    Value factor =
        memref::LoadOp::create(b, left->get(), indicesOf(*left, place));
    factor = vector::BroadcastOp::create(b, type, factor);
    for (int64_t v = 0; v < vectors; ++v)
      results.push_back(
          math::FmaOp::create(b, factor, columns[v], sums[row * vectors + v]));
  }
  return results;
}

/// The sums from dimension number `next` on.
SmallVector<Value> ContractionEmitter::emitSums(SmallVector<Value> &ivs,
                                                unsigned next, ValueRange sums,
                                                int64_t rows, int64_t vectors,
                                                Value mask) {
  if (next == reductions.size())
    return multiplyAdd(ivs, sums, rows, vectors, mask);
  unsigned dim = reductions[next];
  scf::ForOp loop = scf::ForOp::create(b, index(0), sizes[dim], index(1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ivs[dim] = loop.getInductionVar();
  scf::YieldOp::create(b, emitSums(ivs, next + 1, loop.getRegionIterArgs(),
                                   rows, vectors, mask));
  return loop.getResults();
}

void ContractionEmitter::emitTile(SmallVector<Value> ivs, int64_t rows,
                                  int64_t vectors, Value mask) {
  OpOperand &result = *op.getDpsInitOperand(0);
  auto forEach = [&](function_ref<void(ValueRange, size_t)> body) {
    SmallVector<Value> place = ivs;
    for (int64_t row = 0; row < rows; ++row) {
      if (m)
        place[*m] = offset(ivs[*m], row);
      for (int64_t v = 0; v < vectors; ++v) {
        place[n] = offset(ivs[n], v * kLanes);
        body(place, row * vectors + v);
      }
    }
  };
  SmallVector<Value> sums;
  forEach([&](ValueRange place, size_t) {
    sums.push_back(loadVector(result, place, mask));
  });
  sums = emitSums(ivs, 0, sums, rows, vectors, mask);
  forEach([&](ValueRange place, size_t i) {
    SmallVector<Value> indices = indicesOf(result, place);
    if (mask)
      vector::MaskedStoreOp::create(b, result.get(), indices, mask, sums[i]);
    else
      vector::StoreOp::create(b, sums[i], result.get(), indices);
  });
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// `rows` rows from ivs[m] on, columns [from, to): first in wide tiles, then
/// vector by vector, of which the last may be cut short.
void ContractionEmitter::emitRows(SmallVector<Value> &ivs, int64_t rows,
                                  Value from, Value to) {
  TargetAttr target =
      op->getParentOfType<ModuleOp>()->getAttrOfType<TargetAttr>(
          kTargetAttrName);
  bool hasWideRegisters = target && target.getFeatures().contains("avx512f");
  int64_t vectors = hasWideRegisters ? 4 : 1, step = vectors * kLanes;
  Value count = b.createOrFold<arith::SubIOp>(to, from);
  Value whole = b.createOrFold<arith::MulIOp>(
      b.createOrFold<arith::DivUIOp>(count, index(step)), index(step));
  Value middle = b.createOrFold<arith::AddIOp>(from, whole);
  auto loop = [&](Value first, Value last, int64_t by,
                  function_ref<void()> body) {
    scf::ForOp loop = scf::ForOp::create(b, first, last, index(by));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ivs[n] = loop.getInductionVar();
    body();
  };
  loop(from, middle, step, [&] { emitTile(ivs, rows, vectors, {}); });
  loop(middle, to, kLanes, [&] {
    Value left = b.createOrFold<arith::SubIOp>(to, ivs[n]);
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get({kLanes}, b.getI1Type()), left);
    emitTile(ivs, rows, 1, mask);
  });
}

LoopNest ContractionEmitter::emit() {
  Location loc = b.getLoc();
  for (Range range : op.createLoopRanges(b, loc))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, loc, range.size));
  SmallVector<Value> counts;
  for (unsigned dim : outer)
    counts.push_back(sizes[dim]);
  auto pieces = [&](Value size, int64_t piece) {
    return b.createOrFold<arith::CeilDivSIOp>(size, index(piece));
  };
  counts.push_back(m ? pieces(sizes[*m], kRows) : index(1));
  counts.push_back(pieces(sizes[n], kColumns));
  // A vector does kLanes at once.
  Value work = index(kRows * kColumns / kLanes);
  for (unsigned dim : reductions)
    work = b.createOrFold<arith::MulIOp>(work, sizes[dim]);

  SmallVector<Value> zeros(counts.size(), index(0));
  SmallVector<Value> ones(counts.size(), index(1));
  scf::ParallelOp parallel = scf::ParallelOp::create(b, zeros, counts, ones);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(parallel.getBody());
  SmallVector<Value> ivs(sizes.size());
  auto units = parallel.getInductionVars();
  for (auto [dim, iv] : llvm::zip(outer, units))
    ivs[dim] = iv;
  auto startOf = [&](Value unit, int64_t piece) {
    return b.createOrFold<arith::MulIOp>(unit, index(piece));
  };
  Value from = startOf(units.back(), kColumns);
  Value to = arith::MinSIOp::create(b, sizes[n], offset(from, kColumns));
  if (!m) {
    emitRows(ivs, 1, from, to);
    return {parallel, work};
  }
  Value first = startOf(units[outer.size()], kRows);
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                        offset(first, kRows), sizes[*m]);
  scf::IfOp choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
  b.setInsertionPointToStart(choice.thenBlock());
  ivs[*m] = first;
  emitRows(ivs, kRows, from, to);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::ForOp rest = scf::ForOp::create(b, first, sizes[*m], index(1));
  b.setInsertionPointToStart(rest.getBody());
  ivs[*m] = rest.getInductionVar();
  emitRows(ivs, 1, from, to);
  return {parallel, work};
}

std::optional<LoopNest> lqc::emitContraction(RewriterBase &rewriter,
                                             linalg::LinalgOp op) {
  ContractionEmitter emitter(rewriter, op);
  if (!emitter.matches())
    return std::nullopt;
  return emitter.emit();
}
