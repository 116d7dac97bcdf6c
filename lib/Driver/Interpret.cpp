//===- Interpret.cpp - lqc interpret --------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/InterpretGraph.h"
#include "lib/Driver/Model.h"
#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/OutputFile.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <numeric>

using namespace mlir;
using namespace lqc;

/// Logits shown for each position.
static constexpr size_t kShown = 5;

static llvm::Expected<std::vector<int32_t>> parseTokens(StringRef text) {
  if (text.empty())
    return errorWithHint(
        "lqc interpret needs token ids, or tensors for a graph",
        "--tokens 1,2,3, --input x=x.npy");
  std::vector<int32_t> tokens;
  for (StringRef part : llvm::split(text, ',')) {
    llvm::Expected<int64_t> token =
        parseNumber("a token of --tokens", part.trim(), 0, INT32_MAX);
    if (!token)
      return token.takeError();
    tokens.push_back(*token);
  }
  return tokens;
}

/// The indices of the largest logits, largest first; of equals the first first.
static std::vector<int32_t> largest(ArrayRef<float> logits, size_t count) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int32_t a, int32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b]
                                                    : a < b;
                    });
  order.resize(count);
  return order;
}

namespace {
/// Feeds tokens of one sequence.
struct Feeder {
  Interpreter &interpreter;
  int32_t position = 0;

  /// The logits of the last `wanted` tokens, row by row.
  llvm::Expected<std::vector<float>> feed(ArrayRef<int32_t> tokens,
                                          size_t wanted) {
    std::vector<int32_t> positions(tokens.size()), slots(tokens.size(), 0);
    std::iota(positions.begin(), positions.end(), position);
    std::vector<int32_t> outputs(wanted);
    std::iota(outputs.begin(), outputs.end(), tokens.size() - wanted);
    position += tokens.size();
    return interpreter.step(tokens, positions, slots, outputs);
  }
};
} // namespace

static llvm::Error printGreedy(Feeder &feeder, std::vector<int32_t> tokens,
                               int64_t count, llvm::raw_ostream &out) {
  Progress progress("interpret", /*total=*/0);
  SmallVector<std::string> generated;
  for (int64_t i = 0; i < count; ++i) {
    progress.setItem("token " + std::to_string(i + 1));
    llvm::Expected<std::vector<float>> logits = feeder.feed(tokens, 1);
    if (!logits)
      return logits.takeError();
    tokens = largest(*logits, 1);
    generated.push_back(std::to_string(tokens.front()));
  }
  out << llvm::join(generated, ",") << "\n";
  return llvm::Error::success();
}

static llvm::Error writeLogits(ArrayRef<float> logits, StringRef path) {
  StringRef bytes(reinterpret_cast<const char *>(logits.data()),
                  logits.size() * sizeof(float));
  if (path == "-") {
    llvm::outs() << bytes;
    return llvm::Error::success();
  }
  return writeOutputFile(path,
                         [&](llvm::raw_ostream &stream) { stream << bytes; });
}

static void printLargest(ArrayRef<int32_t> tokens, ArrayRef<float> logits,
                         llvm::raw_ostream &out) {
  size_t vocabulary = logits.size() / tokens.size();
  Table table({"position", "token", "largest logits"});
  for (size_t row = 0; row < tokens.size(); ++row) {
    ArrayRef<float> values = logits.slice(row * vocabulary, vocabulary);
    std::string text;
    for (int32_t token : largest(values, kShown))
      text += (text.empty() ? "" : "  ") + std::to_string(token) + ": " +
              formatFixed(values[token], 4);
    table.addRow({std::to_string(row), std::to_string(tokens[row]), text});
  }
  table.print(out);
}

static llvm::Error interpretModel(const InterpretOptions &options,
                                  const Model &model, unsigned threads,
                                  std::vector<int32_t> tokens, int64_t greedy,
                                  llvm::raw_ostream &out) {
  WeightStore store(*model.module, model.root, threads);
  Interpreter interpreter(*model.module, store, threads);
  Feeder feeder{interpreter};
  if (!options.greedy.empty())
    return printGreedy(feeder, std::move(tokens), greedy, out);
  llvm::Expected<std::vector<float>> logits =
      feeder.feed(tokens, tokens.size());
  if (!logits)
    return logits.takeError();
  if (!options.logits.empty())
    return writeLogits(*logits, options.logits);
  printLargest(tokens, *logits, out);
  return llvm::Error::success();
}

/// Loads the model and runs the phases that are asked for.
static llvm::Expected<Model> prepareModel(Session &session,
                                          const InterpretOptions &options) {
  llvm::Expected<Plan> plan = makeInterpretPlan(session, options);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Model> model = loadModel(session, options, *plan);
  if (!model)
    return model.takeError();
  if (!options.logits.empty())
    if (llvm::Error error =
            checkNoInput(options.logits, *model,
                         {options.calibrate.text, options.statistics}))
      return std::move(error);
  for (const PhaseInfo &info : phases())
    if (info.isPresent && plan->runs(info.phase))
      if (llvm::Error error =
              runPhase(session, *model, info.phase, *plan, options))
        return std::move(error);
  return model;
}

static llvm::Error interpretTokens(const InterpretOptions &options,
                                   unsigned threads, llvm::raw_ostream &out) {
  llvm::Expected<std::vector<int32_t>> tokens = parseTokens(options.tokens);
  if (!tokens)
    return tokens.takeError();
  if (!options.greedy.empty() && !options.logits.empty())
    return makeError("--greedy prints tokens and --logits writes logits: give "
                     "one of them");
  if (!options.logits.empty() && options.logits != "-")
    if (llvm::Error error = checkOutputFile(options.logits))
      return error;
  int64_t greedy = 0;
  if (!options.greedy.empty()) {
    llvm::Expected<int64_t> count =
        parseNumber("--greedy", options.greedy, 1, INT32_MAX);
    if (!count)
      return count.takeError();
    greedy = *count;
  }
  Session session(threads, options.remarks);
  llvm::Expected<Model> model = prepareModel(session, options);
  if (!model)
    return model.takeError();
  return interpretModel(options, *model, session.threads(), std::move(*tokens),
                        greedy, out);
}

llvm::Error lqc::interpret(const InterpretOptions &options,
                           llvm::raw_ostream &out) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  llvm::Expected<std::optional<GraphPlan>> graph = makeGraphPlan(options);
  if (!graph)
    return graph.takeError();
  if (!*graph)
    return interpretTokens(options, *threads, out);
  Session session(*threads, options.remarks);
  llvm::Expected<Model> model = prepareModel(session, options);
  if (!model)
    return model.takeError();
  return interpretGraph(*model, **graph, session.threads(), out);
}
