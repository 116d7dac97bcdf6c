//===- Graph.h - what the modes of a graph executable share -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_GRAPH_H
#define LQC_LIB_RUNTIME_GRAPH_H

#include "lqc/Runtime/Output.h"
#include "lqc/Runtime/PayloadFile.h"
#include "lqc/Runtime/Pool.h"
#include "lqc/Runtime/Tensor.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// See lqc_graph_alloc. Used from one thread at a time.
struct lqc_graph_memory {
public:
  lqc_graph_memory() = default;
  lqc_graph_memory(const lqc_graph_memory &) = delete;
  lqc_graph_memory &operator=(const lqc_graph_memory &) = delete;
  ~lqc_graph_memory();

  /// Null if there is not enough.
  void *allocate(size_t bytes);
  void free(void *data);
  /// Blocks taken from the system so far.
  size_t blocksTaken() const { return taken; }

private:
  void release();

  std::map<size_t, std::vector<char *>> freeBlocks; ///< by their bytes
  size_t taken = 0;
};

namespace lqc::runtime {

enum class GraphMode { Run, Embed, Check, Bench, Info, Verify };

/// What an encoder is to do with text.
struct TextOptions {
  std::vector<std::string> texts; ///< none: lines of `file`
  std::string file;               ///< "", "-": standard input
  std::string output;             ///< a .npy file; "": JSON to standard output
  Pooling pooling = Pooling::Mean;
  bool normalize = true;
  int64_t maxLength = 0; ///< 0: any number
  int64_t batch = 1;
};

struct GraphOptions {
  GraphMode mode = GraphMode::Run;
  std::vector<std::string> inputs; ///< NAME=FILE, or FILE for a single input
  std::vector<std::pair<std::string, int64_t>> dims; ///< of --random
  std::string outputDirectory;
  std::string checkDirectory;
  double relative = 1e-3, absolute = 1e-7; ///< what --check allows
  bool random = false;
  uint64_t seed = 0;
  int threads = 0; ///< 0: one for each processor
  bool json = false;
  std::optional<TextOptions> text; ///< of encoders; begins as the defaults
};

/// The running executable: code, payload and what the user wants.
struct GraphExecutable {
  GraphExecutable(const struct lqc_graph &graph, std::string name)
      : graph(graph), name(std::move(name)) {}

  const struct lqc_graph &graph;
  std::string name; ///< as the user called it, for messages
  GraphOptions options;
  std::optional<EncoderDefaults> encoder; ///< it embeds text
  PayloadFile payload;
  std::unique_ptr<lqc_pool> pool;
  lqc_graph_memory memory;

  int fail(std::string_view message) const {
    return reportFailure(name, message);
  }
};

/// What lqc_graph_fail begins with.
void nameFailures(const std::string &name);

/// A mode: from an opened executable to an exit status.
using GraphProgram = int(GraphExecutable &);

/// The whole program behind main(). `embed`: what encoders do with text; null:
/// of other graphs.
int runGraphProgram(const struct lqc_graph &graph, int argc, char **argv,
                    GraphProgram *embed);

/// Reads the command line. Returns the exit status if the program is to end
/// here (0 after --help, 1 after a mistake, each printed), else -1.
int parseGraphCommandLine(int argc, char **argv, const struct lqc_graph &graph,
                          GraphOptions &options);

/// "image: float32[batch, 1, 28, 28]"
std::string describeValue(const struct lqc_graph_value &value);

/// Checks the inputs' types, ranks and sizes; equal names must have equal
/// sizes. What is wrong, or "".
std::string inputProblem(const struct lqc_graph &graph,
                         const std::vector<Tensor> &inputs);

/// Runs once. The inputs must have been checked.
std::vector<Tensor> runGraph(GraphExecutable &executable,
                             const std::vector<Tensor> &inputs);

/// The modes.
GraphProgram runInputs, benchGraph, checkGraph;

/// Reads or makes up the inputs that the options ask for. What is wrong, or "".
std::string gatherInputs(const GraphExecutable &executable,
                         std::vector<Tensor> &inputs);

/// Writes each output as NAME.npy below `directory`, all or none. What is
/// wrong, or "".
std::string writeOutputs(const std::string &directory,
                         const struct lqc_graph &graph,
                         const std::vector<Tensor> &outputs);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_GRAPH_H
