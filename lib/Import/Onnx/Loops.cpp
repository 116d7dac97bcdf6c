//===- Loops.cpp - loops that carry tensors -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Loops.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lqc;

/// A size that is not the same in all iterations or branches.
static bool isOpen(Size size) { return !size; }

/// The type of a tensor whose open sizes are dynamic.
static RankedTensorType typeOfCarried(OpBuilder &b, const Tensor &tensor) {
  SmallVector<int64_t> shape;
  for (Size size : tensor.dims)
    shape.push_back(isOpen(size)
                        ? ShapedType::kDynamic
                        : knownSize(size).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(shape,
                               elementType(b.getContext(), tensor.element));
}

/// A value of a region as a tensor: open sizes are asked for.
static Tensor tensorOf(NodeBuilder &n, Value value, const Tensor &like) {
  Tensor result;
  result.element = like.element;
  result.value = value;
  Sizes own = n.sizes().sizesOf(value);
  for (auto [d, size] : llvm::enumerate(like.dims))
    result.dims.push_back(isOpen(size) ? own[d] : size);
  return result;
}

static Value castTo(NodeBuilder &n, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(n.builder(), n.loc(), type, value);
}

/// What a loop begins with, in the type of what it carries. The canonicalizer
/// takes the sizes before a cast to be those of all iterations; it leaves a
/// reshape alone.
static Value firstValue(NodeBuilder &n, const Tensor &tensor,
                        RankedTensorType type) {
  if (tensor.value.getType() == type)
    return tensor.value;
  SmallVector<Value> dims;
  for (Size size : n.sizes().sizesOf(tensor.value))
    dims.push_back(n.sizes().value(size));
  Value shape = tensor::FromElementsOp::create(n.builder(), n.loc(), dims);
  return tensor::ReshapeOp::create(n.builder(), n.loc(), type, tensor.value,
                                   shape);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

namespace {
/// Rows while they are collected.
struct Rows {
  Tensor all;  ///< the block's argument; sizes may be open
  Tensor next; ///< with the row of this iteration
};

/// A loop while it is built. Its block has the number of the iteration, what is
/// carried and, at last, what was collected so far as arguments.
struct LoopBuilder {
  NodeBuilder &n;
  Size limit;
  Value goesOn;
  SmallVector<Tensor>
      carried; ///< before the first iteration; sizes may be open
  llvm::function_ref<Iteration(Size, ArrayRef<Tensor>)> body;

  LoopResult run();

private:
  scf::ForOp start();
  bool generalize(ArrayRef<Tensor> next);
  Tensor append(const Tensor &before, const Tensor &row);
  SmallVector<Rows, 2> collect(scf::ForOp loop, const Iteration &last,
                               Size count);
  Value room(const Tensor &rows, RankedTensorType type);
  SmallVector<Value> finish(scf::ForOp first, const Iteration &last,
                            ArrayRef<Rows> collected);
  SmallVector<Value> finishWhile(scf::ForOp first, Value condition,
                                 ArrayRef<Value> inits,
                                 ArrayRef<Value> yielded);
};
} // namespace

/// A loop without an end, in which the body is built.
scf::ForOp LoopBuilder::start() {
  SizeMath &s = n.sizes();
  SmallVector<Value> inits;
  for (Tensor &tensor : carried)
    inits.push_back(firstValue(n, tensor, typeOfCarried(n.builder(), tensor)));
  Value low = s.value(s.constant(0)), step = s.value(s.constant(1));
  auto loop = scf::ForOp::create(n.builder(), n.loc(), low, s.value(limit),
                                 step, inits);
  while (!loop.getBody()->empty())
    loop.getBody()->back().erase();
  return loop;
}

/// Opens the sizes that an iteration changes. True if there were none.
bool LoopBuilder::generalize(ArrayRef<Tensor> next) {
  if (next.size() != carried.size()) {
    n.fail("the body must give a value for each one carried, got: {0} != {1}",
           next.size(), carried.size());
    return true;
  }
  bool isStable = true;
  for (auto [before, after] : llvm::zip(carried, next)) {
    n.requireSame(before, after);
    n.requireRank(after, before.rank(), "a carried value");
    if (n.failed())
      return true;
    for (auto [d, size] : llvm::enumerate(before.dims))
      if (!isOpen(size) && !isSameSize(size, after.dims[d])) {
        size = Size();
        isStable = false;
      }
  }
  return isStable;
}

/// The rows collected so far, and one more.
Tensor LoopBuilder::append(const Tensor &before, const Tensor &row) {
  SizeMath &s = n.sizes();
  Tensor line = n.unsqueeze(row, int64_t(0));
  Sizes dims = line.dims;
  dims[0] = s.add(before.dims[0], s.constant(1));
  Tensor space = n.make(n.empty(row.element, dims), row.element, dims);
  Sizes offsets(dims.size(), s.constant(0));
  Tensor copied = n.insert(before, space, offsets);
  offsets[0] = before.dims[0];
  return n.insert(line, copied, offsets);
}

/// Sizes of rows that are known around the loop; others are open.
static Sizes sizesAround(ArrayRef<Size> dims, Operation *loop) {
  Sizes result;
  for (Size size : dims) {
    Value value = dyn_cast<Value>(size);
    bool isInside =
        value && loop->isAncestor(value.getParentRegion()->getParentOp());
    result.push_back(isInside ? Size() : size);
  }
  return result;
}

/// Adds what was collected to the block's arguments. Where all `count`
/// iterations will be done and their rows are of one size, there is room for
/// all rows from the start; elsewhere it grows.
SmallVector<Rows, 2> LoopBuilder::collect(scf::ForOp loop,
                                          const Iteration &last, Size count) {
  SizeMath &s = n.sizes();
  Block *block = loop.getBody();
  SmallVector<Rows, 2> results;
  for (const Tensor &row : last.rows) {
    Rows rows;
    rows.all.element = row.element;
    rows.all.dims = sizesAround(row.dims, loop);
    bool hasRoom =
        !goesOn && !last.goesOn && !llvm::any_of(rows.all.dims, isOpen);
    rows.all.dims.insert(rows.all.dims.begin(), hasRoom ? count : Size());
    Value argument =
        block->addArgument(typeOfCarried(n.builder(), rows.all), n.loc());
    Tensor before = tensorOf(n, argument, rows.all), line = n.built(row);
    if (hasRoom) {
      Sizes offsets(before.dims.size(), s.constant(0));
      offsets[0] = Value(loop.getInductionVar());
      rows.next = n.insert(n.unsqueeze(line, int64_t(0)), before, offsets);
    } else {
      rows.next = append(before, line);
    }
    results.push_back(rows);
  }
  return results;
}

/// What rows are before the first iteration: of open sizes, nothing.
Value LoopBuilder::room(const Tensor &rows, RankedTensorType type) {
  Tensor start;
  start.element = rows.element;
  for (Size size : rows.dims)
    start.dims.push_back(isOpen(size) ? n.sizes().constant(0) : size);
  start.value = n.empty(start.element, start.dims);
  return firstValue(n, start, type);
}

/// A loop with a condition has the same block as one without.
SmallVector<Value> LoopBuilder::finishWhile(scf::ForOp first, Value condition,
                                            ArrayRef<Value> inits,
                                            ArrayRef<Value> yielded) {
  OpBuilder &b = n.builder();
  SizeMath &s = n.sizes();
  Block *block = first.getBody();
  b.setInsertionPointToEnd(block);
  Value one = arith::ConstantIndexOp::create(b, n.loc(), 1);
  SmallVector<Value> next = {
      arith::AddIOp::create(b, n.loc(), first.getInductionVar(), one),
      condition ? condition : n.scalars(OnnxType::Bool).integer(1)};
  llvm::append_range(next, yielded);
  scf::YieldOp::create(b, n.loc(), next);
  b.setInsertionPoint(first);
  SmallVector<Value> starts = {s.value(s.constant(0)),
                               goesOn ? goesOn
                                      : n.scalars(OnnxType::Bool).integer(1)};
  llvm::append_range(starts, inits);
  Value bound = s.value(limit);
  SmallVector<Type> results = {b.getIndexType()};
  llvm::append_range(results, ValueRange(inits).getTypes());
  auto loop = scf::WhileOp::create(b, n.loc(), results, starts);
  loop.getAfter().takeBody(first.getRegion());
  Block *before =
      b.createBlock(&loop.getBefore(), {}, ValueRange(starts).getTypes(),
                    SmallVector<Location>(starts.size(), n.loc()));
  Value fits = arith::CmpIOp::create(b, n.loc(), arith::CmpIPredicate::slt,
                                     before->getArgument(0), bound);
  Value goes = arith::AndIOp::create(b, n.loc(), fits, before->getArgument(1));
  SmallVector<Value> forwarded = {before->getArgument(0)};
  llvm::append_range(forwarded, before->getArguments().drop_front(2));
  scf::ConditionOp::create(b, n.loc(), goes, forwarded);
  b.setInsertionPointAfter(loop);
  return SmallVector<Value>(loop.getResults().drop_front());
}

/// The loop as it stays: with what is collected, and its condition if it has
/// one.
SmallVector<Value> LoopBuilder::finish(scf::ForOp first, const Iteration &last,
                                       ArrayRef<Rows> collected) {
  OpBuilder &b = n.builder();
  Block *block = first.getBody();
  SmallVector<Value> inits(first.getInitArgs()), yielded;
  SmallVector<Tensor> next(last.carried);
  for (const Rows &rows : collected)
    next.push_back(rows.next);
  for (auto [tensor, argument] :
       llvm::zip(next, block->getArguments().drop_front()))
    yielded.push_back(castTo(n, n.built(tensor).value, argument.getType()));
  b.setInsertionPoint(first);
  for (const Rows &rows : collected)
    inits.push_back(room(rows.all, typeOfCarried(b, rows.all)));
  if (goesOn || last.goesOn)
    return finishWhile(first, last.goesOn, inits, yielded);
  b.setInsertionPointToEnd(block);
  scf::YieldOp::create(b, n.loc(), yielded);
  b.setInsertionPoint(first);
  auto loop = scf::ForOp::create(b, n.loc(), first.getLowerBound(),
                                 first.getUpperBound(), first.getStep(), inits);
  loop.getRegion().takeBody(first.getRegion());
  b.setInsertionPointAfter(loop);
  return SmallVector<Value>(loop.getResults());
}

LoopResult LoopBuilder::run() {
  OpBuilder &b = n.builder();
  SizeMath &s = n.sizes();
  for (Tensor &tensor : carried) {
    tensor = n.built(tensor);
    tensor.elements.reset();
    tensor.stored = nullptr;
  }
  // What is read may be negative: then there are no iterations.
  Size count = isRead(limit) ? s.max(limit, s.constant(0)) : limit;
  // Each round opens a size, or is the last one.
  for (;;) {
    scf::ForOp loop = start();
    Block *block = loop.getBody();
    b.setInsertionPointToEnd(block);
    SmallVector<Tensor> arguments;
    for (auto [tensor, argument] : llvm::zip(carried, loop.getRegionIterArgs()))
      arguments.push_back(tensorOf(n, argument, tensor));
    Iteration last = body(Value(loop.getInductionVar()), arguments);
    bool isStable = n.failed() || generalize(last.carried);
    LoopResult result;
    if (isStable && !n.failed()) {
      b.setInsertionPointToEnd(block);
      SmallVector<Rows, 2> collected = collect(loop, last, count);
      SmallVector<Value> values = finish(loop, last, collected);
      for (auto [tensor, value] : llvm::zip(carried, values))
        result.carried.push_back(tensorOf(n, value, tensor));
      for (auto [rows, value] :
           llvm::zip(collected, ArrayRef(values).drop_front(carried.size())))
        result.collected.push_back(tensorOf(n, value, rows.all));
    }
    s.forget(loop);
    Operation *op = loop;
    b.setInsertionPointAfter(op);
    if (isStable && !n.failed()) {
      // What replaced it stands before it.
      op->erase();
      return result;
    }
    op->erase();
    if (n.failed())
      return result;
  }
}

LoopResult
lqc::runLoop(NodeBuilder &n, Size limit, Value goesOn, ArrayRef<Tensor> carried,
             llvm::function_ref<Iteration(Size, ArrayRef<Tensor>)> body) {
  return LoopBuilder{n, limit, goesOn, SmallVector<Tensor>(carried), body}
      .run();
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

SmallVector<Tensor>
lqc::buildChoice(NodeBuilder &n, Value condition,
                 llvm::function_ref<SmallVector<Tensor>()> then,
                 llvm::function_ref<SmallVector<Tensor>()> otherwise) {
  OpBuilder &b = n.builder();
  auto first = scf::IfOp::create(b, n.loc(), TypeRange{}, condition,
                                 /*addThenBlock=*/true, /*addElseBlock=*/true);
  auto build = [&](Block *block,
                   llvm::function_ref<SmallVector<Tensor>()> branch) {
    while (!block->empty())
      block->back().erase();
    b.setInsertionPointToEnd(block);
    SmallVector<Tensor> results = branch();
    for (Tensor &tensor : results)
      tensor = n.built(tensor);
    return results;
  };
  Block *yes = first.thenBlock(), *no = first.elseBlock();
  SmallVector<Tensor> left = build(yes, then), right = build(no, otherwise);
  if (left.size() != right.size())
    n.fail("the branches must give equally many values, got: {0} and {1}",
           left.size(), right.size());
  SmallVector<Tensor> joined;
  SmallVector<Type> types;
  for (auto [x, y] : llvm::zip(left, right)) {
    n.requireSame(x, y);
    if (x.rank() != y.rank())
      n.fail("the branches must give tensors of one rank, got: {0} and {1}",
             x.rank(), y.rank());
    if (n.failed())
      break;
    Tensor both;
    both.element = x.element;
    Sizes around = sizesAround(x.dims, first);
    for (auto [d, size] : llvm::enumerate(around))
      both.dims.push_back(
          !isOpen(size) && isSameSize(size, y.dims[d]) ? size : Size());
    types.push_back(typeOfCarried(b, both));
    joined.push_back(both);
  }
  if (n.failed()) {
    n.sizes().forget(first);
    b.setInsertionPointAfter(first);
    first.erase();
    return {};
  }
  auto yield = [&](Block *block, ArrayRef<Tensor> tensors) {
    b.setInsertionPointToEnd(block);
    SmallVector<Value> values;
    for (auto [tensor, type] : llvm::zip(tensors, types))
      values.push_back(castTo(n, tensor.value, type));
    scf::YieldOp::create(b, n.loc(), values);
  };
  yield(yes, left);
  yield(no, right);
  b.setInsertionPoint(first);
  auto choice =
      scf::IfOp::create(b, n.loc(), types, condition, /*addThenBlock=*/false,
                        /*addElseBlock=*/false);
  choice.getThenRegion().takeBody(first.getThenRegion());
  choice.getElseRegion().takeBody(first.getElseRegion());
  first.erase();
  b.setInsertionPointAfter(choice);
  SmallVector<Tensor> results;
  for (auto [value, like] : llvm::zip(choice.getResults(), joined))
    results.push_back(tensorOf(n, value, like));
  return results;
}
