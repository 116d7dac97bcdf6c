//===- Encoder.cpp - token rows become embeddings -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pooling and its order are those of sentence-transformers: the mean over the
// tokens that the mask marks, special ones included, then division by the
// Euclidean norm.
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Encoder.h"

#include "lqc/Runtime/EncoderText.h"
#include "lqc/Runtime/PayloadCheck.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lqc::runtime {

//===----------------------------------------------------------------------===//
// What fits together
//===----------------------------------------------------------------------===//

LineEncoder::LineEncoder(GraphExecutable &executable,
                         const Tokenizer &tokenizer)
    : executable(executable), tokenizer(tokenizer),
      encoder(*executable.encoder), options(*executable.options.text) {}

int64_t LineEncoder::outputIndex() const {
  return options.pooling == Pooling::None ? encoder.text : encoder.tokens;
}

/// Tokens that the graph itself can take; 0: any number.
int64_t LineEncoder::longest() const {
  const int64_t fixed = executable.graph.inputs[encoder.ids].dims[1];
  if (fixed >= 0)
    return encoder.longest ? std::min(fixed, encoder.longest) : fixed;
  return encoder.longest;
}

int64_t LineEncoder::batch() const {
  const int64_t fixed = executable.graph.inputs[encoder.ids].dims[0];
  return fixed >= 0 ? fixed : options.batch;
}

std::string LineEncoder::problem() const {
  const struct lqc_graph &graph = executable.graph;
  if (outputIndex() < 0)
    return std::string("--pooling ") + poolingName(options.pooling) +
           " needs an output with a row for each " +
           (options.pooling == Pooling::None ? "text" : "token") +
           ", which this graph lacks";
  const int64_t fixed = graph.inputs[encoder.ids].dims[0];
  if (options.batch > 1 && fixed >= 0)
    return "--batch is for graphs with a batch of any size, and this one has "
           "one of " +
           std::to_string(fixed);
  if (options.batch > 1 && encoder.mask < 0)
    return "--batch needs an input for the mask, which this graph lacks";
  const int64_t least = int64_t(tokenizer.specialCount()) + 1;
  const int64_t most = longest() ? longest() : INT32_MAX;
  if (options.maxLength &&
      (options.maxLength < least || options.maxLength > most))
    return "--max-length must be " + std::to_string(least) + " to " +
           std::to_string(most) +
           " for this model, got: " + std::to_string(options.maxLength);
  return {};
}

std::string LineEncoder::tokenize(std::string_view text,
                                  TokenLine &tokens) const {
  const int64_t most = options.maxLength ? options.maxLength : longest();
  tokens = tokenizer.encode(text, /*addSpecial=*/true,
                            most ? size_t(most) : SIZE_MAX);
  return tokens.empty() ? "has no tokens" : "";
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static void store(Tensor &tensor, int64_t index, int64_t value) {
  if (tensor.element == LQC_INT64)
    reinterpret_cast<int64_t *>(tensor.data.get())[index] = value;
  else
    reinterpret_cast<int32_t *>(tensor.data.get())[index] = int32_t(value);
}

std::string LineEncoder::fillInputs(std::span<const TokenLine> lines,
                                    std::vector<Tensor> &inputs) const {
  const struct lqc_graph &graph = executable.graph;
  const struct lqc_graph_value &ids = graph.inputs[encoder.ids];
  size_t most = 0;
  for (const TokenLine &line : lines)
    most = std::max(most, line.size());
  const int64_t rows = ids.dims[0] >= 0 ? ids.dims[0] : int64_t(lines.size());
  const int64_t columns = ids.dims[1] >= 0 ? ids.dims[1] : int64_t(most);
  inputs.resize(size_t(graph.input_count));
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].element = graph.inputs[i].element;
    inputs[i].dims = {rows, columns};
    std::string error;
    if (!inputs[i].allocate(error))
      return "input '" + std::string(graph.inputs[i].name) + "': " + error;
    for (int64_t r = 0; r < rows; ++r) {
      // A batch of a fixed size is filled with its last line.
      const TokenLine &line =
          lines[size_t(std::min<int64_t>(r, int64_t(lines.size()) - 1))];
      for (int64_t c = 0; c < columns; ++c)
        store(inputs[i], r * columns + c,
              encoderInput(encoder, int64_t(i), line, c));
    }
  }
  return inputProblem(graph, inputs);
}

std::string LineEncoder::outputProblem(const Tensor &output, int64_t rows,
                                       int64_t tokens) const {
  std::vector<int64_t> expected = {rows};
  if (options.pooling != Pooling::None)
    expected.push_back(tokens);
  expected.push_back(output.dims.back());
  if (output.dims == expected && output.dims.back() > 0)
    return {};
  return "output '" + output.name + "' must have a row of numbers for each " +
         (options.pooling == Pooling::None ? "text" : "token") +
         ", got: " + shapeText(output.dims);
}

/// `count` elements from `first` on, as floats.
static void load(const Tensor &tensor, int64_t first, int64_t count,
                 float *numbers) {
  if (tensor.element == LQC_FLOAT32)
    return void(std::memcpy(numbers,
                            tensor.data.get() + first * int64_t(sizeof(float)),
                            size_t(count) * sizeof(float)));
  for (int64_t i = 0; i < count; ++i)
    numbers[i] = float(tensor.at(first + i));
}

static void normalize(std::span<float> row) {
  double squares = 0;
  for (float number : row)
    squares += double(number) * number;
  // As torch.nn.functional.normalize does with a row of zeros.
  const double norm = std::max(std::sqrt(squares), 1e-12);
  for (float &number : row)
    number = float(number / norm);
}

void LineEncoder::pool(const Tensor &output, int64_t line, int64_t tokens,
                       std::vector<float> &rows) const {
  const int64_t width = output.dims.back();
  const size_t begin = rows.size();
  rows.resize(begin + size_t(width));
  const std::span<float> row = std::span(rows).subspan(begin);
  const int64_t perLine =
      output.dims.size() == 3 ? output.dims[1] * width : width;
  load(output, line * perLine, width, row.data());
  if (options.pooling == Pooling::Mean) {
    std::vector<double> sums(row.begin(), row.end());
    std::vector<float> next(size_t(width), 0);
    for (int64_t t = 1; t < tokens; ++t) {
      load(output, line * perLine + t * width, width, next.data());
      for (size_t c = 0; c < sums.size(); ++c)
        sums[c] += next[c];
    }
    for (size_t c = 0; c < sums.size(); ++c)
      row[c] = float(sums[c] / double(tokens));
  }
  if (options.normalize)
    normalize(row);
}

std::string LineEncoder::embed(std::span<const TokenLine> lines, int64_t first,
                               std::vector<float> &rows) {
  std::vector<Tensor> inputs;
  std::string error = fillInputs(lines, inputs);
  if (!error.empty())
    return error;
  const std::vector<int64_t> dims = inputs[size_t(encoder.ids)].dims;
  const std::vector<Tensor> outputs = runGraph(executable, inputs);
  const Tensor &output = outputs[size_t(outputIndex())];
  error = outputProblem(output, dims[0], dims[1]);
  if (!error.empty())
    return error;
  outputWidth = output.dims.back();
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t begin = rows.size();
    pool(output, int64_t(i), int64_t(lines[i].size()), rows);
    for (float number : std::span(rows).subspan(begin))
      if (!std::isfinite(number))
        return "text " + std::to_string(first + int64_t(i)) +
               ": its embedding must be finite numbers, got: " +
               std::to_string(number);
  }
  return {};
}

} // namespace lqc::runtime
