//===- Bench.cpp - how fast it is, and how fast it could be ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Decode reads all weights once for each token, so memory bandwidth limits it.
// The limit is measured in the same run (Limits.h). Each token is taken to read
// the whole weights section (an embedding table that is
// not also the head is counted, though decode reads one row of it). A model
// that fits into the caches can be faster than the limit.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include "lib/Runtime/Limits.h"
#include "lib/Runtime/Workload.h"

#include <algorithm>

namespace lqc::runtime {

namespace {
struct BenchResult {
  size_t promptTokens = 0;
  int64_t decodeTokens = 0;
  double prefillRate = 0; // tokens/s
  double decodeRate = 0;  // tokens/s
  double bandwidth = 0;   // bytes/s
};
} // namespace

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

static BenchResult measure(Executable &executable) {
  Workload work(executable);
  BenchResult result;
  result.promptTokens = work.promptTokens();
  result.decodeTokens = work.decodeTokens();
  work.prefill(); // warm-up: pages, caches, clock
  Repeated prefill = repeat([&] { work.prefill(); });
  result.prefillRate = prefill.rate(int64_t(result.promptTokens));
  if (result.decodeTokens > 0)
    result.decodeRate =
        repeat([&] { work.decode(); }).rate(result.decodeTokens);
  result.bandwidth = measureBandwidth(*executable.pool);
  return result;
}

//===----------------------------------------------------------------------===//
// Report
//===----------------------------------------------------------------------===//

static std::string jsonReport(const Executable &executable,
                              const BenchResult &result, double fraction) {
  const int64_t weights = executable.model.weights_bytes;
  return "{\"threads\": " + std::to_string(executable.pool->threads()) +
         ", \"prefill_tokens\": " + std::to_string(result.promptTokens) +
         ", \"prefill_tokens_per_second\": " +
         formatNumber(result.prefillRate, 3) +
         ", \"decode_tokens\": " + std::to_string(result.decodeTokens) +
         ", \"decode_tokens_per_second\": " +
         formatNumber(result.decodeRate, 3) +
         ", \"weights_bytes\": " + std::to_string(weights) +
         ", \"decode_bytes_per_second\": " +
         formatNumber(result.decodeRate * double(weights), 0) +
         ", \"read_bandwidth_bytes_per_second\": " +
         formatNumber(result.bandwidth, 0) +
         ", \"decode_fraction_of_limit\": " + formatNumber(fraction, 4) + "}\n";
}

static std::string textReport(const Executable &executable,
                              const BenchResult &result, double fraction) {
  const double weights = double(executable.model.weights_bytes);
  auto row = [](std::string name, const std::string &value,
                const std::string &unit) {
    name.resize(26, ' ');
    const size_t width = 12;
    return name + std::string(width - std::min(width, value.size()), ' ') +
           value + " " + unit + "\n";
  };
  return row("threads", std::to_string(executable.pool->threads()), "") +
         row("prefill", formatNumber(result.prefillRate, 1),
             "tokens/s (" + std::to_string(result.promptTokens) + " tokens)") +
         row("decode", formatNumber(result.decodeRate, 1),
             "tokens/s (" + std::to_string(result.decodeTokens) + " tokens)") +
         row("weights", formatNumber(weights / 1e6, 2), "MB a token") +
         row("decode reads", formatNumber(result.decodeRate * weights / 1e9, 2),
             "GB/s") +
         row("memory read bandwidth", formatNumber(result.bandwidth / 1e9, 2),
             "GB/s") +
         row("decode / bandwidth", formatNumber(fraction * 100, 1),
             "% of the limit");
}

int bench(Executable &executable) {
  const BenchResult result = measure(executable);
  if (result.bandwidth <= 0)
    return executable.fail("cannot reserve memory to measure its bandwidth");
  const double fraction = result.decodeRate *
                          double(executable.model.weights_bytes) /
                          result.bandwidth;
  Output output;
  output.write(executable.options.json
                   ? jsonReport(executable, result, fraction)
                   : textReport(executable, result, fraction));
  return output.finish(executable.name);
}

} // namespace lqc::runtime
