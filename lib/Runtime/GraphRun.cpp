//===- GraphRun.cpp - tensors in, tensors out -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include "lqc/Runtime/Sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

namespace lqc::runtime {

//===----------------------------------------------------------------------===//
// What the graph wants
//===----------------------------------------------------------------------===//

std::string describeValue(const struct lqc_graph_value &value) {
  std::string text =
      std::string(value.name) + ": " + elementName(value.element) + "[";
  for (int64_t i = 0; i < value.rank; ++i) {
    if (i)
      text += ", ";
    if (value.dims[i] >= 0)
      text += std::to_string(value.dims[i]);
    else
      text += *value.dim_names[i] ? value.dim_names[i] : "?";
  }
  return text + "]";
}

namespace {
/// The sizes that names stand for, and where they were seen first.
using NamedSizes = std::map<std::string, std::pair<int64_t, std::string>>;
} // namespace

/// What is wrong with one size, or "".
static std::string sizeProblem(const struct lqc_graph_value &value, int64_t i,
                               int64_t size, NamedSizes &named) {
  const std::string where =
      "dimension " + std::to_string(i) + " of " + value.name;
  if (value.dims[i] >= 0 && size != value.dims[i])
    return where + " must be " + std::to_string(value.dims[i]) +
           ", got: " + std::to_string(size);
  if (value.dims[i] >= 0 || !*value.dim_names[i])
    return {};
  auto [entry, isNew] =
      named.try_emplace(value.dim_names[i], std::pair(size, where));
  if (isNew || entry->second.first == size)
    return {};
  return where + " ('" + value.dim_names[i] + "') must be " +
         std::to_string(entry->second.first) + " as " + entry->second.second +
         ", got: " + std::to_string(size);
}

/// NumPy has no bfloat16: files often hold its bits as uint16.
static bool isSameBits(const Tensor &tensor,
                       const struct lqc_graph_value &value) {
  return value.element == LQC_BFLOAT16 && tensor.element == LQC_UINT16;
}

std::string inputProblem(const struct lqc_graph &graph,
                         const std::vector<Tensor> &inputs) {
  NamedSizes named;
  for (int64_t i = 0; i < graph.input_count; ++i) {
    const struct lqc_graph_value &value = graph.inputs[i];
    const Tensor &tensor = inputs[size_t(i)];
    const std::string name = "input '" + std::string(value.name) + "' ";
    if (tensor.element != value.element && !isSameBits(tensor, value))
      return name + "must be " + elementName(value.element) +
             ", got: " + elementName(tensor.element);
    if (int64_t(tensor.dims.size()) != value.rank)
      return name + "must have " + std::to_string(value.rank) +
             " dimensions, got: " + shapeText(tensor.dims);
    for (int64_t d = 0; d < value.rank; ++d) {
      std::string problem =
          sizeProblem(value, d, tensor.dims[size_t(d)], named);
      if (!problem.empty())
        return problem;
    }
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// The input that "NAME=FILE" is for; -1: none. `file` becomes what stands
/// behind the name. Names may have a '=' themselves.
static int64_t inputOf(const struct lqc_graph &graph, const std::string &text,
                       std::string &file) {
  int64_t best = -1;
  size_t length = 0;
  for (int64_t i = 0; i < graph.input_count; ++i) {
    const std::string prefix = std::string(graph.inputs[i].name) + "=";
    if (text.starts_with(prefix) && prefix.size() > length) {
      best = i;
      length = prefix.size();
    }
  }
  if (best < 0 && graph.input_count == 1 && text.find('=') == text.npos)
    best = 0;
  file = text.substr(length);
  return best;
}

/// A size for a dynamic dimension.
static int64_t chosenSize(const GraphOptions &options,
                          const struct lqc_graph_value &value, int64_t i) {
  const std::string place = std::string(value.name) + "." + std::to_string(i);
  for (const auto &[name, size] : options.dims)
    if (*value.dim_names[i] ? name == value.dim_names[i] : name == place)
      return size;
  return 1;
}

/// --dim of a name that no input has is a mistake.
static std::string dimProblem(const struct lqc_graph &graph,
                              const GraphOptions &options) {
  for (const auto &[name, size] : options.dims) {
    bool isKnown = false;
    std::string known;
    std::set<std::string> seen;
    for (int64_t i = 0; i < graph.input_count; ++i)
      for (int64_t d = 0; d < graph.inputs[i].rank; ++d) {
        const struct lqc_graph_value &value = graph.inputs[i];
        if (value.dims[d] >= 0)
          continue;
        const std::string place =
            *value.dim_names[d]
                ? std::string(value.dim_names[d])
                : std::string(value.name) + "." + std::to_string(d);
        isKnown |= place == name;
        if (seen.insert(place).second)
          known += (known.empty() ? "" : ", ") + place;
      }
    if (!isKnown)
      return "--dim must name a dimension of any size (" +
             (known.empty() ? "there is none" : known) + "), got: " + name;
  }
  return {};
}

/// Bits of a float16 for a value of [-1, 1).
static uint16_t halfBits(double value) {
  const int exponent = value == 0 ? -14 : std::max(std::ilogb(value), -14);
  const auto mantissa =
      unsigned(std::lround(std::ldexp(std::fabs(value), 10 - exponent)));
  // A mantissa of 2048 carries into the exponent, as it should.
  const unsigned bits =
      mantissa < 1024 ? mantissa : (unsigned(exponent + 14) << 10) + mantissa;
  return uint16_t(bits | (value < 0 ? 0x8000 : 0));
}

/// Floats of [-1, 1), whole numbers 0 and 1.
static void fillRandom(Tensor &tensor, Random &random) {
  const int64_t size = elementBytes(tensor.element);
  char *to = tensor.data.get();
  for (int64_t i = 0, count = tensor.count(); i < count; ++i, to += size) {
    const double number = 2 * random.uniform() - 1;
    const float single = float(number);
    uint64_t bits = number >= 0;
    switch (tensor.element) {
    case LQC_FLOAT32:
      bits = std::bit_cast<uint32_t>(single);
      break;
    case LQC_FLOAT64:
      bits = std::bit_cast<uint64_t>(number);
      break;
    case LQC_FLOAT16:
      bits = halfBits(number);
      break;
    case LQC_BFLOAT16:
      bits = std::bit_cast<uint32_t>(single) >> 16;
      break;
    case LQC_FLOAT8_E5M2:
      bits = halfBits(number) >> 8;
      break;
    default:
      break; // 0 and 1; the smallest number of the other float8 types
    }
    std::memcpy(to, &bits, size_t(size));
  }
}

static std::string makeUp(const GraphExecutable &executable, int64_t index,
                          Random &random, Tensor &tensor) {
  const struct lqc_graph_value &value = executable.graph.inputs[index];
  tensor.element = value.element;
  tensor.dims.assign(value.dims, value.dims + value.rank);
  for (int64_t d = 0; d < value.rank; ++d)
    if (tensor.dims[size_t(d)] < 0)
      tensor.dims[size_t(d)] = chosenSize(executable.options, value, d);
  std::string error;
  if (!tensor.allocate(error))
    return "input '" + std::string(value.name) + "': " + error;
  fillRandom(tensor, random);
  return {};
}

std::string gatherInputs(const GraphExecutable &executable,
                         std::vector<Tensor> &inputs) {
  const struct lqc_graph &graph = executable.graph;
  const GraphOptions &options = executable.options;
  inputs.resize(size_t(graph.input_count));
  for (const std::string &text : options.inputs) {
    std::string file, error;
    const int64_t index = inputOf(graph, text, file);
    if (index < 0)
      return "--input must be NAME=FILE with the name of an input (see "
             "--info), got: " +
             text;
    Tensor &tensor = inputs[size_t(index)];
    if (tensor.data)
      return "--input " + std::string(graph.inputs[index].name) +
             " is given twice";
    if (!readTensor(file, tensor, error))
      return error;
  }
  if (std::string problem = dimProblem(graph, options); !problem.empty())
    return problem;
  Random random(options.seed);
  for (int64_t i = 0; i < graph.input_count; ++i) {
    if (inputs[size_t(i)].data)
      continue;
    if (!options.random && options.mode != GraphMode::Bench)
      return "input '" + std::string(graph.inputs[i].name) +
             "' is missing: give --input " + graph.inputs[i].name +
             "=FILE, or --random";
    std::string problem = makeUp(executable, i, random, inputs[size_t(i)]);
    if (!problem.empty())
      return problem;
  }
  return inputProblem(graph, inputs);
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
/// The structures of one call, and the outputs' memory.
class GraphCall {
public:
  GraphCall(GraphExecutable &executable, const std::vector<Tensor> &inputs)
      : executable(executable), outputs(size_t(executable.graph.output_count)),
        outputDims(outputs.size()) {
    for (const Tensor &tensor : inputs)
      // Generated code does not write to inputs.
      given.push_back(
          {tensor.data.get(), const_cast<int64_t *>(tensor.dims.data())});
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputDims[i].resize(size_t(executable.graph.outputs[i].rank));
      outputs[i].dims = outputDims[i].data();
    }
  }
  GraphCall(const GraphCall &) = delete;
  GraphCall &operator=(const GraphCall &) = delete;
  ~GraphCall() { release(); }

  void run() {
    release();
    const struct lqc_graph_call call = {
        executable.payload.data(Section::Weights), executable.pool.get(),
        &executable.memory, given.data(), outputs.data()};
    executable.graph.run(&call);
  }

  const std::vector<int64_t> &dims(size_t i) const { return outputDims[i]; }
  const void *data(size_t i) const { return outputs[i].data; }

private:
  void release() {
    // Two outputs may be one tensor.
    std::set<void *> blocks;
    for (lqc_graph_tensor &output : outputs)
      blocks.insert(std::exchange(output.data, nullptr));
    blocks.erase(nullptr);
    for (void *data : blocks)
      lqc_graph_free(&executable.memory, data);
  }

  GraphExecutable &executable;
  std::vector<lqc_graph_tensor> given, outputs;
  std::vector<std::vector<int64_t>> outputDims;
};
} // namespace

std::vector<Tensor> runGraph(GraphExecutable &executable,
                             const std::vector<Tensor> &inputs) {
  GraphCall call(executable, inputs);
  call.run();
  std::vector<Tensor> outputs(size_t(executable.graph.output_count));
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor &output = outputs[i];
    output.name = executable.graph.outputs[i].name;
    output.element = executable.graph.outputs[i].element;
    output.dims = call.dims(i);
    std::string error;
    if (!output.allocate(error))
      lqc_graph_fail(("output '" + output.name + "': " + error).c_str());
    std::memcpy(output.data.get(), call.data(i), output.bytes());
  }
  return outputs;
}

/// "scores: float32[1x10] 0.1 0.7 0.2 …"
static std::string showTensor(const Tensor &tensor) {
  constexpr int64_t kShown = 8;
  std::string text = tensor.name + ": " + elementName(tensor.element) + "[" +
                     (tensor.dims.empty() ? "" : shapeText(tensor.dims)) + "]";
  char number[32];
  for (int64_t i = 0; i < std::min(tensor.count(), kShown); ++i) {
    std::snprintf(number, sizeof(number), " %.6g", tensor.at(i));
    text += number;
  }
  return text + (tensor.count() > kShown ? " …\n" : "\n");
}

int runInputs(GraphExecutable &executable) {
  std::vector<Tensor> inputs;
  std::string problem = gatherInputs(executable, inputs);
  if (!problem.empty())
    return executable.fail(problem);
  const std::vector<Tensor> outputs = runGraph(executable, inputs);
  const std::string &directory = executable.options.outputDirectory;
  if (!directory.empty()) {
    problem = writeOutputs(directory, executable.graph, outputs);
    return problem.empty() ? 0 : executable.fail(problem);
  }
  Output output;
  for (const Tensor &tensor : outputs)
    output.write(showTensor(tensor));
  return output.finish(executable.name);
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

int benchGraph(GraphExecutable &executable) {
  constexpr double kLeastSeconds = 1;
  constexpr size_t kLeastRuns = 5, kMostRuns = 100'000;
  std::vector<Tensor> inputs;
  std::string problem = gatherInputs(executable, inputs);
  if (!problem.empty())
    return executable.fail(problem);
  GraphCall call(executable, inputs);
  call.run(); // pages, caches, memory
  const size_t blocks = executable.memory.blocksTaken();
  std::vector<double> times;
  for (Stopwatch all;
       times.size() < kLeastRuns ||
       (all.seconds() < kLeastSeconds && times.size() < kMostRuns);) {
    Stopwatch watch;
    call.run();
    times.push_back(watch.seconds());
  }
  std::sort(times.begin(), times.end());
  const double best = times.front() * 1e3;
  const double median = times[times.size() / 2] * 1e3;
  const std::string threads = std::to_string(executable.pool->threads());
  const std::string runs = std::to_string(times.size());
  const std::string more =
      std::to_string(executable.memory.blocksTaken() - blocks);
  Output output;
  if (executable.options.json)
    output.write("{\"threads\": " + threads + ", \"runs\": " + runs +
                 ", \"median_ms\": " + formatNumber(median, 4) +
                 ", \"best_ms\": " + formatNumber(best, 4) +
                 ", \"allocations_after_first_run\": " + more + "}\n");
  else
    output.write("threads  " + threads + "\nruns     " + runs + "\nmedian   " +
                 formatNumber(median, 4) + " ms\nbest     " +
                 formatNumber(best, 4) + " ms\n");
  return output.finish(executable.name);
}

} // namespace lqc::runtime
