//===- GraphCommandLine.cpp - a graph executable's options ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A graph has few options, so they need no library; its executable stays small.
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace lqc::runtime {

static const char *const kUsage = R"(Usage: NAME [options]

Runs a compiled graph: tensors in, tensors out.

Inputs and outputs
  --input NAME=FILE     A tensor for the input NAME: a .npy file, or a .pb file
                        with an ONNX TensorProto; NAME= may be left out if there
                        is one input
  --output-dir DIR      Write each output to DIR as NAME.npy (without: show the
                        first numbers)
  --random              Make up the inputs that are not given
  --seed N              Same seed, same numbers (0)
  --dim NAME=N          Size of the dimension NAME, or of INPUT.INDEX if it has
                        no name, for --random (1)
  --threads N           Threads (one for each processor); results do not depend
                        on it

Instead of running once
  --check DIR           Compare with known results: DIR holds input_0.pb … and
                        output_0.pb …, or folders test_data_set_* that do; the
                        exit code is 0 if all agree
  --rtol X --atol X     What --check allows: |difference| <= atol + rtol *
                        |expected| (0.001 and 1e-07)
  --bench               Time of a run, on the inputs given or made up
  --info                What this executable is, its inputs and outputs
  --verify              Check every byte of the weights against its hash
  --json                Print --bench or --info as JSON
  -h, --help            Print this help
  --version             Print the version

)";

#ifndef LQC_VERSION
#define LQC_VERSION "unknown"
#endif

namespace {
class Parser {
public:
  Parser(int argc, char **argv, GraphOptions &options)
      : options(options), words(argv + std::min(argc, 1), argv + argc) {}

  /// What is wrong, or "".
  std::string parse();
  bool wantsHelp = false, wantsVersion = false;

private:
  std::string parseWord(std::string_view word);
  std::string takeFlag(std::string_view word, bool &known);
  std::string takeOption(std::string_view option, const std::string &value);
  std::string setMode(GraphMode mode, std::string_view word);
  std::string check() const;

  GraphOptions &options;
  std::vector<std::string> words;
  size_t next = 0;
  std::string modeWord, toleranceWord, dimWord;
};
} // namespace

template <typename T> static bool parseNumber(std::string_view text, T &value) {
  auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

template <typename T>
static std::string takeNumber(std::string_view option, const std::string &text,
                              T least, T most, T &value) {
  if (parseNumber(text, value) && value >= least && value <= most)
    return {};
  char range[96];
  std::snprintf(range, sizeof(range), "%.10g to %.10g", double(least),
                double(most));
  return std::string(option) + " must be a number from " + range +
         ", got: " + text;
}

std::string Parser::setMode(GraphMode mode, std::string_view word) {
  if (!modeWord.empty() && modeWord != word)
    return modeWord + " and " + std::string(word) + " do not go together";
  options.mode = mode;
  modeWord = word;
  return {};
}

std::string Parser::takeFlag(std::string_view word, bool &known) {
  known = true;
  if (word == "--random")
    options.random = true;
  else if (word == "--json")
    options.json = true;
  else if (word == "--help" || word == "-h")
    wantsHelp = true;
  else if (word == "--version")
    wantsVersion = true;
  else if (word == "--bench")
    return setMode(GraphMode::Bench, word);
  else if (word == "--info")
    return setMode(GraphMode::Info, word);
  else if (word == "--verify")
    return setMode(GraphMode::Verify, word);
  else
    known = false;
  return {};
}

std::string Parser::takeOption(std::string_view option,
                               const std::string &value) {
  if (option == "--input") {
    options.inputs.push_back(value);
  } else if (option == "--output-dir") {
    options.outputDirectory = value;
  } else if (option == "--check") {
    options.checkDirectory = value;
    return setMode(GraphMode::Check, option);
  } else if (option == "--rtol" || option == "--atol") {
    toleranceWord = option;
    return takeNumber(option, value, 0.0, 1e30,
                      option == "--rtol" ? options.relative : options.absolute);
  } else if (option == "--seed") {
    return takeNumber<uint64_t>(option, value, 0, UINT64_MAX, options.seed);
  } else if (option == "--threads") {
    return takeNumber(option, value, 1, kMaxThreads, options.threads);
  } else {
    dimWord = option;
    const size_t at = value.rfind('=');
    if (at == value.npos)
      return "--dim must be NAME=N, got: " + value;
    options.dims.emplace_back(value.substr(0, at), 0);
    return takeNumber<int64_t>("--dim " + options.dims.back().first,
                               value.substr(at + 1), 0, INT32_MAX,
                               options.dims.back().second);
  }
  return {};
}

std::string Parser::parseWord(std::string_view word) {
  bool isFlag = false;
  if (std::string problem = takeFlag(word, isFlag); isFlag)
    return problem;
  const size_t equals = word.find('=');
  const std::string option(word.substr(0, equals));
  for (const char *name : {"--input", "--output-dir", "--check", "--rtol",
                           "--atol", "--seed", "--threads", "--dim"}) {
    if (option != name)
      continue;
    if (equals != word.npos)
      return takeOption(option, std::string(word.substr(equals + 1)));
    if (next == words.size())
      return option + " takes one value";
    return takeOption(option, words[next++]);
  }
  return (word.starts_with('-') ? "unknown option " : "unexpected argument ") +
         std::string(word);
}

/// Options without effect are misunderstandings.
std::string Parser::check() const {
  const GraphMode mode = options.mode;
  const bool takesInputs = mode == GraphMode::Run || mode == GraphMode::Bench;
  if (!options.inputs.empty() && !takesInputs)
    return modeWord + " takes no --input";
  if (!options.outputDirectory.empty() && mode != GraphMode::Run)
    return modeWord + " and --output-dir do not go together";
  if (!toleranceWord.empty() && mode != GraphMode::Check)
    return toleranceWord + " is for --check";
  if (options.random && !takesInputs)
    return modeWord + " and --random do not go together";
  if (!dimWord.empty() && !options.random && mode != GraphMode::Bench)
    return "--dim is for --random";
  if (options.json && mode != GraphMode::Bench && mode != GraphMode::Info)
    return "--json is for --bench and --info";
  return {};
}

std::string Parser::parse() {
  while (next < words.size()) {
    const std::string word = words[next++];
    std::string problem = parseWord(word);
    if (!problem.empty() || wantsHelp || wantsVersion)
      return problem;
  }
  return check();
}

static int printHelp(const std::string &name, const struct lqc_graph &graph) {
  std::string text = kUsage;
  text.replace(text.find("NAME"), 4, name);
  text += "Inputs\n";
  for (int64_t i = 0; i < graph.input_count; ++i)
    text += "  " + describeValue(graph.inputs[i]) + "\n";
  text += "Outputs\n";
  for (int64_t i = 0; i < graph.output_count; ++i)
    text += "  " + describeValue(graph.outputs[i]) + "\n";
  text += "\nExamples:\n";
  const std::string first =
      graph.input_count ? graph.inputs[0].name : std::string();
  if (graph.input_count)
    text += "  " + name + " --input " + first +
            "=a.npy --output-dir out   numbers in, numbers out\n";
  text += "  " + name + " --random                            does it run?\n" +
          "  " + name + " --bench --json                      how fast?\n" +
          "  " + name + " --check test_data_set_0             is it right?\n";
  Output output;
  output.write(text);
  return output.finish(name);
}

int parseGraphCommandLine(int argc, char **argv, const struct lqc_graph &graph,
                          GraphOptions &options) {
  const std::string name = programName(argc > 0 ? argv[0] : nullptr);
  Parser parser(argc, argv, options);
  std::string problem = parser.parse();
  if (!problem.empty())
    return reportFailure(name, problem + "; run with --help");
  if (parser.wantsHelp)
    return printHelp(name, graph);
  if (!parser.wantsVersion)
    return -1;
  Output output;
  output.write("LQC " LQC_VERSION "\n");
  return output.finish(name);
}

} // namespace lqc::runtime
