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

#include "lqc/Runtime/PayloadCheck.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace lqc::runtime {

static const char *const kUsage = R"(Usage: NAME [options]

Runs a compiled graph: tensors in, tensors out.

)";
static const char *const kTextUsage = R"(Usage: NAME [options] ["text" ...]

Writes an embedding of each text: of each argument, or of each line of a file or of
standard input.

Text
  --file FILE           Texts, one a line (without: standard input, as is -)
  -o, --output FILE     A .npy file, float32[texts, width] (without: a JSON array
                        for each text, to standard output)
  --pooling HOW         mean: of all tokens; cls: the first token; none: what the
                        graph gives for a text (POOLING)
  --normalize, --no-normalize
                        Scale each embedding to the length 1, or do not (NORMALIZE)
  --max-length N        Tokens of a text, special ones too; the end of a longer one
                        is left out (LENGTH)
  --batch N             Texts that are computed together, filled up to the longest
                        (1)

)";
static const char *const kCommonUsage = R"(Inputs and outputs
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

/// The options that take a value, and those of encoders alone.
static constexpr std::array<std::string_view, 8> kOptions = {
    "--input", "--output-dir", "--check",   "--rtol",
    "--atol",  "--seed",       "--threads", "--dim"};
static constexpr std::array<std::string_view, 5> kTextOptions = {
    "--file", "--output", "--pooling", "--max-length", "--batch"};

/// Texts in one run.
static constexpr int64_t kMaxBatch = 4096;

template <typename Words>
static bool contains(const Words &words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

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
  std::string takeText(std::string_view word);
  bool takeTextFlag(std::string_view word);
  std::string takeTextOption(std::string_view option, const std::string &value);
  std::string takeFlag(std::string_view word, bool &known);
  std::string takeOption(std::string_view option, const std::string &value);
  std::string setMode(GraphMode mode, std::string_view word);
  std::string check() const;
  std::string checkText();

  GraphOptions &options;
  std::vector<std::string> words;
  size_t next = 0;
  std::string modeWord, toleranceWord, dimWord;
  std::string textWord; ///< of what is about text, the last; "a text"
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

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

bool Parser::takeTextFlag(std::string_view word) {
  if (!options.text || (word != "--normalize" && word != "--no-normalize"))
    return false;
  options.text->normalize = word == "--normalize";
  textWord = word;
  return true;
}

std::string Parser::takeTextOption(std::string_view option,
                                   const std::string &value) {
  TextOptions &text = *options.text;
  textWord = option;
  if (option == "--max-length")
    return takeNumber<int64_t>(option, value, 1, INT32_MAX, text.maxLength);
  if (option == "--batch")
    return takeNumber<int64_t>(option, value, 1, kMaxBatch, text.batch);
  if (option == "--pooling") {
    for (Pooling pooling : {Pooling::None, Pooling::Mean, Pooling::Cls})
      if (value == poolingName(pooling)) {
        text.pooling = pooling;
        return {};
      }
    return "--pooling must be mean, cls or none, got: " + value;
  }
  if (value.empty() || (option == "--output" && value == "-"))
    return std::string(option) + " must be a file, got: '" + value + "'";
  (option == "--file" ? text.file : text.output) = value;
  return {};
}

std::string Parser::takeText(std::string_view word) {
  if (!options.text)
    return "unexpected argument " + std::string(word);
  options.text->texts.emplace_back(word);
  textWord = "a text";
  return {};
}

/// An encoder that is given no tensors works on text.
std::string Parser::checkText() {
  TextOptions &text = *options.text;
  const std::string tensors = !modeWord.empty()         ? modeWord
                              : !options.inputs.empty() ? "--input"
                              : options.random          ? "--random"
                              : !options.outputDirectory.empty()
                                  ? "--output-dir"
                                  : "";
  if (!tensors.empty())
    return textWord.empty()
               ? ""
               : textWord + " and " + tensors + " do not go together";
  if (text.texts == std::vector<std::string>{"-"}) {
    text.texts.clear();
    if (text.file.empty())
      text.file = "-";
  }
  if (!text.texts.empty() && !text.file.empty())
    return "--file and a text do not go together";
  options.mode = GraphMode::Embed;
  return {};
}

//===----------------------------------------------------------------------===//
// All words
//===----------------------------------------------------------------------===//

std::string Parser::parseWord(std::string_view word) {
  bool isFlag = false;
  if (std::string problem = takeFlag(word, isFlag); isFlag)
    return problem;
  if (takeTextFlag(word))
    return {};
  if (word == "-")
    return takeText(word);
  const size_t equals = word.find('=');
  std::string option(word.substr(0, equals));
  if (option == "-o")
    option = "--output";
  const bool isText = options.text && contains(kTextOptions, option);
  if (!isText && !contains(kOptions, option))
    return word.starts_with('-') ? "unknown option " + std::string(word)
                                 : takeText(word);
  if (equals == word.npos && next == words.size())
    return option + " takes one value";
  const std::string value = equals == word.npos
                                ? words[next++]
                                : std::string(word.substr(equals + 1));
  return isText ? takeTextOption(option, value) : takeOption(option, value);
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
    if (word == "--" && options.text) { // texts may begin with a dash
      while (next < words.size())
        (void)takeText(words[next++]);
      break;
    }
    std::string problem = parseWord(word);
    if (!problem.empty() || wantsHelp || wantsVersion)
      return problem;
  }
  std::string problem = check();
  return problem.empty() && options.text ? checkText() : problem;
}

static void replace(std::string &text, std::string_view word,
                    const std::string &by) {
  text.replace(text.find(word), word.size(), by);
}

static std::string textUsage(const TextOptions &options) {
  std::string text = kTextUsage;
  replace(text, "POOLING", poolingName(options.pooling));
  replace(text, "NORMALIZE", options.normalize ? "do" : "do not");
  replace(text, "LENGTH",
          options.maxLength ? std::to_string(options.maxLength) : "any number");
  return text;
}

/// `encoder`: the defaults of one; null: of another graph.
static int printHelp(const std::string &name, const struct lqc_graph &graph,
                     const TextOptions *encoder) {
  std::string text = encoder ? textUsage(*encoder) : kUsage;
  replace(text, "NAME", name);
  text += kCommonUsage;
  text += "Inputs\n";
  for (int64_t i = 0; i < graph.input_count; ++i)
    text += "  " + describeValue(graph.inputs[i]) + "\n";
  text += "Outputs\n";
  for (int64_t i = 0; i < graph.output_count; ++i)
    text += "  " + describeValue(graph.outputs[i]) + "\n";
  text += "\nExamples:\n";
  if (encoder)
    text += "  " + name +
            " \"a text\" \"another\"          a JSON array for each\n" + "  " +
            name + " --file lines.txt -o rows.npy   numpy.load reads it\n";
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
  // What --help shows are the defaults, whatever stands before it.
  const std::optional<TextOptions> defaults = options.text;
  Parser parser(argc, argv, options);
  std::string problem = parser.parse();
  if (!problem.empty())
    return reportFailure(name, problem + "; run with --help");
  if (parser.wantsHelp)
    return printHelp(name, graph, defaults ? &*defaults : nullptr);
  if (!parser.wantsVersion)
    return -1;
  Output output;
  output.write("LQC " LQC_VERSION "\n");
  return output.finish(name);
}

} // namespace lqc::runtime
