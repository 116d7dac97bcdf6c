//===- LinalgLoops.cpp - a linalg operation on buffers as loops -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops are nested so that LLVM can vectorise the innermost one without
// changing a result:
//
//   nothing is summed   parallel (all but the last) { for last }
//   sums, and the last dimension of the result is read side by side (matmul:
//   n of C[m, n] += A[m, k] B[k, n])
//                       parallel (outer) { for sums { for last } }
//   other sums          parallel (outer) { for sums, in a register }
//
// Each element of the result is one chain of additions in the order of the
// summed dimensions, whatever the number of threads and the width of registers.
// Only floats that are summed along neighbours in memory (a row's sum or
// largest) are kSumLanes chains side by side, which are then added in halves:
// one chain would wait for each addition.
//
//===----------------------------------------------------------------------===//

#include "passes/Common/VectorBody.h"
#include "passes/Lower/CPU/Graph.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace lqc;

/// Elements of a vector that one thread sums up side by side.
static constexpr int64_t kChunk = 256;
/// Chains of a sum along neighbours.
static constexpr int64_t kSumLanes = 16;

namespace {
class LoopEmitter {
public:
  LoopEmitter(RewriterBase &rewriter, linalg::LinalgOp op)
      : op(op), b(op.getLoc(), rewriter) {}

  LoopNest emit();

private:
  void planLoops();
  bool isReadSideBySide(unsigned dim);
  Operation *combiner();
  bool sumsInLanes();
  Value workOf();

  SmallVector<Value> indicesOf(OpOperand &operand);
  Value loadOperand(OpOperand &operand);
  SmallVector<Value> computeElement(ValueRange outputs);
  SmallVector<Value> loadOutputs();
  void storeOutputs(ValueRange values);

  scf::ForOp emitLoop(unsigned dim, Value from, Value to, ValueRange carried,
                      function_ref<SmallVector<Value>(ValueRange)> emitBody);
  SmallVector<Value> emitSums(unsigned next, ValueRange sums);
  Value emitLanes(Value sum);
  Value addLanes(Value sums, Value mask);
  void emitRows(unsigned next, Value from, Value to);
  void emitUnit(Value chunk);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value).getResult();
  }

  linalg::LinalgOp op;
  ImplicitLocOpBuilder b;
  SmallVector<Value> sizes, ivs; ///< of each loop
  SmallVector<unsigned> outer, reductions;
  std::optional<unsigned> inner;
  bool chunked = false;
  bool inLanes = false; ///< the last of the sums
};
} // namespace

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

/// True if neighbours along `dim` are neighbours in memory for every operand
/// that moves along it.
bool LoopEmitter::isReadSideBySide(unsigned dim) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!map.isFunctionOfDim(dim))
      continue;
    for (AffineExpr result : map.getResults().drop_back())
      if (result.isFunctionOfDim(dim))
        return false;
    // A convolution's window moves by its stride.
    AffineExpr last = map.getResults().back();
    if (!isa<AffineDimExpr>(last) && last.getKind() != AffineExprKind::Add)
      return false;
  }
  return true;
}

/// What adds an element to the sum: the operation of the body that ends it and
/// alone reads the sum, or null.
Operation *LoopEmitter::combiner() {
  Block *body = op.getBlock();
  Operation *last = body->getTerminator()->getOperand(0).getDefiningOp();
  if (op.getNumDpsInits() != 1 || !last || last->getBlock() != body ||
      !isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp,
           arith::MaxNumFOp, arith::MinNumFOp>(last))
    return nullptr;
  BlockArgument sum = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  return sum.hasOneUse() && *sum.user_begin() == last ? last : nullptr;
}

/// Whether the last of the sums is of floats along neighbours.
bool LoopEmitter::sumsInLanes() {
  if (reductions.empty() || !combiner() || !isVectorizable(*op.getBlock()))
    return false;
  unsigned dim = reductions.back();
  int64_t size = op.getStaticLoopRanges()[dim];
  if (!ShapedType::isDynamic(size) && size < kSumLanes)
    return false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isFunctionOfDim(dim))
      continue;
    MemRefType type = cast<MemRefType>(input->get().getType());
    if (map.getResults().back() != getAffineDimExpr(dim, map.getContext()) ||
        !type.isLastDimUnitStride() || type.getElementType().isInteger(1))
      return false;
    for (AffineExpr result : map.getResults().drop_back())
      if (result.isFunctionOfDim(dim))
        return false;
  }
  return true;
}

void LoopEmitter::planLoops() {
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray()))
    (type == utils::IteratorType::parallel ? outer : reductions).push_back(dim);
  inLanes = sumsInLanes();
  if (outer.empty() || !op.getNumDpsInits())
    return;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned dim = outer.back();
  if (result.getNumResults())
    if (auto last = dyn_cast<AffineDimExpr>(result.getResults().back()))
      dim = last.getPosition();
  bool isParallel = llvm::is_contained(outer, dim);
  if (reductions.empty() ? outer.size() == 1
                         : !isParallel || !isReadSideBySide(dim))
    return;
  if (!isParallel)
    dim = outer.back();
  inner = dim;
  llvm::erase(outer, dim);
  chunked = outer.empty();
}

/// Elements that one unit goes over.
Value LoopEmitter::workOf() {
  Value work = index(1);
  for (unsigned dim : reductions)
    work = b.createOrFold<arith::MulIOp>(work, sizes[dim]);
  if (chunked)
    work = b.createOrFold<arith::MulIOp>(work, index(kChunk));
  else if (inner)
    work = b.createOrFold<arith::MulIOp>(work, sizes[*inner]);
  return work;
}

//===----------------------------------------------------------------------===//
// One element
//===----------------------------------------------------------------------===//

SmallVector<Value> LoopEmitter::indicesOf(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<Value> indices;
  SmallVector<OpFoldResult> operands(ivs.begin(), ivs.end());
  for (AffineExpr expr : map.getResults()) {
    AffineMap single = AffineMap::get(map.getNumDims(), 0, expr);
    indices.push_back(
        getValueOrCreateConstantIndexOp(b, b.getLoc(),
                                        affine::makeComposedFoldedAffineApply(
                                            b, b.getLoc(), single, operands)));
  }
  return indices;
}

Value LoopEmitter::loadOperand(OpOperand &operand) {
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get(); // a scalar
  return memref::LoadOp::create(b, operand.get(), indicesOf(operand));
}

/// The body's results at the current place. `outputs`: what it sees of them.
SmallVector<Value> LoopEmitter::computeElement(ValueRange outputs) {
  Block *body = op.getBlock();
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands())
    mapping.map(op.getMatchingBlockArgument(input), loadOperand(*input));
  for (auto [i, output] : llvm::enumerate(outputs))
    mapping.map(op.getMatchingBlockArgument(op.getDpsInitOperand(i)), output);
  for (Operation &inside : body->without_terminator()) {
    Operation *copy = b.clone(inside, mapping);
    SmallVector<linalg::IndexOp> indices;
    copy->walk([&](linalg::IndexOp place) { indices.push_back(place); });
    for (linalg::IndexOp place : indices) {
      Value iv = ivs[place.getDim()];
      if (place == copy)
        mapping.map(inside.getResult(0), iv);
      place.replaceAllUsesWith(iv);
      place.erase();
    }
  }
  SmallVector<Value> results;
  for (Value yielded : body->getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(yielded));
  return results;
}

SmallVector<Value> LoopEmitter::loadOutputs() {
  SmallVector<Value> values;
  for (OpOperand &output : op.getDpsInitsMutable())
    values.push_back(loadOperand(output));
  return values;
}

void LoopEmitter::storeOutputs(ValueRange values) {
  for (auto [value, output] : llvm::zip_equal(values, op.getDpsInitsMutable()))
    memref::StoreOp::create(b, value, output.get(), indicesOf(output));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// A loop over [from, to) whose body `emitBody` writes.
scf::ForOp
LoopEmitter::emitLoop(unsigned dim, Value from, Value to, ValueRange carried,
                      function_ref<SmallVector<Value>(ValueRange)> emitBody) {
  scf::ForOp loop = scf::ForOp::create(b, from, to, index(1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ivs[dim] = loop.getInductionVar();
  SmallVector<Value> results = emitBody(loop.getRegionIterArgs());
  // Without carried values the builder has written the terminator already.
  if (!carried.empty())
    scf::YieldOp::create(b, results);
  return loop;
}

/// Sums from dimension number `next` on, carried in registers.
SmallVector<Value> LoopEmitter::emitSums(unsigned next, ValueRange sums) {
  if (next == reductions.size())
    return computeElement(sums);
  if (inLanes && next + 1 == reductions.size())
    return {emitLanes(sums.front())};
  unsigned dim = reductions[next];
  auto body = [&](ValueRange carried) { return emitSums(next + 1, carried); };
  return emitLoop(dim, index(0), sizes[dim], sums, body).getResults();
}

/// `sums` and the next elements, those of `mask` or all.
Value LoopEmitter::addLanes(Value sums, Value mask) {
  unsigned dim = reductions.back();
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument element = op.getMatchingBlockArgument(input);
    if (!op.getMatchingIndexingMap(input).isFunctionOfDim(dim)) {
      mapping.map(element, loadOperand(*input));
      continue;
    }
    VectorType type = VectorType::get({kSumLanes}, element.getType());
    SmallVector<Value> place = indicesOf(*input);
    Value lanes =
        mask ? vector::MaskedLoadOp::create(
                   b, type, input->get(), place, mask,
                   arith::ConstantOp::create(b, b.getZeroAttr(type)))
                   .getResult()
             : vector::LoadOp::create(b, type, input->get(), place).getResult();
    mapping.map(element, lanes);
  }
  mapping.map(op.getMatchingBlockArgument(op.getDpsInitOperand(0)), sums);
  Value added = cloneOnVectors(b, *op.getBlock(), mapping, kSumLanes).front();
  return mask ? arith::SelectOp::create(b, mask, added, sums) : added;
}

/// `sum` and all elements of the last sum.
Value LoopEmitter::emitLanes(Value sum) {
  unsigned dim = reductions.back();
  Operation *add = combiner();
  auto combine = [&](Value left, Value right) -> Value {
    return b
        .create(b.getLoc(), add->getName().getIdentifier(),
                ValueRange{left, right}, left.getType(), add->getAttrs())
        ->getResult(0);
  };
  VectorType type = VectorType::get({kSumLanes}, sum.getType());
  Value nothing = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, *arith::getNeutralElement(add)));
  Value rest = b.createOrFold<arith::RemUIOp>(sizes[dim], index(kSumLanes));
  Value whole = b.createOrFold<arith::SubIOp>(sizes[dim], rest);
  auto loop = [&](Value from, Value to, Value sums,
                  function_ref<Value()> maskOf) -> Value {
    scf::ForOp loop =
        scf::ForOp::create(b, from, to, index(kSumLanes), ValueRange{sums});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ivs[dim] = loop.getInductionVar();
    Value added = addLanes(loop.getRegionIterArgs().front(), maskOf());
    scf::YieldOp::create(b, added);
    return loop.getResult(0);
  };
  Value lanes = loop(index(0), whole, nothing, [] { return Value(); });
  lanes = loop(whole, sizes[dim], lanes, [&]() -> Value {
    return vector::CreateMaskOp::create(
        b, VectorType::get({kSumLanes}, b.getI1Type()), rest);
  });
  for (int64_t half = kSumLanes / 2; half >= 1; half /= 2) {
    auto part = [&](int64_t from) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, lanes, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
    };
    lanes = combine(part(0), part(half));
  }
  return combine(vector::ExtractOp::create(b, lanes, ArrayRef<int64_t>{0}),
                 sum);
}

/// The sums around the innermost loop over [from, to).
void LoopEmitter::emitRows(unsigned next, Value from, Value to) {
  if (next < reductions.size()) {
    unsigned dim = reductions[next];
    emitLoop(dim, index(0), sizes[dim], {}, [&](ValueRange) {
      emitRows(next + 1, from, to);
      return SmallVector<Value>();
    });
    return;
  }
  emitLoop(*inner, from, to, {}, [&](ValueRange) {
    storeOutputs(computeElement(loadOutputs()));
    return SmallVector<Value>();
  });
}

/// `chunk`: which part of the innermost loop, or null for all of it.
void LoopEmitter::emitUnit(Value chunk) {
  if (!inner)
    return storeOutputs(emitSums(0, loadOutputs()));
  if (!chunk)
    return emitRows(0, index(0), sizes[*inner]);
  Value from = b.createOrFold<arith::MulIOp>(chunk, index(kChunk));
  Value to = arith::MinSIOp::create(
      b, sizes[*inner], arith::AddIOp::create(b, from, index(kChunk)));
  emitRows(0, from, to);
}

LoopNest LoopEmitter::emit() {
  Location loc = b.getLoc();
  for (Range range : op.createLoopRanges(b, loc))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, loc, range.size));
  ivs.resize(sizes.size());
  planLoops();
  SmallVector<Value> counts;
  for (unsigned dim : outer)
    counts.push_back(sizes[dim]);
  if (chunked)
    counts.push_back(
        b.createOrFold<arith::CeilDivSIOp>(sizes[*inner], index(kChunk)));
  if (counts.empty()) {
    emitUnit({});
    return {};
  }
  Value work = workOf();
  SmallVector<Value> zeros(counts.size(), index(0));
  SmallVector<Value> ones(counts.size(), index(1));
  scf::ParallelOp parallel = scf::ParallelOp::create(b, zeros, counts, ones);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(parallel.getBody());
  for (auto [dim, iv] : llvm::zip(outer, parallel.getInductionVars()))
    ivs[dim] = iv;
  emitUnit(chunked ? parallel.getInductionVars().front() : Value());
  return {parallel, work};
}

FailureOr<LoopNest> lqc::emitLoops(RewriterBase &rewriter,
                                   linalg::LinalgOp op) {
  rewriter.setInsertionPoint(op);
  if (!isa<linalg::GenericOp>(op)) {
    FailureOr<linalg::GenericOp> generic =
        linalg::generalizeNamedOp(rewriter, op);
    if (failed(generic))
      return op.emitOpError("has no loops for the CPU");
    op = cast<linalg::LinalgOp>(generic->getOperation());
  }
  if (!op.hasPureBufferSemantics())
    return op.emitOpError("must work on buffers");
  rewriter.setInsertionPoint(op);
  std::optional<LoopNest> product = emitContraction(rewriter, op);
  LoopNest nest = product ? *product : LoopEmitter(rewriter, op).emit();
  rewriter.eraseOp(op);
  return nest;
}
