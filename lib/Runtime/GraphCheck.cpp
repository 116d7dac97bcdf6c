//===- GraphCheck.cpp - results against known ones ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The folders are those of ONNX's backend tests: input_0.pb … in the order of
// the graph's inputs, output_0.pb … in that of its outputs. Numbers agree if
// |difference| <= atol + rtol * |expected|, as numpy.testing.assert_allclose
// says; NaN agrees with NaN.
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <dirent.h>
#include <unistd.h>

namespace lqc::runtime {

namespace {
/// How far two tensors of one shape are apart.
struct Difference {
  double largest = 0;  ///< absolute; infinite for a NaN beside a number
  int64_t at = 0;      ///< the element with it
  int64_t outside = 0; ///< elements that do not agree
  int64_t firstOutside = -1;
};
} // namespace

static Difference compare(const Tensor &got, const Tensor &expected,
                          const GraphOptions &options) {
  Difference result;
  for (int64_t i = 0, count = got.count(); i < count; ++i) {
    const double a = got.at(i), b = expected.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    double difference = std::fabs(a - b);
    if (std::isnan(difference))
      difference = INFINITY;
    if (difference > result.largest) {
      result.largest = difference;
      result.at = i;
    }
    if (difference <= options.absolute + options.relative * std::fabs(b) &&
        std::isfinite(b))
      continue;
    if (!result.outside++)
      result.firstOutside = i;
  }
  return result;
}

static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

/// "[1, 3]": the place of element `index`.
static std::string placeText(int64_t index, const std::vector<int64_t> &dims) {
  std::string text;
  for (size_t d = dims.size(); d-- > 0;) {
    text = std::to_string(index % dims[d]) + (text.empty() ? "" : ", ") + text;
    index /= dims[d];
  }
  return "[" + text + "]";
}

/// One line about one output; `agrees` becomes false if it does not.
static std::string checkOutput(const Tensor &got, const Tensor &expected,
                               const GraphOptions &options, bool &agrees) {
  const std::string type = elementName(got.element) + "[" +
                           (got.dims.empty() ? "" : shapeText(got.dims)) + "]";
  if (got.element != expected.element || got.dims != expected.dims) {
    agrees = false;
    return "is " + type + ", expected " + elementName(expected.element) + "[" +
           (expected.dims.empty() ? "" : shapeText(expected.dims)) + "]";
  }
  const Difference difference = compare(got, expected, options);
  if (!difference.outside)
    return type + " agrees, largest difference " +
           numberText(difference.largest);
  agrees = false;
  const int64_t first = difference.firstOutside;
  return type + " differs in " + std::to_string(difference.outside) + " of " +
         std::to_string(got.count()) + " elements, largest difference " +
         numberText(difference.largest) + " at " +
         placeText(difference.at, got.dims) + "; first at " +
         placeText(first, got.dims) + ": got " + numberText(got.at(first)) +
         ", expected " + numberText(expected.at(first));
}

/// Reads PREFIX_0.pb … of a folder. What is wrong, or "".
static std::string readTensors(const std::string &directory, const char *prefix,
                               const struct lqc_graph_value *values,
                               int64_t count, std::vector<Tensor> &tensors) {
  for (int64_t i = 0; i < count; ++i) {
    std::string error;
    const std::string path =
        directory + "/" + prefix + "_" + std::to_string(i) + ".pb";
    if (!readTensor(path, tensors.emplace_back(), error))
      return error;
    // ONNX's own tests store the bits of bfloat16 as uint16.
    if (values[i].element == LQC_BFLOAT16 &&
        tensors.back().element == LQC_UINT16)
      tensors.back().element = LQC_BFLOAT16;
  }
  return {};
}

/// One folder. Writes a line for each output; what is wrong, or "".
static std::string checkSet(GraphExecutable &executable,
                            const std::string &directory,
                            const std::string &label, Output &output,
                            bool &agrees) {
  const struct lqc_graph &graph = executable.graph;
  std::vector<Tensor> inputs, expected;
  std::string problem =
      readTensors(directory, "input", graph.inputs, graph.input_count, inputs);
  if (problem.empty())
    problem = readTensors(directory, "output", graph.outputs,
                          graph.output_count, expected);
  if (problem.empty()) {
    problem = inputProblem(graph, inputs);
    if (!problem.empty())
      problem = directory + ": " + problem;
  }
  if (!problem.empty())
    return problem;
  const std::vector<Tensor> outputs = runGraph(executable, inputs);
  for (size_t i = 0; i < outputs.size(); ++i)
    output.write(
        label + outputs[i].name + ": " +
        checkOutput(outputs[i], expected[i], executable.options, agrees) +
        "\n");
  return {};
}

/// The test_data_set_* of a folder, in the order of their numbers; none: the
/// folder is one set itself.
static std::string listSets(const std::string &directory,
                            std::vector<std::string> &sets) {
  DIR *folder = ::opendir(directory.c_str());
  if (!folder)
    return directory + ": " + std::strerror(errno);
  while (const dirent *entry = ::readdir(folder))
    if (std::string_view(entry->d_name).starts_with("test_data_set_"))
      sets.push_back(entry->d_name);
  ::closedir(folder);
  std::sort(sets.begin(), sets.end(),
            [](const std::string &a, const std::string &b) {
              return std::pair(a.size(), a) < std::pair(b.size(), b);
            });
  return {};
}

int checkGraph(GraphExecutable &executable) {
  const std::string &directory = executable.options.checkDirectory;
  std::vector<std::string> sets;
  std::string problem = listSets(directory, sets);
  if (!problem.empty())
    return executable.fail(problem);
  bool agrees = true;
  Output output;
  if (sets.empty())
    problem = checkSet(executable, directory, "", output, agrees);
  for (const std::string &set : sets)
    if (problem.empty())
      problem = checkSet(executable, directory + "/" + set, set + ": ", output,
                         agrees);
  const int status = output.finish(executable.name);
  if (!problem.empty())
    return executable.fail(problem);
  return status || !agrees;
}

} // namespace lqc::runtime
