//===- InterpretGraph.cpp - tensors in, tensors out -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/InterpretGraph.h"

#include "lib/Driver/GraphTensors.h"
#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;
using runtime::Tensor;

/// Numbers shown of each output.
static constexpr int64_t kShown = 8;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static llvm::Error readTolerance(StringRef option, StringRef text,
                                 double &value) {
  if (text.empty())
    return llvm::Error::success();
  if (text.getAsDouble(value) || !(value >= 0 && value <= 1e30))
    return makeError("{0} must be a number from 0 to 1e30, got: {1}", option,
                     quote(text));
  return llvm::Error::success();
}

llvm::Expected<std::optional<GraphPlan>>
lqc::makeGraphPlan(const InterpretOptions &options) {
  bool hasTolerance = !options.relative.empty() || !options.absolute.empty();
  bool isRun = !options.inputs.empty() || !options.outputDirectory.empty();
  if (hasTolerance && options.check.empty())
    return makeError("--rtol and --atol are for --check");
  if (!isRun && options.check.empty())
    return std::nullopt;
  if (isRun && !options.check.empty())
    return makeError("--check reads its inputs from the folder: leave out "
                     "--input and --output-dir");
  if (!options.tokens.empty() || !options.greedy.empty() ||
      !options.logits.empty())
    return makeError("--tokens, --greedy and --logits are for language models, "
                     "--input, --output-dir and --check for graphs");
  GraphPlan plan;
  plan.inputs = options.inputs;
  plan.outputDirectory = options.outputDirectory;
  plan.checkDirectory = options.check;
  if (llvm::Error error =
          readTolerance("--rtol", options.relative, plan.relative))
    return std::move(error);
  if (llvm::Error error =
          readTolerance("--atol", options.absolute, plan.absolute))
    return std::move(error);
  return plan;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// A graph module and its interpreter.
class GraphRunner {
public:
  GraphRunner(const Model &model, unsigned threads)
      : store(*model.module, model.root, threads),
        interpreter(*model.module, store, threads) {}

  /// Finds @main.
  llvm::Error open(ModuleOp module);
  /// Runs it on tensors in the order of `inputs`.
  llvm::Expected<std::vector<Tensor>> run(ArrayRef<Tensor> tensors);

  std::vector<GraphValue> inputs, outputs;

private:
  WeightStore store;
  Interpreter interpreter;
  FunctionOpInterface main;
};
} // namespace

llvm::Error GraphRunner::open(ModuleOp module) {
  main = module.lookupSymbol<FunctionOpInterface>("main");
  if (!main)
    return makeError("the module must have a function @main: --input, "
                     "--output-dir and --check are for graphs");
  llvm::Expected<std::vector<GraphValue>> found = graphInputs(main);
  if (!found)
    return found.takeError();
  inputs = std::move(*found);
  found = graphOutputs(main);
  if (!found)
    return found.takeError();
  outputs = std::move(*found);
  return llvm::Error::success();
}

llvm::Expected<std::vector<Tensor>> GraphRunner::run(ArrayRef<Tensor> tensors) {
  SmallVector<TensorValue> values;
  for (auto [input, tensor] : llvm::zip_equal(inputs, tensors)) {
    llvm::Expected<TensorValue> value = tensorForInput(input, tensor);
    if (!value)
      return value.takeError();
    values.push_back(std::move(*value));
  }
  if (llvm::Error error = checkDimNames(inputs, values))
    return std::move(error);
  llvm::Expected<SmallVector<TensorValue>> results =
      interpreter.call(main, values);
  if (!results)
    return results.takeError();
  std::vector<Tensor> made;
  for (auto [output, result] : llvm::zip_equal(outputs, *results)) {
    llvm::Expected<Tensor> tensor = tensorOfOutput(output, result);
    if (!tensor)
      return tensor.takeError();
    made.push_back(std::move(*tensor));
  }
  return made;
}

//===----------------------------------------------------------------------===//
// One run
//===----------------------------------------------------------------------===//

/// Which input "NAME=FILE" or "FILE" is for, and the file. A name may have
/// '=' in it.
static llvm::Expected<std::pair<size_t, std::string>>
splitInput(StringRef text, ArrayRef<GraphValue> inputs) {
  for (auto [i, input] : llvm::enumerate(inputs)) {
    StringRef rest = text;
    if (rest.consume_front(input.name) && rest.consume_front("="))
      return std::pair(i, rest.str());
  }
  if (inputs.size() == 1 && !text.contains('='))
    return std::pair(size_t(0), text.str());
  std::string names;
  for (const GraphValue &input : inputs)
    names += (names.empty() ? "" : ", ") + input.name;
  return makeError("--input must be NAME=FILE with one of the inputs {0}, got: "
                   "{1}",
                   names, text);
}

static llvm::Expected<std::vector<Tensor>>
readInputs(ArrayRef<std::string> texts, ArrayRef<GraphValue> inputs) {
  std::vector<std::string> paths(inputs.size());
  for (StringRef text : texts) {
    auto split = splitInput(text, inputs);
    if (!split)
      return split.takeError();
    if (!paths[split->first].empty())
      return makeError("--input: {0} must be given once",
                       quote(inputs[split->first].name));
    paths[split->first] = split->second;
  }
  std::vector<Tensor> tensors;
  for (auto [path, input] : llvm::zip_equal(paths, inputs)) {
    if (path.empty())
      return makeError("input {0} must be given: --input {1}=FILE",
                       quote(input.name), input.name);
    llvm::Expected<Tensor> tensor = readTensorFile(path);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

static void showOutputs(ArrayRef<Tensor> outputs, llvm::raw_ostream &out) {
  for (const Tensor &tensor : outputs) {
    out << tensor.name << ": " << describeTensor(tensor);
    for (int64_t i = 0, count = tensor.count(); i < count && i < kShown; ++i)
      out << " " << numberText(tensor.at(i));
    out << (tensor.count() > kShown ? " …\n" : "\n");
  }
}

static llvm::Error runOnce(GraphRunner &runner, const GraphPlan &plan,
                           llvm::raw_ostream &out) {
  llvm::Expected<std::vector<Tensor>> inputs =
      readInputs(plan.inputs, runner.inputs);
  if (!inputs)
    return inputs.takeError();
  llvm::Expected<std::vector<Tensor>> outputs = runner.run(*inputs);
  if (!outputs)
    return outputs.takeError();
  if (!plan.outputDirectory.empty())
    return writeTensors(plan.outputDirectory, *outputs);
  showOutputs(*outputs, out);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// Compares one set, a line for each output; gives how many differ.
static llvm::Expected<size_t> checkSet(GraphRunner &runner,
                                       const GraphPlan &plan,
                                       const std::string &set,
                                       llvm::raw_ostream &out) {
  llvm::Expected<std::vector<Tensor>> inputs =
      readTestSet(set, "input", runner.inputs);
  if (!inputs)
    return inputs.takeError();
  llvm::Expected<std::vector<Tensor>> expected =
      readTestSet(set, "output", runner.outputs);
  if (!expected)
    return expected.takeError();
  llvm::Expected<std::vector<Tensor>> outputs = runner.run(*inputs);
  if (!outputs)
    return outputs.takeError();
  size_t differing = 0;
  for (auto [got, wanted] : llvm::zip_equal(*outputs, *expected)) {
    std::string difference =
        describeDifference(got, wanted, plan.relative, plan.absolute);
    differing += !difference.empty();
    out << llvm::sys::path::filename(set) << ": " << got.name << ": "
        << (difference.empty() ? describeTensor(got) + " agrees" : difference)
        << "\n";
  }
  return differing;
}

static llvm::Error checkAll(GraphRunner &runner, const GraphPlan &plan,
                            llvm::raw_ostream &out) {
  llvm::Expected<std::vector<std::string>> sets =
      findTestSets(plan.checkDirectory);
  if (!sets)
    return sets.takeError();
  size_t differing = 0;
  for (const std::string &set : *sets) {
    llvm::Expected<size_t> count = checkSet(runner, plan, set, out);
    if (!count)
      return count.takeError();
    differing += *count;
  }
  if (differing)
    return makeError("{0}: {1} of {2} outputs differ", plan.checkDirectory,
                     differing, runner.outputs.size() * sets->size());
  return llvm::Error::success();
}

llvm::Error lqc::interpretGraph(const Model &model, const GraphPlan &plan,
                                unsigned threads, llvm::raw_ostream &out) {
  GraphRunner runner(model, threads);
  if (llvm::Error error = runner.open(*model.module))
    return error;
  if (!plan.checkDirectory.empty())
    return checkAll(runner, plan, out);
  return runOnce(runner, plan, out);
}
