//===- GraphMain.cpp - the whole program of a graph executable ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include "lqc/Runtime/CpuFeatures.h"

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

static int runMode(GraphExecutable &executable) {
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
  case GraphMode::Check:
    return checkGraph(executable);
  case GraphMode::Bench:
    return benchGraph(executable);
  default:
    return runInputs(executable);
  }
}

int lqc_graph_main(const struct lqc_graph *graph, int argc, char **argv) {
  GraphExecutable executable(*graph, programName(argc > 0 ? argv[0] : nullptr));
  nameFailures(executable.name);
  // Before anything else: the code may not even start on another machine.
  std::string_view missing = missingCpuFeature(graph->features);
  if (!missing.empty())
    return executable.fail("this executable needs the CPU feature " +
                           std::string(missing) +
                           ", which this machine lacks; compile with "
                           "--cpu=native here");
  const int status =
      parseGraphCommandLine(argc, argv, *graph, executable.options);
  if (status >= 0)
    return status;
  std::string error;
  if (!executable.payload.open("/proc/self/exe", error))
    return executable.fail(error);
  error = graphProblem(executable);
  if (!error.empty())
    return executable.fail(error);
  return runMode(executable);
}
