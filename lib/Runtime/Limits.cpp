//===- Limits.cpp - what this machine can do at most ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Limits.h"

#include "lqc/Runtime/CpuFeatures.h"
#include "lqc/Runtime/Executable.h"

#include <algorithm>
#include <cstring>
#include <immintrin.h>
#include <unistd.h>

namespace lqc::runtime {

constexpr int kPasses = 8; // the best one counts

//===----------------------------------------------------------------------===//
// Memory bandwidth
//===----------------------------------------------------------------------===//

constexpr size_t kBufferBytes = size_t(512) << 20;
constexpr size_t kBlockBytes = size_t(1) << 16; // one unit of a pass

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

double measureBandwidth(lqc_pool &pool) {
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
  for (int pass = 0; pass < kPasses; ++pass) {
    Stopwatch watch;
    pool.dispatch(sum, arguments, 1, blocks, 1);
    best = std::max(best, double(bytes) / watch.seconds());
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Multiply-adds
//===----------------------------------------------------------------------===//

// Each loop keeps kChains sums in registers, enough to hide the latency of a
// multiply-add. The empty asm makes a factor look new each time, so that no
// product can be moved out of the loop.

constexpr int kChains = 12;
constexpr int64_t kRounds = 1 << 13; // of one unit
constexpr int64_t kUnitsPerThread = 16;

[[gnu::target("avx2,fma")]] static void
floatAvx2(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  float *out = static_cast<float *>(arguments[0]);
  __m256 x = _mm256_set1_ps(1e-3f);
  const __m256 y = x;
  __m256 sums[kChains] = {};
  for (int64_t i = (end - begin) * kRounds; i; --i) {
    __asm__ volatile("" : "+x"(x));
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(x, y, sum);
  }
  for (const __m256 &sum : sums)
    out[begin] += _mm256_cvtss_f32(sum);
}

[[gnu::target("avx512f")]] static void
floatAvx512(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  float *out = static_cast<float *>(arguments[0]);
  __m512 x = _mm512_set1_ps(1e-3f);
  const __m512 y = x;
  __m512 sums[kChains] = {};
  for (int64_t i = (end - begin) * kRounds; i; --i) {
    __asm__ volatile("" : "+v"(x));
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(x, y, sum);
  }
  for (const __m512 &sum : sums)
    out[begin] += _mm512_cvtss_f32(sum);
}

/// As many products as fit are added in 16 bits; widening them is left out.
[[gnu::target("avx2")]] static void integerAvx2(void *const *arguments, int64_t,
                                                int64_t begin, int64_t end) {
  int32_t *out = static_cast<int32_t *>(arguments[0]);
  __m256i x = _mm256_set1_epi8(3);
  const __m256i y = x;
  __m256i sums[kChains] = {};
  for (int64_t i = (end - begin) * kRounds; i; --i)
    for (__m256i &sum : sums) {
      __asm__ volatile("" : "+x"(x));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, y));
    }
  for (const __m256i &sum : sums)
    out[begin] += _mm256_cvtsi256_si32(sum);
}

[[gnu::target("avx2,avxvnni")]] static void
integerAvxVnni(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  int32_t *out = static_cast<int32_t *>(arguments[0]);
  __m256i x = _mm256_set1_epi8(3);
  const __m256i y = x;
  __m256i sums[kChains] = {};
  for (int64_t i = (end - begin) * kRounds; i; --i) {
    __asm__ volatile("" : "+x"(x));
    for (__m256i &sum : sums)
      sum = _mm256_dpbusd_avx_epi32(sum, x, y);
  }
  for (const __m256i &sum : sums)
    out[begin] += _mm256_cvtsi256_si32(sum);
}

[[gnu::target("avx512f,avx512vnni")]] static void
integerAvx512(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  int32_t *out = static_cast<int32_t *>(arguments[0]);
  __m512i x = _mm512_set1_epi8(3);
  const __m512i y = x;
  __m512i sums[kChains] = {};
  for (int64_t i = (end - begin) * kRounds; i; --i) {
    __asm__ volatile("" : "+v"(x));
    for (__m512i &sum : sums)
      sum = _mm512_dpbusd_epi32(sum, x, y);
  }
  for (const __m512i &sum : sums)
    out[begin] += _mm512_cvtsi512_si32(sum);
}

namespace {
struct Loop {
  lqc_kernel_function *function;
  int64_t lanes; ///< multiply-adds of one instruction
};
} // namespace

static bool uses(std::string_view features, std::string_view name) {
  while (!features.empty()) {
    const size_t end = std::min(features.find(' '), features.size());
    if (features.substr(0, end) == name)
      return cpuHasFeature(name);
    features.remove_prefix(std::min(end + 1, features.size()));
  }
  return false;
}

static Loop loopFor(std::string_view features, bool integer) {
  if (!integer)
    return uses(features, "avx512f") ? Loop{floatAvx512, 16}
           : uses(features, "avx2")  ? Loop{floatAvx2, 8}
                                     : Loop{nullptr, 0};
  return uses(features, "avx512vnni") ? Loop{integerAvx512, 64}
         : uses(features, "avxvnni")  ? Loop{integerAvxVnni, 32}
         : uses(features, "avx2")     ? Loop{integerAvx2, 32}
                                      : Loop{nullptr, 0};
}

double measureMultiplyAdds(lqc_pool &pool, std::string_view features,
                           bool integer) {
  const Loop loop = loopFor(features, integer);
  if (!loop.function)
    return 0;
  const int64_t units = kUnitsPerThread * pool.threads();
  std::vector<int32_t> results(size_t(units), 0);
  void *arguments[] = {results.data()};
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    Stopwatch watch;
    pool.dispatch(loop.function, arguments, 1, units, 1);
    best = std::max(best, double(units * kRounds * kChains * loop.lanes) /
                              watch.seconds());
  }
  return best;
}

} // namespace lqc::runtime
