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
                         const GraphSamples &data, unsigned threads,
                         Precision precision)
    : module(module), weights(weights), data(data), threads(threads),
      precision(precision) {}

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
    if (LinearOp linear = dyn_cast<LinearOp>(op); linear && isWanted(linear)) {
      Operation *producer = linear.getInput().getDefiningOp();
      // The image is kept in place of the patches.
      if (isa_and_nonnull<PatchesOp>(producer) && done.erase(producer))
        llvm::erase(ops, producer);
      return stageAt(linear, isWanted);
    }
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

/// Reads of weights that `op` needs from its block.
static void addReads(Operation *op, llvm::SetVector<Operation *> &reads) {
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (GetWeightOp read = operand.getDefiningOp<GetWeightOp>();
          read && read->getBlock() == op->getBlock())
        reads.insert(read);
  });
}

/// The weight of a linear, if it is one of the module; else null.
static GetWeightOp weightRead(Operation *op) {
  LinearOp linear = dyn_cast<LinearOp>(op);
  return linear ? linear.getWeight().getDefiningOp<GetWeightOp>()
                : GetWeightOp();
}

llvm::Expected<std::vector<GraphRunner::Part>>
GraphRunner::prepare(ArrayRef<Operation *> ops) {
  std::vector<Part> parts(1);
  llvm::SetVector<Operation *> reads;
  for (Operation *op : ops) {
    GetWeightOp read = weightRead(op);
    if (!read) {
      addReads(op, reads);
      parts.back().ops.push_back(op);
      continue;
    }
    LinearOp linear = cast<LinearOp>(op);
    if (Value bias = linear.getBias())
      if (GetWeightOp biasRead = bias.getDefiningOp<GetWeightOp>())
        reads.insert(biasRead);
    llvm::Expected<WeightOp> weight = weightOf(read, weights);
    if (!weight)
      return weight.takeError();
    llvm::Expected<TensorValue> value = readMatrix(*weight, weights);
    if (!value)
      return value.takeError();
    parts.back().linear = linear;
    parts.back().factor.emplace(value->floats(), value->shape()[0],
                                value->shape()[1], precision);
    parts.emplace_back();
  }
  SmallVector<Operation *> &first = parts.front().ops;
  first.insert(first.begin(), reads.begin(), reads.end());
  return parts;
}

/// What a linear gives for its bound input.
static TensorValue multiply(LinearOp linear, const PackedFactor &factor,
                            const Interpreter::Bindings &bindings,
                            unsigned threads) {
  const std::vector<float> &rows = bindings.at(linear.getInput()).floats();
  const int64_t count =
      int64_t(rows.size()) / linear.getInput().getType().getDimSize(1);
  const int64_t outputs = linear.getType().getDimSize(1);
  std::vector<float> product(count * outputs);
  factor.multiply(rows, count, product, threads);
  if (Value bias = linear.getBias()) {
    const std::vector<float> &offsets = bindings.at(bias).floats();
    for (size_t i = 0; i < product.size(); ++i)
      product[i] += offsets[i % outputs];
  }
  return TensorValue::ofFloats({count, outputs}, std::move(product));
}

llvm::Error GraphRunner::runParts(ArrayRef<Part> parts,
                                  Interpreter &interpreter,
                                  Interpreter::Bindings &bindings) const {
  for (const Part &part : parts) {
    if (llvm::Error error = interpreter.run(part.ops, bindings))
      return error;
    if (LinearOp linear = part.linear)
      bindings[linear.getResult()] =
          multiply(linear, *part.factor, bindings, threads);
  }
  return llvm::Error::success();
}

llvm::Error GraphRunner::run(ArrayRef<Operation *> ops) {
  llvm::Expected<std::vector<Part>> parts = prepare(ops);
  if (!parts)
    return parts.takeError();
  // Holds the weights of this stretch, which may change before the next.
  Interpreter interpreter(module, weights, threads);
  for (auto [number, bindings] : llvm::enumerate(values)) {
    if (llvm::Error error = runParts(*parts, interpreter, bindings))
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
  const Interpreter::Bindings &bindings = values[sample];
  auto found = bindings.find(value);
  if (found != bindings.end())
    return found->second.floats();
  if (patchesOf != std::pair(value, sample)) {
    PatchesOp op = value.getDefiningOp<PatchesOp>();
    Interpreter::Bindings image;
    image[op.getInput()] = bindings.at(op.getInput());
    Interpreter interpreter(module, weights, threads);
    cantFail(interpreter.run({op}, image));
    patches = image.at(value);
    patchesOf = {value, sample};
  }
  return patches.floats();
}

void GraphRunner::divideChannels(Value value, ArrayRef<float> scales) {
  for (Interpreter::Bindings &bindings : values) {
    // No pass scales the channels of patches: an image has others.
    TensorValue &tensor = bindings.find(value)->second;
    std::vector<float> numbers = tensor.floats();
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] /= scales[i % scales.size()];
    tensor = TensorValue::ofFloats(TensorValue::Shape(tensor.shape()), numbers);
  }
}
