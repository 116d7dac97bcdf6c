//===- Bench.cpp - how fast it is, and how fast it could be ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Decode reads all weights once for each token, so memory bandwidth limits it.
// The limit is measured here, in the same run and with the same threads: the
// best of a few passes that sum a buffer much larger than the caches. Each
// token is taken to read the whole weights section (an embedding table that is
// not also the head is counted, though decode reads one row of it). A model
// that fits into the caches can be faster than the limit.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/CpuFeatures.h"
#include "lqc/Runtime/Executable.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <unistd.h>

namespace lqc::runtime {

constexpr size_t kPromptTokens = 128;
constexpr int64_t kDecodeTokens = 64;
constexpr double kLeastSeconds = 0.5; // a rate is measured at least this long
constexpr size_t kBufferBytes = size_t(512) << 20;
constexpr size_t kBlockBytes = size_t(1) << 16; // one unit of a pass
constexpr int kBandwidthPasses = 8;

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
// Memory bandwidth
//===----------------------------------------------------------------------===//

static void fillBlocks(void *const *arguments, int64_t, int64_t begin,
                       int64_t end) {
  char *buffer = static_cast<char *>(arguments[0]);
  std::memset(buffer + begin * kBlockBytes, 1, (end - begin) * kBlockBytes);
}

/// Sums blocks of the buffer (argument 0) and adds to one 64-bit place for each
/// block (argument 1), so that nothing can be left out.
[[gnu::always_inline]] static inline void sumRange(void *const *arguments,
                                                   int64_t begin, int64_t end) {
  constexpr size_t kWords = kBlockBytes / sizeof(uint64_t);
  constexpr size_t kLanes = 16;
  const uint64_t *words = static_cast<const uint64_t *>(arguments[0]);
  uint64_t *sums = static_cast<uint64_t *>(arguments[1]);
  for (int64_t block = begin; block < end; ++block) {
    const uint64_t *word = words + size_t(block) * kWords;
    uint64_t lanes[kLanes] = {};
    for (size_t i = 0; i < kWords; i += kLanes)
      for (size_t lane = 0; lane < kLanes; ++lane)
        lanes[lane] += word[i + lane];
    for (uint64_t lane : lanes)
      sums[block] += lane;
  }
}

static void sumBlocks(void *const *arguments, int64_t, int64_t begin,
                      int64_t end) {
  sumRange(arguments, begin, end);
}

/// The same with wider loads, which get more out of one thread.
[[gnu::target("avx2")]] static void
sumBlocksAvx2(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  sumRange(arguments, begin, end);
}

/// Bytes that may be taken for the buffer: a quarter of what is free at most.
static size_t bandwidthBufferBytes() {
  const long pages = ::sysconf(_SC_AVPHYS_PAGES);
  const long pageBytes = ::sysconf(_SC_PAGESIZE);
  size_t bytes = kBufferBytes;
  if (pages > 0 && pageBytes > 0)
    bytes = std::min(bytes, size_t(pages) / 4 * size_t(pageBytes));
  return std::max(bytes / kBlockBytes, size_t(1)) * kBlockBytes;
}

/// Bytes read per second by all threads; 0 if there is no memory for it.
static double measureBandwidth(lqc_pool &pool) {
  const size_t bytes = bandwidthBufferBytes();
  const int64_t blocks = int64_t(bytes / kBlockBytes);
  Pages buffer, sums;
  if (!buffer.reserve(bytes) || !sums.reserve(size_t(blocks) * 8))
    return 0;
  buffer.preferLargePages();
  void *arguments[] = {buffer.data(), sums.data()};
  pool.dispatch(fillBlocks, arguments, 1, blocks, 1);
  lqc_kernel_function *sum = cpuHasFeature("avx2") ? sumBlocksAvx2 : sumBlocks;
  double best = 0;
  for (int pass = 0; pass < kBandwidthPasses; ++pass) {
    Stopwatch watch;
    pool.dispatch(sum, arguments, 1, blocks, 1);
    best = std::max(best, double(bytes) / watch.seconds());
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

/// Repeats `round`, which does `tokens` tokens, until the time is well
/// measured. Returns tokens/s.
static double measureRate(int64_t tokens, const std::function<void()> &round) {
  Stopwatch watch;
  int64_t rounds = 0;
  do {
    round();
    ++rounds;
  } while (watch.seconds() < kLeastSeconds);
  return double(rounds * tokens) / watch.seconds();
}

static BenchResult measure(Executable &executable) {
  Session &session = *executable.session;
  BenchResult result;
  result.promptTokens = std::min(
      kPromptTokens, size_t(std::max<int64_t>(session.context() / 2, 1)));
  result.decodeTokens =
      std::min(executable.options.count.value_or(kDecodeTokens),
               session.context() - int64_t(result.promptTokens));

  std::vector<int32_t> prompt(result.promptTokens);
  for (size_t i = 0; i < prompt.size(); ++i)
    prompt[i] = int32_t(i * 7919 % size_t(session.vocabulary()));
  auto prefill = [&] {
    session.rewind();
    session.feed(prompt);
  };
  auto decode = [&] {
    session.rewind(int64_t(result.promptTokens));
    for (int64_t i = 0; i < result.decodeTokens; ++i)
      session.feed({&prompt[size_t(i) % prompt.size()], 1});
  };

  prefill(); // warm-up: pages, caches, clock
  result.prefillRate = measureRate(int64_t(result.promptTokens), prefill);
  if (result.decodeTokens > 0)
    result.decodeRate = measureRate(result.decodeTokens, decode);
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
  return output.finish(executable);
}

} // namespace lqc::runtime
