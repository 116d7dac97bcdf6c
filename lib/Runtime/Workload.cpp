//===- Workload.cpp - what --bench and --profile run ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Workload.h"

#include <algorithm>

namespace lqc::runtime {

constexpr size_t kPromptTokens = 128;
constexpr int64_t kDecodeTokens = 64;
constexpr double kLeastSeconds = 0.5;

Workload::Workload(Executable &executable)
    : session(*executable.session),
      prompt(std::min(kPromptTokens,
                      size_t(std::max<int64_t>(session.context() / 2, 1)))),
      decoded(std::min(executable.options.count.value_or(kDecodeTokens),
                       session.context() - int64_t(prompt.size()))) {
  for (size_t i = 0; i < prompt.size(); ++i)
    prompt[i] = int32_t(i * 7919 % size_t(session.vocabulary()));
}

void Workload::prefill() {
  session.rewind();
  session.feed(prompt);
}

void Workload::decode() {
  session.rewind(int64_t(prompt.size()));
  for (int64_t i = 0; i < decoded; ++i)
    session.feed({&prompt[size_t(i) % prompt.size()], 1});
}

Repeated repeat(const std::function<void()> &round) {
  Stopwatch watch;
  Repeated result;
  do {
    round();
    ++result.rounds;
    result.seconds = watch.seconds();
  } while (result.seconds < kLeastSeconds);
  return result;
}

} // namespace lqc::runtime
