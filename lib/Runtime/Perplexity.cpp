//===- Perplexity.cpp - how surprised the model is by a text --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

namespace lqc::runtime {

constexpr int64_t kDefaultWindow = 256;

double negativeLogLikelihood(std::span<const float> logits, int32_t target) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - largest);
  return largest + std::log(sum) - double(logits[size_t(target)]);
}

PerplexityResult
measurePerplexity(Session &session, std::span<const int32_t> tokens,
                  int64_t window, int64_t stride,
                  const std::function<void(int64_t, int64_t)> &progress) {
  const int64_t targets = int64_t(tokens.size()) - 1; // of one pass
  const int64_t windows = targets > 0 ? (targets + stride - 1) / stride : 0;
  PerplexityResult result;
  double sum = 0;
  for (int64_t i = 0; i < windows; ++i) {
    progress(i, windows);
    const size_t begin = size_t(i * stride);
    const size_t fed = size_t(std::min(window, targets - i * stride));
    session.rewind();
    session.feedAll(
        tokens.subspan(begin, fed), [&](size_t row, const float *logits) {
          sum += negativeLogLikelihood({logits, size_t(session.vocabulary())},
                                       tokens[begin + row + 1]);
          return true;
        });
    result.tokens += int64_t(fed);
  }
  progress(windows, windows);
  result.nll = result.tokens ? sum / double(result.tokens) : 0;
  return result;
}

/// Tokens of a file: little-endian uint16 ids if it ends in .u16, else text.
static bool readTokens(const Executable &executable,
                       std::vector<int32_t> &tokens, std::string &error) {
  const std::string &path = executable.options.perplexityFile;
  std::string bytes;
  if (!readWholeFile(path, bytes, error))
    return false;
  if (!path.ends_with(".u16")) {
    if (executable.tokenizer)
      tokens = executable.tokenizer->encode(bytes, true);
    else
      error = "this model has no tokenizer: give token ids in a .u16 file";
  } else if (bytes.size() % 2) {
    error = path + ": file of 16-bit token ids must have an even size, got: " +
            std::to_string(bytes.size());
  } else {
    tokens.resize(bytes.size() / 2);
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = uint8_t(bytes[2 * i]) | uint8_t(bytes[2 * i + 1]) << 8;
  }
  if (error.empty()) {
    error = tokenProblem(tokens, executable.model.vocabulary);
    if (error.empty() && tokens.size() < 2)
      error = "text must have at least 2 tokens, got: " +
              std::to_string(tokens.size());
    if (!error.empty())
      error = path + ": " + error;
  }
  return error.empty();
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

int perplexity(Executable &executable) {
  const Options &options = executable.options;
  const int64_t context = executable.session->context();
  const int64_t window =
      options.window.value_or(std::min(kDefaultWindow, context));
  const int64_t stride = options.stride.value_or(window);
  if (window > context)
    return executable.fail(
        "--window must be at most the context, got: " + std::to_string(window) +
        " > " + std::to_string(context));
  if (stride > window)
    return executable.fail(
        "--stride must be at most the window, got: " + std::to_string(stride) +
        " > " + std::to_string(window));
  std::vector<int32_t> tokens;
  std::string error;
  if (!readTokens(executable, tokens, error))
    return executable.fail(error);

  PerplexityResult result = measurePerplexity(*executable.session, tokens,
                                              window, stride, showProgress);
  if (!std::isfinite(result.nll))
    return executable.fail("perplexity must be a finite number, got: " +
                           std::to_string(result.nll) + " nats a token");
  const std::string value = formatNumber(std::exp(result.nll), 6);
  const std::string nll = formatNumber(result.nll, 8);
  const std::string counts[] = {std::to_string(result.tokens),
                                std::to_string(window), std::to_string(stride)};
  Output output;
  if (options.json)
    output.write("{\"perplexity\": " + value + ", \"tokens\": " + counts[0] +
                 ", \"nll\": " + nll + ", \"window\": " + counts[1] +
                 ", \"stride\": " + counts[2] + "}\n");
  else
    output.write("perplexity " + value + " over " + counts[0] + " tokens (" +
                 nll + " nats a token, window " + counts[1] + ", stride " +
                 counts[2] + ")\n");
  return output.finish(executable);
}

} // namespace lqc::runtime
