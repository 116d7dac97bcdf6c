//===- Executable.h - what the modes of the executable share ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file of lib/Runtime for each mode: Generate.cpp, Perplexity.cpp,
// Bench.cpp, Profile.cpp and Info.cpp. A mode is a function from an opened
// Executable to an exit status.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_EXECUTABLE_H
#define LQC_RUNTIME_EXECUTABLE_H

#include "lqc/Runtime/LoadedModel.h"
#include "lqc/Runtime/Options.h"
#include "lqc/Runtime/Output.h"
#include "lqc/Runtime/Windows.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lqc::runtime {

/// The running executable: the model, and what the user wants of it.
struct Executable : LoadedModel {
  Executable(const struct lqc_model &model, std::string name)
      : LoadedModel(model), name(std::move(name)) {}

  std::string name; ///< as the user called it, for messages
  Options options;

  /// Prints "NAME: message" to stderr and returns 1.
  int fail(std::string_view message) const {
    return reportFailure(name, message);
  }
};

/// The whole program behind main(): returns the exit status.
int runExecutable(const struct lqc_model &model, int argc, char **argv);

/// The modes. All but the last two have a session.
int generate(Executable &executable);
int writeLogits(Executable &executable);       // of a prompt
int writeWindowLogits(Executable &executable); // of the windows of a file
int perplexity(Executable &executable);
int bench(Executable &executable);
int profile(Executable &executable);
int info(Executable &executable);
int verify(Executable &executable);

/// A prompt, as tokens and as text.
struct Prompt {
  std::vector<int32_t> tokens; ///< 1 to the context's number of them
  std::string text; ///< what was asked, to be shown before the answer
};

/// Takes the prompt from --tokens, the argument or standard input. False and a
/// message in `error` if it is empty, too long or names no token.
bool readPrompt(const Executable &executable, Prompt &prompt,
                std::string &error);

/// Message of an id that is not below the vocabulary, or "".
std::string tokenProblem(std::span<const int32_t> tokens, int64_t vocabulary);

/// Logarithm of the sum of exp(logit), in double precision: what softmax
/// divides by.
double logSumExp(std::span<const float> logits);

/// Negative logarithm of the probability of `target` under softmax(logits), in
/// nats, in double precision.
double negativeLogLikelihood(std::span<const float> logits, int32_t target);

/// What `feedWindows` gives for each prediction: the logits (vocabulary) and
/// the token that came. False stops.
using WindowSink =
    std::function<bool(std::span<const float> logits, int32_t target)>;
/// Called now and then with the number of windows done and of all windows.
using WindowProgress = std::function<void(int64_t done, int64_t windows)>;

/// Feeds every window of a text to an empty cache. False if `sink` said so.
bool feedWindows(Session &session, std::span<const int32_t> tokens,
                 const Windows &windows, const WindowSink &sink,
                 const WindowProgress &progress);

struct PerplexityResult {
  double nll = 0;     ///< nats a token, mean over all predictions
  int64_t tokens = 0; ///< predictions counted
};
PerplexityResult measurePerplexity(Session &session,
                                   std::span<const int32_t> tokens,
                                   const Windows &windows,
                                   const WindowProgress &progress);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_EXECUTABLE_H
