//===- ScalarRegion.cpp - bodies that compute elements --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarRegion.h"

#include "TensorIndex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

bool ScalarRegion::variesWithElement(Value value) const {
  return value.getParentBlock() == &block &&
         !invariant.contains(value.getDefiningOp());
}

bool ScalarRegion::variesWithElement(Operation *op) const {
  if (isa<linalg::IndexOp>(op))
    return true;
  WalkResult result = op->walk([&](Operation *nested) {
    return llvm::any_of(nested->getOperands(),
                        [&](Value v) { return variesWithElement(v); })
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return result.wasInterrupted();
}

llvm::Expected<Scalar *> ScalarRegion::newSlot(Value value) {
  llvm::Expected<ScalarType> type = scalarTypeOf(value.getType());
  if (!type)
    return type.takeError();
  memory.push_back(std::make_unique<Scalar[]>(kCount));
  return slots[value] = memory.back().get();
}

llvm::Expected<const Scalar *> ScalarRegion::slotOf(Value value) {
  if (Scalar *known = slots.lookup(value))
    return known;
  llvm::Expected<Scalar *> slot = newSlot(value);
  if (slot)
    std::fill_n(*slot, kCount, scalarAt(frame.get(value), 0));
  return slot;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

llvm::Error ScalarRegion::addStep(Operation *op, ScalarFunction function,
                                  ValueRange operands, bool isRounded) {
  Step step{op, std::move(function), {}, {}, {}, isRounded};
  for (Value operand : operands) {
    llvm::Expected<const Scalar *> slot = slotOf(operand);
    if (!slot)
      return slot.takeError();
    step.operands.push_back(*slot);
  }
  for (Value result : op->getResults()) {
    llvm::Expected<Scalar *> slot = newSlot(result);
    if (!slot)
      return slot.takeError();
    step.results.push_back(*slot);
    step.types.push_back(llvm::cantFail(scalarTypeOf(result.getType())));
  }
  steps.push_back(std::move(step));
  return llvm::Error::success();
}

/// An element of a tensor that stays the same.
llvm::Error ScalarRegion::addExtract(Operation *op) {
  tensor::ExtractOp extract = cast<tensor::ExtractOp>(op);
  const TensorValue source = frame.get(extract.getTensor());
  auto function = [source](llvm::ArrayRef<const Scalar *> operands,
                           llvm::ArrayRef<Scalar *> results,
                           int64_t count) -> llvm::Error {
    for (int64_t i = 0; i < count; ++i) {
      llvm::Expected<int64_t> place = elementPlace(
          source.shape(), [&](unsigned d) { return operands[d][i].integer; });
      if (!place)
        return place.takeError();
      results[0][i] = scalarAt(source, *place);
    }
    return llvm::Error::success();
  };
  return addStep(op, function, extract.getIndices(), /*isRounded=*/false);
}

/// The values outside of `op` that it and what is in it use.
static llvm::SetVector<Value> usedValues(Operation *op) {
  llvm::SetVector<Value> result;
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        result.insert(operand);
  });
  return result;
}

llvm::Error ScalarRegion::addMachineStep(Operation *op) {
  SmallVector<Value> inputs;
  SmallVector<ScalarType> types;
  for (Value value : usedValues(op))
    if (variesWithElement(value)) {
      inputs.push_back(value);
      types.push_back(llvm::cantFail(scalarTypeOf(value.getType())));
    }
  Frame &values = frame;
  auto function = [&values, op, inputs,
                   types](llvm::ArrayRef<const Scalar *> operands,
                          llvm::ArrayRef<Scalar *> results,
                          int64_t count) -> llvm::Error {
    for (int64_t i = 0; i < count; ++i) {
      for (auto [value, type, slot] : llvm::zip(inputs, types, operands)) {
        ElementsBuilder element(type, 1);
        element.set(0, slot[i]);
        values.set(value, element.take({}));
      }
      if (llvm::Error error = values.machine.execute(op, values))
        return error;
      for (auto [result, slot] : llvm::zip(op->getResults(), results))
        slot[i] = scalarAt(values.get(result), 0);
    }
    return llvm::Error::success();
  };
  return addStep(op, function, inputs, /*isRounded=*/false);
}

/// Conversions say themselves that they round.
static bool isConversion(Operation *op) {
  return isa<arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp>(op);
}

llvm::Error ScalarRegion::addOperation(Operation *op) {
  if (linalg::IndexOp index = dyn_cast<linalg::IndexOp>(op)) {
    llvm::Expected<Scalar *> slot = newSlot(index);
    if (!slot)
      return slot.takeError();
    indexSlots.push_back({index.getDim(), *slot});
    return llvm::Error::success();
  }
  if (!variesWithElement(op)) {
    invariant.insert(op);
    return frame.machine.execute(op, frame);
  }
  tensor::ExtractOp extract = dyn_cast<tensor::ExtractOp>(op);
  if (extract && !variesWithElement(extract.getTensor()))
    return addExtract(op);
  auto found = scalarTable().find(op->getName().getStringRef());
  if (found == scalarTable().end())
    return addMachineStep(op);
  bool isFloat = llvm::any_of(op->getResultTypes(), llvm::IsaPred<FloatType>);
  return addStep(op, found->second(op), op->getOperands(),
                 !isReduction || !isFloat || isConversion(op));
}

/// Who runs the body writes results over arguments: a result that is an
/// argument is copied before.
const Scalar *ScalarRegion::copyOfArgument(Value value, const Scalar *slot) {
  if (!isa<BlockArgument>(value) || value.getParentBlock() != &block)
    return slot;
  memory.push_back(std::make_unique<Scalar[]>(kCount));
  Scalar *copy = memory.back().get();
  auto function = [](llvm::ArrayRef<const Scalar *> operands,
                     llvm::ArrayRef<Scalar *> results, int64_t count) {
    std::copy_n(operands[0], count, results[0]);
    return llvm::Error::success();
  };
  steps.push_back({block.getTerminator(), function, {slot}, {copy}, {}, false});
  return copy;
}

llvm::Expected<std::unique_ptr<ScalarRegion>>
ScalarRegion::create(Block &block, Frame &frame, bool isReduction) {
  std::unique_ptr<ScalarRegion> region(
      new ScalarRegion(block, frame, isReduction));
  for (BlockArgument argument : block.getArguments()) {
    llvm::Expected<Scalar *> slot = region->newSlot(argument);
    if (!slot)
      return slot.takeError();
    region->arguments.push_back(*slot);
  }
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = region->addOperation(&op))
      return std::move(error);
  for (Value value : block.getTerminator()->getOperands()) {
    llvm::Expected<const Scalar *> slot = region->slotOf(value);
    if (!slot)
      return slot.takeError();
    region->results.push_back(region->copyOfArgument(value, *slot));
  }
  return region;
}

llvm::Error ScalarRegion::run(int64_t count) {
  assert(count <= kCount && "a block of elements");
  for (Step &step : steps) {
    if (llvm::Error error = step.function(step.operands, step.results, count)) {
      // What the machine runs has said its place already.
      bool isKnown =
          scalarTable().contains(step.op->getName().getStringRef()) ||
          isa<tensor::ExtractOp>(step.op);
      return isKnown ? opError(step.op, "{0}", llvm::toString(std::move(error)))
                     : std::move(error);
    }
    if (step.isRounded)
      for (auto [result, type] : llvm::zip(step.results, step.types))
        roundScalars(result, count, type);
  }
  return llvm::Error::success();
}
