//===- Perplexity.cpp - how surprised the model is by a text --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"
#include "lqc/Runtime/TokenFile.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <unistd.h>

namespace lqc::runtime {

double logSumExp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - largest);
  return largest + std::log(sum);
}

double negativeLogLikelihood(std::span<const float> logits, int32_t target) {
  return logSumExp(logits) - double(logits[size_t(target)]);
}

bool feedWindows(Session &session, std::span<const int32_t> tokens,
                 const Windows &windows, const WindowSink &sink,
                 const WindowProgress &progress) {
  for (int64_t i = 0; i < windows.count(); ++i) {
    progress(i, windows.count());
    const size_t begin = size_t(windows.begin(i));
    session.rewind();
    bool wanted =
        session.feedAll(tokens.subspan(begin, size_t(windows.fed(i))),
                        [&](size_t row, const float *logits) {
                          return sink({logits, size_t(session.vocabulary())},
                                      tokens[begin + row + 1]);
                        });
    if (!wanted)
      return false;
  }
  progress(windows.count(), windows.count());
  return true;
}

PerplexityResult measurePerplexity(Session &session,
                                   std::span<const int32_t> tokens,
                                   const Windows &windows,
                                   const WindowProgress &progress) {
  PerplexityResult result;
  double sum = 0;
  auto add = [&](std::span<const float> logits, int32_t target) {
    sum += negativeLogLikelihood(logits, target);
    ++result.tokens;
    return true;
  };
  feedWindows(session, tokens, windows, add, progress);
  result.nll = result.tokens ? sum / double(result.tokens) : 0;
  return result;
}

static void showProgress(int64_t done, int64_t windows) {
  static const bool terminal = ::isatty(STDERR_FILENO);
  if (!terminal)
    return;
  if (done < windows)
    std::fprintf(stderr, "\rwindow %lld of %lld", (long long)(done + 1),
                 (long long)windows);
  else
    std::fputs("\r\033[K", stderr);
}

/// The tokens of --perplexity FILE and how --window and --stride cut them.
/// Nothing and a message in `error` if they cannot be had.
static std::optional<Windows> readWindows(const Executable &executable,
                                          std::vector<int32_t> &tokens,
                                          std::string &error) {
  const Options &options = executable.options;
  const int64_t context = executable.session->context();
  Windows windows(0, context, options.window, options.stride);
  error = windows.problem(context);
  if (!error.empty() ||
      !readTokenFile(options.perplexityFile, executable.tokenizer.get(),
                     executable.model.vocabulary, tokens, error))
    return std::nullopt;
  windows.tokens = int64_t(tokens.size());
  return windows;
}

int perplexity(Executable &executable) {
  const Options &options = executable.options;
  std::vector<int32_t> tokens;
  std::string error;
  std::optional<Windows> windows = readWindows(executable, tokens, error);
  if (!windows)
    return executable.fail(error);
  PerplexityResult result =
      measurePerplexity(*executable.session, tokens, *windows, showProgress);
  if (!std::isfinite(result.nll))
    return executable.fail("perplexity must be a finite number, got: " +
                           std::to_string(result.nll) + " nats a token");
  const std::string value = formatNumber(std::exp(result.nll), 6);
  const std::string nll = formatNumber(result.nll, 8);
  const std::string counts[] = {std::to_string(result.tokens),
                                std::to_string(windows->window),
                                std::to_string(windows->stride)};
  Output output;
  if (options.json)
    output.write("{\"perplexity\": " + value + ", \"tokens\": " + counts[0] +
                 ", \"nll\": " + nll + ", \"window\": " + counts[1] +
                 ", \"stride\": " + counts[2] + "}\n");
  else
    output.write("perplexity " + value + " over " + counts[0] + " tokens (" +
                 nll + " nats a token, window " + counts[1] + ", stride " +
                 counts[2] + ")\n");
  return output.finish(executable.name);
}

int writeWindowLogits(Executable &executable) {
  std::vector<int32_t> tokens;
  std::string error;
  std::optional<Windows> windows = readWindows(executable, tokens, error);
  if (!windows)
    return executable.fail(error);
  Output output;
  auto write = [&](std::span<const float> logits, int32_t) {
    output.write(
        {reinterpret_cast<const char *>(logits.data()), logits.size_bytes()});
    return output.flush();
  };
  feedWindows(*executable.session, tokens, *windows, write, showProgress);
  return output.finish(executable.name);
}

} // namespace lqc::runtime
