//===- Interpreter.cpp - what every operation means -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/Interpreter.h"

#include "Machine.h"

#include "lqc/Support/Parallel.h"

using namespace lqc;
using namespace mlir;

static constexpr llvm::StringLiteral kDecodeName = "decode";
static constexpr llvm::StringLiteral kPrefillName = "prefill";

Interpreter::Interpreter(ModuleOp module, WeightStore &weights,
                         unsigned threads, int64_t slots)
    : machine(std::make_unique<Machine>(
          module,
          [&weights](llvm::StringRef name) { return weights.find(name); },
          [&weights](WeightOp weight) { return weights.get(weight); },
          /*keepsWeights=*/true, threads ? threads : hardwareThreads(),
          slots)) {}

Interpreter::~Interpreter() = default;

std::vector<std::string> lqc::interpretedOperations() {
  std::vector<std::string> names;
  for (llvm::StringRef name : opTable().keys())
    names.push_back(name.str());
  llvm::sort(names);
  return names;
}

void Interpreter::reset() { machine->resetCache(); }

llvm::Expected<llvm::SmallVector<TensorValue>>
Interpreter::call(FunctionOpInterface function,
                  llvm::ArrayRef<TensorValue> args) {
  return machine->call(function, args, 0);
}

llvm::Expected<llvm::SmallVector<TensorValue>>
Interpreter::call(KernelOp kernel, llvm::ArrayRef<TensorValue> args) {
  return machine->call(kernel, args, 0);
}

llvm::Error Interpreter::run(llvm::ArrayRef<Operation *> operations,
                             Bindings &bindings) {
  Frame frame(*machine, 0, std::exchange(bindings, Bindings()));
  for (Operation *op : operations)
    if (llvm::Error error = machine->execute(op, frame))
      return error;
  bindings = std::move(frame).take();
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// step
//===----------------------------------------------------------------------===//

static llvm::Error checkInputs(const Machine::StepInputs &inputs) {
  size_t count = inputs.tokens.size();
  if (inputs.positions.size() != count || inputs.slots.size() != count)
    return makeError("a step must have a position and a slot for each of its "
                     "{0} tokens, got: {1} and {2}",
                     count, inputs.positions.size(), inputs.slots.size());
  for (int32_t output : inputs.outputs)
    if (output < 0 || static_cast<size_t>(output) >= count)
      return makeError("wanted rows must be less than the {0} tokens, got: {1}",
                       count, output);
  return llvm::Error::success();
}

static TensorValue vectorOf(llvm::ArrayRef<int32_t> values) {
  return TensorValue::ofIntegers(
      {static_cast<int64_t>(values.size())},
      std::vector<int64_t>(values.begin(), values.end()));
}

/// The rows of a matrix that are wanted.
static std::vector<float> rowsOf(const TensorValue &matrix,
                                 llvm::ArrayRef<int32_t> rows) {
  int64_t columns = matrix.shape()[1];
  std::vector<float> result;
  result.reserve(rows.size() * columns);
  for (int32_t row : rows) {
    const float *start = matrix.floats().data() + row * columns;
    result.insert(result.end(), start, start + columns);
  }
  return result;
}

static llvm::Expected<std::vector<float>>
runForward(Machine &machine, FunctionOpInterface forward,
           const Machine::StepInputs &inputs) {
  llvm::Expected<Machine::Values> results =
      machine.call(forward,
                   {vectorOf(inputs.tokens), vectorOf(inputs.positions),
                    vectorOf(inputs.slots)},
                   0);
  if (!results)
    return results.takeError();
  if (results->size() != 1 || (*results)[0].shape().size() != 2 ||
      (*results)[0].shape()[0] != static_cast<int64_t>(inputs.tokens.size()) ||
      (*results)[0].kind() == TensorValue::Kind::Integer)
    return makeError("{0}@{1} must give one row of logits for each token",
                     placeOf(forward), kForwardName);
  return rowsOf((*results)[0], inputs.outputs);
}

/// Tokens [first, last) of a step, and the wanted rows among them.
static llvm::Error runChunk(Machine &machine, StepOp step,
                            const Machine::StepInputs &inputs, size_t first,
                            size_t last, std::vector<float> &logits) {
  std::vector<int32_t> outputs;
  std::vector<size_t> places;
  for (auto [place, output] : llvm::enumerate(inputs.outputs)) {
    if (static_cast<size_t>(output) < first ||
        static_cast<size_t>(output) >= last)
      continue;
    outputs.push_back(output - static_cast<int32_t>(first));
    places.push_back(place);
  }
  auto part = [&](llvm::ArrayRef<int32_t> all) {
    return all.slice(first, last - first);
  };
  std::vector<float> rows;
  if (llvm::Error error =
          machine.runStep(step,
                          {part(inputs.tokens), part(inputs.positions),
                           part(inputs.slots), outputs},
                          rows))
    return error;
  if (outputs.empty())
    return llvm::Error::success();
  size_t columns = rows.size() / outputs.size();
  logits.resize(inputs.outputs.size() * columns);
  for (size_t i = 0; i < places.size(); ++i)
    std::copy_n(&rows[i * columns], columns, &logits[places[i] * columns]);
  return llvm::Error::success();
}

/// Tokens that a step's buffers take.
static size_t chunkOf(StepOp step) {
  Type type = step.getStepArgument(StepOp::Tokens).getType();
  return cast<BufferType>(type).getTensor().getDimSize(0);
}

static llvm::Expected<std::vector<float>>
runSteps(Machine &machine, StepOp decode, StepOp prefill,
         const Machine::StepInputs &inputs) {
  // A wanted row may be named more often than a chunk has rows.
  if (inputs.outputs.size() > inputs.tokens.size())
    return makeError("a step must want at most its {0} rows, got: {1}",
                     inputs.tokens.size(), inputs.outputs.size());
  std::vector<float> logits;
  size_t count = inputs.tokens.size();
  for (size_t first = 0, last; first < count; first = last) {
    bool usesDecode = decode && (count - first == 1 || !prefill);
    StepOp step = usesDecode ? decode : prefill;
    last = std::min(count, first + std::max<size_t>(chunkOf(step), 1));
    if (llvm::Error error =
            runChunk(machine, step, inputs, first, last, logits))
      return std::move(error);
  }
  return logits;
}

llvm::Expected<std::vector<float>> Interpreter::step(
    llvm::ArrayRef<int32_t> tokens, llvm::ArrayRef<int32_t> positions,
    llvm::ArrayRef<int32_t> slots, llvm::ArrayRef<int32_t> outputs) {
  Machine::StepInputs inputs{tokens, positions, slots, outputs};
  if (llvm::Error error = checkInputs(inputs))
    return std::move(error);
  ModuleOp module = machine->module;
  StepOp decode = module.lookupSymbol<StepOp>(kDecodeName);
  StepOp prefill = module.lookupSymbol<StepOp>(kPrefillName);
  if (decode || prefill)
    return runSteps(*machine, decode, prefill, inputs);
  FunctionOpInterface forward =
      module.lookupSymbol<FunctionOpInterface>(kForwardName);
  if (!forward)
    return makeError("the module must have a function @{0} or steps @{1} and "
                     "@{2}",
                     kForwardName, kDecodeName, kPrefillName);
  return runForward(*machine, forward, inputs);
}
