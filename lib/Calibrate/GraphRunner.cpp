//===- GraphRunner.cpp - a graph, run as far as wanted --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/GraphRunner.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lqc;

GraphRunner::GraphRunner(ModuleOp module, WeightStore &weights,
                         const GraphSamples &data, unsigned threads)
    : module(module), weights(weights), data(data), threads(threads) {}

llvm::Error GraphRunner::start() {
  if (block)
    return llvm::Error::success();
  FunctionOpInterface main =
      module.lookupSymbol<FunctionOpInterface>(kMainName);
  if (!main || !main.getFunctionBody().hasOneBlock())
    return makeError("the module must have a function @{0} with one block",
                     kMainName);
  block = &main.getFunctionBody().front();
  for (ArrayRef<TensorValue> sample : data.inputs) {
    assert(sample.size() == block->getNumArguments() &&
           "samples are made for this graph");
    Interpreter::Bindings &bindings = values.emplace_back();
    for (auto [argument, tensor] : llvm::zip(block->getArguments(), sample))
      bindings[argument] = tensor;
  }
  return llvm::Error::success();
}

/// The operations up to the next stage, in order. Reads of weights, which
/// passes may replace, are no part of them and never done.
Stage GraphRunner::collect(const IsWanted &isWanted,
                           SmallVectorImpl<Operation *> &ops) {
  for (Operation &op : block->without_terminator()) {
    if (isa<GetWeightOp>(op) || done.contains(&op))
      continue;
    if (LinearOp linear = dyn_cast<LinearOp>(op); linear && isWanted(linear))
      return stageAt(linear, isWanted);
    done.insert(&op);
    ops.push_back(&op);
  }
  return {};
}

/// Whether an operation that has not been run yet reads the value. What @main
/// returns is not looked at.
bool GraphRunner::isNeededLater(Value value) const {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    Operation *op = block->findAncestorOpInBlock(*user);
    return op != block->getTerminator() && !done.contains(op);
  });
}

/// `ops`, and the reads of weights that they need before them.
static SmallVector<Operation *> withReads(ArrayRef<Operation *> ops) {
  llvm::SetVector<Operation *> reads;
  for (Operation *op : ops)
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (GetWeightOp read = operand.getDefiningOp<GetWeightOp>();
            read && read->getBlock() == op->getBlock())
          reads.insert(read);
    });
  SmallVector<Operation *> all = reads.takeVector();
  llvm::append_range(all, ops);
  return all;
}

llvm::Error GraphRunner::run(ArrayRef<Operation *> ops) {
  const SmallVector<Operation *> all = withReads(ops);
  // Holds the weights of this stretch, which may change before the next.
  Interpreter interpreter(module, weights, threads);
  for (auto [number, bindings] : llvm::enumerate(values)) {
    if (llvm::Error error = interpreter.run(all, bindings))
      return prefixError("sample " + std::to_string(number), std::move(error));
    SmallVector<Value> dead;
    for (const auto &[value, tensor] : bindings)
      if (value.getDefiningOp<GetWeightOp>() || !isNeededLater(value))
        dead.push_back(value);
    for (Value value : dead)
      bindings.erase(value);
  }
  return llvm::Error::success();
}

llvm::Expected<Stage> GraphRunner::advance(const IsWanted &isWanted) {
  if (llvm::Error error = start())
    return std::move(error);
  SmallVector<Operation *> ops;
  Stage stage = collect(isWanted, ops);
  if (!stage)
    return stage;
  if (llvm::Error error = run(ops))
    return std::move(error);
  // It may be computed behind the linear, or be a weight.
  if (stage.residual && !values.front().contains(stage.residual))
    stage.residual = {};
  return stage;
}

ArrayRef<float> GraphRunner::rows(Value value, int64_t sample) {
  return values[sample].at(value).floats();
}

void GraphRunner::divideChannels(Value value, ArrayRef<float> scales) {
  for (Interpreter::Bindings &bindings : values) {
    TensorValue &tensor = bindings.find(value)->second;
    std::vector<float> numbers = tensor.floats();
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] /= scales[i % scales.size()];
    tensor = TensorValue::ofFloats(TensorValue::Shape(tensor.shape()), numbers);
  }
}
