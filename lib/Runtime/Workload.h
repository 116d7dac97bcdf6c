//===- Workload.h - what --bench and --profile run --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_WORKLOAD_H
#define LQC_LIB_RUNTIME_WORKLOAD_H

#include "lqc/Runtime/Executable.h"

namespace lqc::runtime {

/// A prompt of some tokens (128, or half the context if that is less), and -n
/// (64) tokens fed one by one behind it.
class Workload {
public:
  explicit Workload(Executable &executable);

  size_t promptTokens() const { return prompt.size(); }
  int64_t decodeTokens() const { return decoded; }
  void prefill();
  /// Goes back to the prompt's end first.
  void decode();

private:
  Session &session;
  std::vector<int32_t> prompt;
  int64_t decoded;
};

/// How often something ran, and how long that took.
struct Repeated {
  int64_t rounds = 0;
  double seconds = 0;

  /// Tokens/s, if a round is `tokens` of them.
  double rate(int64_t tokens) const {
    return double(rounds * tokens) / seconds;
  }
};

/// Runs `round` until the time is well measured: half a second at least.
Repeated repeat(const std::function<void()> &round);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_WORKLOAD_H
