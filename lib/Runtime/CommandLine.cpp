//===- CommandLine.cpp - the executable's command line --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only file that knows CLI11, and the only one with exceptions.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Options.h"
#include "lqc/Runtime/Pool.h"

#include <CLI/CLI.hpp>

#include <cctype>
#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>
#include <sys/random.h>
#include <unistd.h>

namespace lqc::runtime {

#ifndef LQC_VERSION
#define LQC_VERSION "unknown"
#endif

constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();

static const char *const kExamples = R"(Examples:
  NAME "Once upon a time"              tell how it goes on, word by word
  NAME -n 40 --temperature 0.8 "The"   40 tokens, drawn by chance
  echo "Dear all," | NAME -            the prompt from standard input
  NAME --tokens 1,403,7 --print-tokens  token ids in, token ids out
  NAME --perplexity text.txt --json    how well it predicts a text
  NAME --bench                         tokens per second, and the limit
  NAME --profile                       the time of each kernel, and its limit
  NAME --info                          what it is and how it was made
  NAME -- "-5 degrees"                 a prompt that begins with a dash
)";

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// The whole of `text` as a number.
template <typename T> static bool parseNumber(std::string_view text, T &value) {
  auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

static CLI::Validator wholeNumber(int64_t least, int64_t most) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        int64_t value = 0;
        if (parseNumber(text, value) && value >= least && value <= most)
          return {};
        return "must be a whole number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", got: " + text;
      },
      "");
}

static CLI::Validator number(double least, double most) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        double value = 0; // a NaN is not in any range
        if (parseNumber(text, value) && value >= least && value <= most)
          return {};
        char range[64];
        std::snprintf(range, sizeof(range), "%g to %g", least, most);
        return std::string("must be a number from ") + range + ", got: " + text;
      },
      "");
}

/// Ids separated by commas or white space.
static std::string parseTokens(std::string_view text,
                               std::vector<int32_t> &tokens) {
  constexpr std::string_view kSeparators = ", \t\n";
  while (true) {
    const size_t begin = text.find_first_not_of(kSeparators);
    if (begin == text.npos)
      return {};
    text.remove_prefix(begin);
    const std::string_view word =
        text.substr(0, text.find_first_of(kSeparators));
    int32_t token = 0;
    if (!parseNumber(word, token) || token < 0)
      return "--tokens: must be token ids such as 1,403,7, got: " +
             std::string(word);
    tokens.push_back(token);
    text.remove_prefix(word.size());
  }
}

static uint64_t randomSeed() {
  uint32_t seed = 0; // short enough to type
  if (::getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
    seed = uint32_t(::getpid());
  return seed;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {
/// What CLI11 fills before it becomes Options.
struct Raw {
  std::vector<std::string> prompts;
  std::string tokens;
  bool logits = false, bench = false, profile = false;
  bool info = false, verify = false;
};

/// Help without CLI11's type names and with examples.
class HelpFormatter : public CLI::Formatter {
public:
  HelpFormatter() { column_width(26); }
  std::string make_usage(const CLI::App *app, std::string) const override {
    return "Usage: " + app->get_name() + " [options] [\"prompt\"]\n";
  }
  std::string make_option_opts(const CLI::Option *option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
};
} // namespace

/// " (default: 0.6)"
static std::string defaultText(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), " (default: %.10g)", value);
  return text;
}

static void addGenerateOptions(CLI::App &app, Raw &raw, Options &options,
                               const GenerationDefaults &defaults) {
  const char *group = "Text";
  app.add_option("prompt", raw.prompts,
                 "Text to go on with (none: begins one); - reads it from "
                 "standard input (one newline at its end is dropped)")
      ->type_name("");
  app.add_option("-n", options.count,
                 "Tokens to generate at most, 0 or more (" +
                     std::to_string(defaults.count) +
                     "; --bench, --profile: 64)")
      ->type_name("N")
      ->check(wholeNumber(0, kMaxCount))
      ->group(group);
  app.add_option("-c", options.context,
                 "Positions to use, at most the context compiled in")
      ->type_name("N")
      ->check(wholeNumber(1, kMaxCount))
      ->group(group);
  app.add_option("--threads", options.threads,
                 "Threads (one for each processor); the text does not depend "
                 "on it")
      ->type_name("N")
      ->check(wholeNumber(1, kMaxThreads))
      ->group(group);
  app.add_option("--tokens", raw.tokens, "Token ids instead of a text: 1,403,7")
      ->type_name("IDS")
      ->group(group);
  app.add_flag("--print-tokens", options.printTokens,
               "Print the generated token ids instead of text")
      ->group(group);
  app.add_flag("--stats", options.stats,
               "Print tokens/s to standard error at the end, also when it is "
               "not a terminal")
      ->group(group);
}

static void addSamplingOptions(CLI::App &app, Options &options,
                               const GenerationDefaults &defaults) {
  const char *group = "Sampling";
  SamplerOptions &sampler = options.sampler;
  sampler.temperature = defaults.temperature;
  sampler.topK = defaults.topK;
  sampler.topP = defaults.topP;
  sampler.minP = defaults.minP;
  sampler.repeatPenalty = defaults.repeatPenalty;
  app.add_option("--temperature", sampler.temperature,
                 "0 takes the likeliest token each time; 0.8 is lively, 0 to "
                 "100" +
                     defaultText(defaults.temperature))
      ->type_name("T")
      ->check(number(0, 100))
      ->group(group);
  app.add_option("--top-k", sampler.topK,
                 "Draw from the K likeliest tokens; 0: from all" +
                     defaultText(double(defaults.topK)))
      ->type_name("K")
      ->check(wholeNumber(0, kMaxCount))
      ->group(group);
  app.add_option("--top-p", sampler.topP,
                 "Draw from the likeliest tokens that together have the "
                 "probability P; 1: from all" +
                     defaultText(defaults.topP))
      ->type_name("P")
      ->check(number(0, 1))
      ->group(group);
  app.add_option("--min-p", sampler.minP,
                 "Leave out tokens less likely than P times the likeliest "
                 "one; 0: none" +
                     defaultText(defaults.minP))
      ->type_name("P")
      ->check(number(0, 1))
      ->group(group);
  app.add_option("--repeat-penalty", sampler.repeatPenalty,
                 "Make the last 64 tokens less likely (1: off; 1.1 is mild), "
                 "0.01 to 100; counts at temperature 0 too" +
                     defaultText(defaults.repeatPenalty))
      ->type_name("X")
      ->check(number(0.01, 100))
      ->group(group);
  app.add_option("--seed", sampler.seed,
                 "Same seed, same text (default: from the system, shown by "
                 "--stats)")
      ->type_name("N")
      ->check(wholeNumber(0, std::numeric_limits<int64_t>::max()))
      ->group(group);
}

static void addMeasureOptions(CLI::App &app, Raw &raw, Options &options) {
  const char *group = "Measuring and describing (instead of generating)";
  app.add_option("--perplexity", options.perplexityFile,
                 "Perplexity on a text; a FILE ending in .u16 or .u32 holds "
                 "token ids, 16-bit or 32-bit little-endian")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--window", options.window,
                 "Tokens of one window of --perplexity (256, or the context if "
                 "that is less)")
      ->type_name("N")
      ->check(wholeNumber(1, kMaxCount))
      ->group(group);
  app.add_option("--stride", options.stride,
                 "Tokens from window to window (as many as the window has)")
      ->type_name("N")
      ->check(wholeNumber(1, kMaxCount))
      ->group(group);
  app.add_flag("--logits", raw.logits,
               "Write the logits after each token of the prompt, or of each "
               "window of --perplexity, to standard output: rows of 32-bit "
               "floats")
      ->group(group);
  app.add_flag("--bench", raw.bench,
               "Speed of prefill and decode, memory bandwidth, and how near "
               "decode comes to it")
      ->group(group);
  app.add_flag("--profile", raw.profile,
               "Time of each kernel in prefill and decode, the bytes it "
               "touches, and how near it comes to its limit (above 100 %: the "
               "bytes were in the cache)")
      ->group(group);
  app.add_flag("--info", raw.info,
               "What this executable is: model, schemes, bits per weight")
      ->group(group);
  app.add_flag("--verify", raw.verify,
               "Check every byte of the weights against its hash")
      ->group(group);
  app.add_flag("--json", options.json,
               "Print --perplexity, --bench, --profile or --info as JSON")
      ->group(group);
}

//===----------------------------------------------------------------------===//
// Rules between options
//===----------------------------------------------------------------------===//

/// Sets the mode. Returns what does not go together, or "".
static std::string chooseMode(const CLI::App &app, Options &options) {
  const struct {
    const char *flag;
    Mode mode;
  } modes[] = {{"--perplexity", Mode::Perplexity},
               {"--logits", Mode::Logits},
               {"--bench", Mode::Bench},
               {"--profile", Mode::Profile},
               {"--info", Mode::Info},
               {"--verify", Mode::Verify}};
  std::string chosen;
  for (const auto &entry : modes) {
    if (!app.count(entry.flag))
      continue;
    // Together they ask for the rows that the perplexity is made of.
    const bool rowsOfFile =
        entry.mode == Mode::Logits && options.mode == Mode::Perplexity;
    if (!chosen.empty() && !rowsOfFile)
      return chosen + " and " + entry.flag + " do not go together";
    if (!rowsOfFile)
      chosen = entry.flag;
    options.mode = entry.mode;
  }

  const Mode mode = options.mode;
  const bool reports = mode == Mode::Perplexity || mode == Mode::Bench ||
                       mode == Mode::Profile || mode == Mode::Info;
  if (options.json && !reports)
    return "--json goes with --perplexity, --bench, --profile or --info";
  for (const char *flag : {"--window", "--stride"})
    if (app.count(flag) && !app.count("--perplexity"))
      return std::string(flag) + " goes with --perplexity";
  const bool takesPrompt = mode == Mode::Generate ||
                           (mode == Mode::Logits && !app.count("--perplexity"));
  for (const char *flag : {"prompt", "--tokens"})
    if (app.count(flag) && !takesPrompt)
      return chosen + " takes no prompt";
  return {};
}

/// Checks what CLI11 found and completes the options. Returns what is wrong, or
/// "".
static std::string complete(const CLI::App &app, const Raw &raw,
                            Options &options) {
  for (const std::string &rest : app.remaining())
    if (rest != "--")
      return "unknown option " + rest;
  if (raw.prompts.size() > 1)
    return "the prompt must be one argument (put it in quotes), got: " +
           std::to_string(raw.prompts.size());
  if (!raw.prompts.empty())
    options.prompt = raw.prompts[0];
  if (app.count("--tokens")) {
    if (!raw.prompts.empty())
      return "--tokens and a text prompt do not go together";
    options.tokens.emplace();
    if (auto problem = parseTokens(raw.tokens, *options.tokens);
        !problem.empty())
      return problem;
  }
  if (!app.count("--seed"))
    options.sampler.seed = randomSeed();
  return chooseMode(app, options);
}

static std::string examplesFor(const std::string &name) {
  std::string text = kExamples;
  for (size_t at; (at = text.find("NAME")) != text.npos;)
    text.replace(at, 4, name);
  return text;
}

static int refuse(const std::string &name, std::string message) {
  // CLI11's own messages begin with a capital letter.
  if (message.size() > 1 &&
      std::islower(static_cast<unsigned char>(message[1])))
    message[0] = char(std::tolower(static_cast<unsigned char>(message[0])));
  while (!message.empty() && (message.back() == '.' || message.back() == '\n'))
    message.pop_back();
  std::fprintf(stderr, "%s: %s; run with --help\n", name.c_str(),
               message.c_str());
  return 1;
}

static std::string nameOf(int argc, char **argv) {
  std::string path = argc > 0 && *argv[0] ? argv[0] : "model";
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash + 1 == path.size()
             ? path
             : path.substr(slash + 1);
}

std::optional<int> parseCommandLine(int argc, char **argv,
                                    const GenerationDefaults &defaults,
                                    Options &options) {
  const std::string name = nameOf(argc, argv);
  Raw raw;
  CLI::App app("A language model and all it needs, in one file.", name);
  app.formatter(std::make_shared<HelpFormatter>());
  app.allow_extras();
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "LQC " LQC_VERSION, "Print the version");
  addGenerateOptions(app, raw, options, defaults);
  addSamplingOptions(app, options, defaults);
  addMeasureOptions(app, raw, options);
  for (CLI::Option *option : app.get_options({}))
    if (!option->get_items_expected_max())
      option->disable_flag_override();
  app.footer(examplesFor(app.get_name()));

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    std::string help = app.help();
    return std::fputs(help.c_str(), stdout) < 0 || std::fflush(stdout) ? 1 : 0;
  } catch (const CLI::CallForVersion &) {
    return std::puts("LQC " LQC_VERSION) < 0 || std::fflush(stdout) ? 1 : 0;
  } catch (const CLI::ArgumentMismatch &error) {
    // "-n: 1 required N missing", "info was given a disallowed flag override"
    const std::string text = error.what();
    const size_t end = text.find_first_of(": ");
    const std::string option = text.substr(0, end);
    return refuse(name, text[end] == ':' ? option + " takes one value"
                                         : "--" + option + " takes no value");
  } catch (const CLI::Error &error) {
    return refuse(name, error.what());
  }
  std::string problem = complete(app, raw, options);
  if (!problem.empty())
    return refuse(name, problem);
  return std::nullopt;
}

} // namespace lqc::runtime
