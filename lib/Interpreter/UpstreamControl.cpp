//===- UpstreamControl.cpp - func, scf and cf -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace lqc;
using namespace mlir;

static void setResults(Operation *op, Frame &frame, Machine::Values values) {
  for (auto [result, value] : llvm::zip(op->getResults(), values))
    frame.set(result, std::move(value));
}

static llvm::Error callFunction(func::CallOp op, Frame &frame) {
  Operation *callee = frame.machine.module.lookupSymbol(op.getCalleeAttr());
  if (!callee)
    return opError(op, "no function is called @{0}", op.getCallee());
  Machine::Values args;
  for (Value operand : op.getOperands())
    if (!isa<CacheType>(operand.getType()))
      args.push_back(frame.get(operand));
  llvm::Expected<Machine::Values> results =
      frame.machine.call(callee, args, frame.depth + 1);
  if (!results)
    return results.takeError();
  setResults(op, frame, std::move(*results));
  return llvm::Error::success();
}

static llvm::Error runFor(scf::ForOp op, Frame &frame) {
  int64_t lower = frame.integer(op.getLowerBound());
  int64_t upper = frame.integer(op.getUpperBound());
  int64_t step = frame.integer(op.getStep());
  if (step <= 0)
    return opError(op, "step must be positive, got: {0}", step);
  Machine::Values carried;
  for (Value initial : op.getInitArgs())
    carried.push_back(frame.get(initial));
  // The distance left is compared, so that the counter never overflows.
  for (int64_t i = lower; i < upper; i += step) {
    frame.set(op.getInductionVar(), TensorValue::ofIntegers({}, {i}));
    for (auto [argument, value] : llvm::zip(op.getRegionIterArgs(), carried))
      frame.set(argument, value);
    llvm::Expected<Machine::Values> next =
        frame.machine.runBlock(*op.getBody(), frame);
    if (!next)
      return next.takeError();
    carried = std::move(*next);
    if (upper - i <= step)
      break;
  }
  setResults(op, frame, std::move(carried));
  return llvm::Error::success();
}

static llvm::Error runIf(scf::IfOp op, Frame &frame) {
  Region &region = frame.integer(op.getCondition()) ? op.getThenRegion()
                                                    : op.getElseRegion();
  if (region.empty())
    return llvm::Error::success();
  llvm::Expected<Machine::Values> results =
      frame.machine.runBlock(region.front(), frame);
  if (!results)
    return results.takeError();
  setResults(op, frame, std::move(*results));
  return llvm::Error::success();
}

static llvm::Expected<Machine::Values>
runWith(Block &block, ArrayRef<TensorValue> arguments, Frame &frame) {
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    frame.set(argument, value);
  return frame.machine.runBlock(block, frame);
}

/// The operands of scf.condition are the condition and what goes on.
static llvm::Error runWhile(scf::WhileOp op, Frame &frame) {
  Machine::Values carried;
  for (Value initial : op.getInits())
    carried.push_back(frame.get(initial));
  while (true) {
    llvm::Expected<Machine::Values> condition =
        runWith(*op.getBeforeBody(), carried, frame);
    if (!condition)
      return condition.takeError();
    bool goesOn = condition->front().integers()[0];
    ArrayRef<TensorValue> values = ArrayRef(*condition).drop_front();
    if (!goesOn) {
      setResults(op, frame, Machine::Values(values));
      return llvm::Error::success();
    }
    llvm::Expected<Machine::Values> next =
        runWith(*op.getAfterBody(), values, frame);
    if (!next)
      return next.takeError();
    carried = std::move(*next);
  }
}

static llvm::Error runIndexSwitch(scf::IndexSwitchOp op, Frame &frame) {
  int64_t argument = frame.integer(op.getArg());
  Region *chosen = &op.getDefaultRegion();
  for (auto [value, region] : llvm::zip(op.getCases(), op.getCaseRegions()))
    if (value == argument)
      chosen = &region;
  llvm::Expected<Machine::Values> results =
      frame.machine.runBlock(chosen->front(), frame);
  if (!results)
    return results.takeError();
  setResults(op, frame, std::move(*results));
  return llvm::Error::success();
}

/// The message is all that the executable would say.
static llvm::Error checkAssertion(cf::AssertOp op, Frame &frame) {
  if (frame.integer(op.getArg()))
    return llvm::Error::success();
  return makeError("{0}{1}", placeOf(op), op.getMsg());
}

void lqc::addUpstreamControlOps(OpTable &table) {
  addOp<func::CallOp>(table, callFunction);
  addOp<scf::ForOp>(table, runFor);
  addOp<scf::IfOp>(table, runIf);
  addOp<scf::WhileOp>(table, runWhile);
  addOp<scf::IndexSwitchOp>(table, runIndexSwitch);
  addOp<cf::AssertOp>(table, checkAssertion);
}
