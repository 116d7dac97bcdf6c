//===- GraphSamples.cpp - what a graph is calibrated on -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/GraphSamples.h"

#include "lib/Driver/Calibration.h"
#include "lib/Driver/Facts.h"
#include "lib/Driver/GraphTensors.h"
#include "lqc/Runtime/EncoderText.h"
#include "lqc/Runtime/Executable.h"
#include "lqc/Runtime/Tokenizer.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstring>
#include <numeric>
#include <random>

using namespace mlir;
using namespace lqc;
using runtime::Tensor;

/// At most `most` of `count` numbers from 0 on, in order.
static std::vector<int64_t> draw(int64_t count, int64_t most, uint64_t seed) {
  std::vector<int64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  if (count <= most)
    return numbers;
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < most; ++i)
    std::swap(numbers[i], numbers[i + random() % uint64_t(count - i)]);
  numbers.resize(most);
  llvm::sort(numbers);
  return numbers;
}

//===----------------------------------------------------------------------===//
// Lines of text
//===----------------------------------------------------------------------===//

namespace {
/// An encoder's tokenizer and what fits into its graph.
struct LineReader {
  runtime::EncoderDefaults encoder;
  std::vector<char> tables;
  std::unique_ptr<runtime::Tokenizer> tokenizer;
  int64_t rows = 1;     ///< of the graph's inputs
  int64_t columns = -1; ///< of the graph's inputs; -1: any number
  int64_t longest = 0;  ///< tokens of a line

  static llvm::Expected<LineReader> open(const Model &model,
                                         const CalibrationPlan &plan,
                                         ArrayRef<GraphValue> inputs,
                                         StringRef name);
  /// The graph's inputs for a line, in each row.
  SmallVector<TensorValue> sample(ArrayRef<int32_t> tokens,
                                  size_t inputCount) const;
};
} // namespace

llvm::Expected<LineReader> LineReader::open(const Model &model,
                                            const CalibrationPlan &plan,
                                            ArrayRef<GraphValue> inputs,
                                            StringRef name) {
  LineReader reader;
  auto encoder = encoderOf(*model.module);
  if (!encoder)
    return prefixError(name, encoder.takeError());
  ModelAttr attribute =
      (*model.module)->getAttrOfType<ModelAttr>(kModelAttrName);
  if (!*encoder || !attribute)
    return errorWithHint(
        plan.text + ": this graph does not embed text, so it must be "
                    "calibrated on tensors",
        "a .npy file, or a folder with NAME.npy for each input");
  reader.encoder = **encoder;
  auto tables = buildTokenizer(attribute, model.root, plan.tokenizer);
  if (!tables)
    return tables.takeError();
  reader.tables = std::move(**tables);
  std::string error;
  reader.tokenizer = runtime::Tokenizer::open(reader.tables.data(),
                                              reader.tables.size(), error);
  if (!reader.tokenizer)
    return makeError("{0}: {1}", name, error);
  ArrayRef<int64_t> shape = inputs[reader.encoder.ids].type.getShape();
  if (!ShapedType::isDynamic(shape[0]))
    reader.rows = shape[0];
  reader.longest = plan.length;
  for (int64_t limit : {reader.encoder.maxLength, reader.encoder.longest})
    if (limit)
      reader.longest = std::min(reader.longest, limit);
  if (!ShapedType::isDynamic(shape[1])) {
    reader.columns = shape[1];
    reader.longest = std::min(reader.longest, shape[1]);
  }
  return std::move(reader);
}

SmallVector<TensorValue> LineReader::sample(ArrayRef<int32_t> tokens,
                                            size_t inputCount) const {
  const int64_t width = columns < 0 ? int64_t(tokens.size()) : columns;
  SmallVector<TensorValue> values;
  for (size_t i = 0; i < inputCount; ++i) {
    std::vector<int64_t> numbers;
    for (int64_t at = 0; at < rows * width; ++at)
      numbers.push_back(runtime::encoderInput(
          encoder, int64_t(i), {tokens.data(), tokens.size()}, at % width));
    values.push_back(
        TensorValue::ofIntegers({rows, width}, std::move(numbers)));
  }
  return values;
}

static llvm::Expected<GraphSamples> readLines(const Model &model,
                                              const CalibrationPlan &plan,
                                              ArrayRef<GraphValue> inputs,
                                              StringRef name) {
  llvm::Expected<LineReader> reader =
      LineReader::open(model, plan, inputs, name);
  if (!reader)
    return reader.takeError();
  std::string contents, error;
  if (!runtime::readWholeFile(plan.text, contents, error))
    return makeError("{0}", error);
  std::vector<std::string_view> lines;
  runtime::splitLines(contents, lines);
  llvm::erase_if(lines, [](std::string_view line) {
    return StringRef(line).trim().empty();
  });
  GraphSamples samples;
  int64_t tokens = 0;
  for (int64_t line : draw(int64_t(lines.size()), plan.samples, plan.seed)) {
    std::vector<int32_t> row = reader->tokenizer->encode(
        lines[line], /*addSpecial=*/true, size_t(reader->longest));
    if (row.empty())
      continue; // nothing of it is in the vocabulary
    tokens += int64_t(row.size());
    samples.inputs.push_back(reader->sample(row, inputs.size()));
  }
  if (samples.inputs.empty())
    return makeError("{0}: must have at least one line of text", plan.text);
  warnIfFew(plan.text, tokens);
  return samples;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

namespace {
/// A file's tensor: rows of one input, for all samples.
struct InputRows {
  std::string path;
  Tensor tensor;
  int64_t rows = 1;    ///< of a sample
  int64_t samples = 1; ///< 1: the same for all samples

  static llvm::Expected<InputRows> read(const std::string &path,
                                        const GraphValue &input);
  llvm::Expected<TensorValue> at(int64_t sample, const GraphValue &input) const;
};
} // namespace

llvm::Expected<InputRows> InputRows::read(const std::string &path,
                                          const GraphValue &input) {
  InputRows result;
  result.path = path;
  llvm::Expected<Tensor> tensor = readTensorFile(path);
  if (!tensor)
    return tensor.takeError();
  result.tensor = std::move(*tensor);
  ArrayRef<int64_t> shape = input.type.getShape();
  if (shape.empty() || result.tensor.dims.size() != shape.size())
    return result; // at() says what does not fit
  result.rows = ShapedType::isDynamic(shape[0]) ? 1 : shape[0];
  const int64_t all = result.tensor.dims[0];
  if (!result.rows || all < result.rows || all % result.rows)
    return makeError("{0}: the first dimension must be {1} for each sample of "
                     "input {2}, got: {3}",
                     path, result.rows, quote(input.name), all);
  result.samples = all / result.rows;
  return result;
}

llvm::Expected<TensorValue> InputRows::at(int64_t sample,
                                          const GraphValue &input) const {
  Tensor part;
  part.element = tensor.element;
  part.dims = tensor.dims;
  if (samples > 1)
    part.dims[0] = rows;
  std::string error;
  if (!part.allocate(error))
    return makeError("{0}: {1}", path, error);
  const size_t first = samples > 1 ? size_t(sample) * part.bytes() : 0;
  if (part.bytes())
    std::memcpy(part.data.get(), tensor.data.get() + first, part.bytes());
  llvm::Expected<TensorValue> value = tensorForInput(input, part);
  if (!value)
    return prefixError(path, value.takeError());
  return value;
}

/// Samples of one file for each input, in the order of the inputs.
static llvm::Expected<GraphSamples> splitRows(ArrayRef<std::string> paths,
                                              const CalibrationPlan &plan,
                                              ArrayRef<GraphValue> inputs) {
  std::vector<InputRows> files;
  int64_t count = 1;
  for (auto [path, input] : llvm::zip_equal(paths, inputs)) {
    llvm::Expected<InputRows> file = InputRows::read(path, input);
    if (!file)
      return file.takeError();
    if (file->samples > 1 && count > 1 && file->samples != count)
      return makeError("{0}: must have as many samples as the inputs before "
                       "it, {1}, got: {2}",
                       path, count, file->samples);
    count = std::max(count, file->samples);
    files.push_back(std::move(*file));
  }
  GraphSamples samples;
  for (int64_t number : draw(count, plan.samples, plan.seed)) {
    SmallVector<TensorValue> &values = samples.inputs.emplace_back();
    for (auto [file, input] : llvm::zip_equal(files, inputs)) {
      llvm::Expected<TensorValue> value = file.at(number, input);
      if (!value)
        return value.takeError();
      values.push_back(std::move(*value));
    }
    if (llvm::Error error = checkDimNames(inputs, values))
      return prefixError(plan.text, std::move(error));
  }
  return samples;
}

static llvm::Expected<GraphSamples> readSets(const CalibrationPlan &plan,
                                             ArrayRef<GraphValue> inputs) {
  llvm::Expected<std::vector<std::string>> sets = findTestSets(plan.text);
  if (!sets)
    return sets.takeError();
  if (!llvm::sys::fs::exists(sets->front() + "/input_0.pb"))
    return errorWithHint(
        sets->front() + ": must hold tensors for the graph's " +
            llvm::Twine(inputs.size()) + " inputs",
        "a file for each, called like it (" + llvm::Twine(inputs.front().name) +
            ".npy), or input_0.pb …");
  GraphSamples samples;
  for (int64_t number : draw(int64_t(sets->size()), plan.samples, plan.seed)) {
    const std::string &set = (*sets)[number];
    llvm::Expected<std::vector<Tensor>> tensors =
        readTestSet(set, "input", inputs);
    if (!tensors)
      return tensors.takeError();
    SmallVector<TensorValue> &values = samples.inputs.emplace_back();
    for (auto [tensor, input] : llvm::zip_equal(*tensors, inputs)) {
      llvm::Expected<TensorValue> value = tensorForInput(input, tensor);
      if (!value)
        return prefixError(set, value.takeError());
      values.push_back(std::move(*value));
    }
    if (llvm::Error error = checkDimNames(inputs, values))
      return prefixError(set, std::move(error));
  }
  return samples;
}

static llvm::Expected<GraphSamples> readFolder(const CalibrationPlan &plan,
                                               ArrayRef<GraphValue> inputs) {
  std::vector<std::string> paths;
  std::set<std::string> taken;
  for (const GraphValue &input : inputs) {
    std::string path =
        plan.text + "/" + runtime::npyFileName(input.name, taken);
    SmallString<128> proto(path);
    llvm::sys::path::replace_extension(proto, "pb");
    if (!llvm::sys::fs::exists(path) && llvm::sys::fs::exists(proto))
      path = std::string(proto);
    if (llvm::sys::fs::exists(path))
      paths.push_back(path);
  }
  if (paths.empty())
    return readSets(plan, inputs);
  if (paths.size() < inputs.size())
    return makeError("{0}: must have a file for each of the {1} inputs, as {2} "
                     "is for one, got: {3}",
                     plan.text, inputs.size(),
                     llvm::sys::path::filename(paths.front()), paths.size());
  return splitRows(paths, plan, inputs);
}

llvm::Expected<GraphSamples> lqc::readGraphSamples(const Model &model,
                                                   const CalibrationPlan &plan,
                                                   StringRef name) {
  ModuleOp module = model.module.get();
  FunctionOpInterface main =
      module.lookupSymbol<FunctionOpInterface>(kMainName);
  if (!main)
    return makeError("{0}: the module must have a function @{1}", name,
                     kMainName);
  llvm::Expected<std::vector<GraphValue>> inputs = graphInputs(main);
  if (!inputs)
    return inputs.takeError();
  const bool isFolder = llvm::sys::fs::is_directory(plan.text);
  StringRef ending = llvm::sys::path::extension(plan.text);
  if (!isFolder && ending != ".npy" && ending != ".pb")
    return readLines(model, plan, *inputs, name);
  if (plan.hasLength)
    return makeError("--length is about text, and {0} holds tensors",
                     plan.text);
  if (isFolder)
    return readFolder(plan, *inputs);
  if (inputs->size() != 1)
    return makeError("{0}: must be a folder with a file for each of the {1} "
                     "inputs of {2}",
                     plan.text, inputs->size(), name);
  return splitRows(plan.text, plan, *inputs);
}
