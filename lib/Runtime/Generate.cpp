//===- Generate.cpp - a prompt goes on; logits of a prompt ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The prompt is shown as it was given, then what follows as it comes, then one
// newline. With --print-tokens only the generated ids are shown, separated by
// commas, the end-of-text token included.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include <cstdio>
#include <optional>
#include <unistd.h>

namespace lqc::runtime {

namespace {
/// Writes generated tokens as text or ids.
class TokenWriter {
public:
  /// What is written continues `prompt`, which is not written here.
  TokenWriter(const Executable &executable, std::span<const int32_t> prompt,
              Output &output)
      : output(output) {
    if (!executable.tokenizer || executable.options.printTokens)
      return;
    text.emplace(*executable.tokenizer);
    for (int32_t token : prompt)
      text->push(token);
    text->flush();
  }

  /// False once nobody can read it.
  bool push(int32_t token) {
    if (text)
      output.write(text->push(token));
    else
      output.write((first ? "" : ",") + std::to_string(token));
    first = false;
    return output.flush();
  }
  void finish() {
    if (text)
      output.write(text->flush());
    output.write("\n");
  }
  bool writesText() const { return text.has_value(); }

private:
  Output &output;
  std::optional<TextStream> text;
  bool first = true;
};

/// Counts and times of a run, for the line at the end.
struct RunStats {
  size_t promptTokens = 0;
  double promptSeconds = 0;
  int64_t decodedTokens = 0;
  double decodeSeconds = 0;
};
} // namespace

static void printStats(const Executable &executable, const RunStats &stats) {
  const Options &options = executable.options;
  std::fprintf(stderr, "prompt: %zu tokens, %.1f tokens/s", stats.promptTokens,
               double(stats.promptTokens) / stats.promptSeconds);
  if (stats.decodedTokens)
    std::fprintf(stderr, "; decode: %lld tokens, %.1f tokens/s",
                 (long long)stats.decodedTokens,
                 double(stats.decodedTokens) / stats.decodeSeconds);
  std::fprintf(stderr, "; threads: %d", executable.pool->threads());
  if (options.sampler.temperature > 0)
    std::fprintf(stderr, "; seed: %llu",
                 (unsigned long long)options.sampler.seed);
  std::fputc('\n', stderr);
}

int generate(Executable &executable) {
  Prompt prompt;
  std::string error;
  if (!readPrompt(executable, prompt, error))
    return executable.fail(error);
  Session &session = *executable.session;
  const Options &options = executable.options;

  Output output;
  TokenWriter writer(executable, prompt.tokens, output);
  if (writer.writesText()) {
    output.write(prompt.text);
    if (!output.flush())
      return output.finish(executable.name);
  }
  Sampler sampler(options.sampler, executable.model.vocabulary);
  for (int32_t token : prompt.tokens)
    sampler.accept(token);

  RunStats stats;
  stats.promptTokens = prompt.tokens.size();
  Stopwatch promptWatch;
  float *logits = session.feed(prompt.tokens);
  stats.promptSeconds = promptWatch.seconds();
  Stopwatch decodeWatch;
  const DecodeResult result =
      decode(executable, /*slot=*/0, logits, sampler,
             options.count.value_or(executable.defaults.count),
             [&](int32_t token, bool ends) {
               return (ends && writer.writesText()) || writer.push(token);
             });
  stats.decodedTokens = result.fed;
  stats.decodeSeconds = decodeWatch.seconds();

  writer.finish();
  if (int status = output.finish(executable.name))
    return status;
  if (result.stop == Stop::NotFinite)
    return executable.fail("no logit is a finite number after " +
                           std::to_string(session.position()) + " tokens");
  if (result.stop == Stop::ContextFull)
    executable.fail("context of " + std::to_string(session.context()) +
                    " tokens is full");
  if (options.stats || ::isatty(STDERR_FILENO))
    printStats(executable, stats);
  return 0;
}

int writeLogits(Executable &executable) {
  if (::isatty(STDOUT_FILENO))
    return executable.fail("--logits writes raw numbers: send them to a file "
                           "or a pipe");
  if (!executable.options.perplexityFile.empty())
    return writeWindowLogits(executable);
  Prompt prompt;
  std::string error;
  if (!readPrompt(executable, prompt, error))
    return executable.fail(error);
  Output output;
  const size_t rowBytes = size_t(executable.model.vocabulary) * sizeof(float);
  executable.session->feedAll(prompt.tokens, [&](size_t, const float *logits) {
    output.write({reinterpret_cast<const char *>(logits), rowBytes});
    return output.flush();
  });
  return output.finish(executable.name);
}

} // namespace lqc::runtime
