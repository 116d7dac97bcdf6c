//===- GraphMain.cpp - the whole program of a graph executable ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include "lqc/Runtime/CpuFeatures.h"
#include "lqc/Runtime/PayloadCheck.h"

#include <cstring>

using namespace lqc::runtime;

/// What does not fit between the code and the payload, or "".
static std::string graphProblem(const GraphExecutable &executable) {
  const struct lqc_graph &graph = executable.graph;
  if (graph.version != LQC_GRAPH_VERSION)
    return "code of the graph: version must be " +
           std::to_string(LQC_GRAPH_VERSION) +
           ", got: " + std::to_string(graph.version);
  const uint64_t found = executable.payload.bytes(Section::Weights);
  if (found != uint64_t(graph.weights_bytes))
    return "payload section weights: size must be " +
           std::to_string(graph.weights_bytes) +
           ", got: " + std::to_string(found);
  return {};
}

/// What encoders take and give has one shape. What is wrong, or "".
static std::string encoderShapeProblem(const EncoderDefaults &encoder,
                                       const struct lqc_graph &graph) {
  auto isTokens = [](const struct lqc_graph_value &value) {
    return value.rank == 2 &&
           (value.element == LQC_INT64 || value.element == LQC_INT32);
  };
  for (int64_t i = 0; i < graph.input_count; ++i)
    if (!isTokens(graph.inputs[i]))
      return "input '" + std::string(graph.inputs[i].name) +
             "' must be int64 or int32 with 2 dimensions";
  for (auto [index, rank] : {std::pair(encoder.tokens, 3), {encoder.text, 2}})
    if (index >= 0 && graph.outputs[index].rank != rank)
      return "output '" + std::string(graph.outputs[index].name) +
             "' must have " + std::to_string(rank) + " dimensions";
  return {};
}

static int printInfo(const GraphExecutable &executable) {
  const std::string_view text = executable.payload.text(
      executable.options.json ? Section::Info : Section::Summary);
  return printText(text, executable.name);
}

static int verifyWeights(const GraphExecutable &executable) {
  std::string error;
  if (!executable.payload.verifyWeights(error))
    return executable.fail(error);
  return printText(
      "payload is whole: " +
          std::to_string(executable.payload.bytes(Section::Weights)) +
          " bytes of weights",
      executable.name);
}

static int runMode(GraphExecutable &executable, GraphProgram *embed) {
  const GraphOptions &options = executable.options;
  if (options.mode == GraphMode::Info)
    return printInfo(executable);
  if (options.mode == GraphMode::Verify)
    return verifyWeights(executable);
  std::string error;
  executable.pool = lqc_pool::create(
      options.threads ? options.threads : availableProcessors(), error);
  if (!executable.pool)
    return executable.fail(error);
  executable.payload.readAhead();
  switch (options.mode) {
  case GraphMode::Embed:
    return embed(executable);
  case GraphMode::Check:
    return checkGraph(executable);
  case GraphMode::Bench:
    return benchGraph(executable);
  default:
    return runInputs(executable);
  }
}

/// Takes what the payload says of text. What is wrong, or "".
static std::string readEncoder(GraphExecutable &executable) {
  const uint64_t bytes = executable.payload.bytes(Section::Encoder);
  if (!bytes) { // compiled with --tokenizer=none
    executable.options.text.reset();
    return {};
  }
  const std::string where = "payload section encoder: ";
  EncoderDefaults encoder;
  if (bytes != sizeof(encoder))
    return where + "size must be " + std::to_string(sizeof(encoder)) +
           ", got: " + std::to_string(bytes);
  std::memcpy(&encoder, executable.payload.data(Section::Encoder),
              sizeof(encoder));
  const struct lqc_graph &graph = executable.graph;
  std::string problem =
      encoderProblem(encoder, graph.input_count, graph.output_count);
  if (problem.empty())
    problem = encoderShapeProblem(encoder, graph);
  if (!problem.empty())
    return where + problem;
  executable.encoder = encoder;
  TextOptions &text = *executable.options.text;
  text.pooling = Pooling(encoder.pooling);
  text.normalize = encoder.normalize != 0;
  text.maxLength = encoder.maxLength;
  return {};
}

int lqc::runtime::runGraphProgram(const struct lqc_graph &graph, int argc,
                                  char **argv, GraphProgram *embed) {
  GraphExecutable executable(graph, programName(argc > 0 ? argv[0] : nullptr));
  nameFailures(executable.name);
  // Before anything else: the code may not even start on another machine.
  std::string_view missing = missingCpuFeature(graph.features);
  if (!missing.empty())
    return executable.fail("this executable needs the CPU feature " +
                           std::string(missing) +
                           ", which this machine lacks; compile with "
                           "--cpu=native here");
  // A damaged file still has --help, without the model's own defaults.
  std::string error;
  if (embed)
    executable.options.text.emplace();
  if (executable.payload.open("/proc/self/exe", error)) {
    error = graphProblem(executable);
    if (error.empty() && embed)
      error = readEncoder(executable);
  }
  const int status =
      parseGraphCommandLine(argc, argv, graph, executable.options);
  if (status >= 0)
    return status;
  if (!error.empty())
    return executable.fail(error);
  return runMode(executable, embed);
}

int lqc_graph_main(const struct lqc_graph *graph, int argc, char **argv) {
  return runGraphProgram(*graph, argc, argv, nullptr);
}
