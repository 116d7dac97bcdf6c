//===- bandwidth.cpp - what this machine can do at most -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lqc-limits measures the two limits of inference: reading memory (decode) and
// multiply-adds in f32, int8 and bf16 (prefill), each with one thread and with
// all. Every figure is the best of several rounds, because the limit is what is
// possible and other work on the machine only takes away from it.
//
// The program runs on any x86-64 with AVX2; wider instructions are used where
// the CPU has them. A figure the CPU cannot give is 0.
//
//===----------------------------------------------------------------------===//

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kRounds = 7;
constexpr size_t kBufferBytes = size_t(1) << 30; // beyond any cache
constexpr int kAccumulators = 12; // latency 4-5 x 2 ports, with room to spare
constexpr long kIterations = 4'000'000;

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

/// Runs body(thread) on `threads` threads at once and returns the seconds from
/// the common start to the last one's end.
template <typename Body> double timeThreads(int threads, Body body) {
  std::atomic<int> ready = 0;
  std::atomic<bool> go = false;
  std::vector<std::thread> pool;
  for (int thread = 0; thread < threads; ++thread)
    pool.emplace_back([&, thread] {
      ++ready;
      while (!go)
        std::this_thread::yield();
      body(thread);
    });
  while (ready < threads)
    std::this_thread::yield();
  double start = now();
  go = true;
  for (std::thread &worker : pool)
    worker.join();
  return now() - start;
}

/// `work` units a thread and round, as the best rate over all rounds.
template <typename Body>
double bestRate(int threads, double work, const Body &body) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round)
    best = std::max(best, work * threads / timeThreads(threads, body));
  return best;
}

//===----------------------------------------------------------------------===//
// Reading memory
//===----------------------------------------------------------------------===//

__attribute__((target("avx512f"))) void read512(const char *data,
                                                size_t bytes) {
  __m512i sums[4] = {};
  for (size_t i = 0; i < bytes; i += 256)
    for (int lane = 0; lane < 4; ++lane)
      sums[lane] = _mm512_xor_si512(
          sums[lane], _mm512_loadu_si512(data + i + size_t(64) * lane));
  for (__m512i &sum : sums)
    asm volatile("" : "+v"(sum)); // keeps the sum alive without storing it
}

__attribute__((target("avx2"))) void read256(const char *data, size_t bytes) {
  __m256i sums[8] = {};
  for (size_t i = 0; i < bytes; i += 256)
    for (int lane = 0; lane < 8; ++lane)
      sums[lane] = _mm256_xor_si256(
          sums[lane], _mm256_loadu_si256(reinterpret_cast<const __m256i *>(
                          data + i + size_t(32) * lane)));
  for (__m256i &sum : sums)
    asm volatile("" : "+x"(sum));
}

/// Bytes a second that `threads` threads read from memory together.
double readBandwidth(int threads) {
  size_t share = kBufferBytes / threads / 4096 * 4096;
  char *buffer = static_cast<char *>(std::aligned_alloc(4096, share * threads));
  if (!buffer)
    return 0;
  // Each thread touches its own share first, so that it lies near its core.
  timeThreads(threads,
              [&](int thread) { memset(buffer + share * thread, 1, share); });
  bool wide = __builtin_cpu_supports("avx512f");
  double rate = bestRate(threads, double(share), [&](int thread) {
    const char *mine = buffer + share * thread;
    wide ? read512(mine, share) : read256(mine, share);
  });
  std::free(buffer);
  return rate;
}

//===----------------------------------------------------------------------===//
// Multiply-adds
//===----------------------------------------------------------------------===//
// Each kernel runs kIterations of kAccumulators independent instructions on
// registers. The empty asm makes the compiler believe that operands change.

#define LQC_PEAK_KERNEL(NAME, TARGET, VECTOR, CONSTRAINT, INSTRUCTION)         \
  __attribute__((target(TARGET))) void NAME() {                                \
    VECTOR sum[kAccumulators] = {};                                            \
    VECTOR a = {}, b = {};                                                     \
    for (long i = 0; i < kIterations; ++i)                                     \
      _Pragma("unroll") for (VECTOR &x : sum) {                                \
        asm volatile("" : "+" CONSTRAINT(a), "+" CONSTRAINT(b));               \
        x = INSTRUCTION;                                                       \
      }                                                                        \
    for (VECTOR &x : sum)                                                      \
      asm volatile("" : "+" CONSTRAINT(x));                                    \
  }

LQC_PEAK_KERNEL(fma512, "avx512f", __m512, "v", _mm512_fmadd_ps(a, b, x))
LQC_PEAK_KERNEL(fma256, "avx2,fma", __m256, "x", _mm256_fmadd_ps(a, b, x))
LQC_PEAK_KERNEL(dot512, "avx512f,avx512vnni", __m512i, "v",
                _mm512_dpbusd_epi32(x, a, b))
LQC_PEAK_KERNEL(dot256, "avxvnni", __m256i, "x",
                _mm256_dpbusd_avx_epi32(x, a, b))
LQC_PEAK_KERNEL(maddubs256, "avx2", __m256i, "x",
                _mm256_add_epi32(x,
                                 _mm256_madd_epi16(_mm256_maddubs_epi16(a, b),
                                                   _mm256_set1_epi16(1))))
LQC_PEAK_KERNEL(bf16dot512, "avx512f,avx512bf16", __m512, "v",
                _mm512_dpbf16_ps(x, (__m512bh)a, (__m512bh)b))

struct Peak {
  const char *name;
  void (*kernel)();
  int perInstruction; ///< multiply-adds of one instruction
};

/// Multiply-adds a second, or 0 without a kernel for this CPU.
double peakRate(const Peak &peak, int threads) {
  if (!peak.kernel)
    return 0;
  double work = double(kIterations) * kAccumulators * peak.perInstruction;
  return bestRate(threads, work, [&](int) { peak.kernel(); });
}

std::vector<Peak> peaksOfThisCpu() {
  bool wide = __builtin_cpu_supports("avx512f");
  std::vector<Peak> peaks;
  peaks.push_back(wide ? Peak{"f32", fma512, 16} : Peak{"f32", fma256, 8});
  if (wide && __builtin_cpu_supports("avx512vnni"))
    peaks.push_back({"int8", dot512, 64});
  else if (__builtin_cpu_supports("avxvnni"))
    peaks.push_back({"int8", dot256, 32});
  else
    peaks.push_back({"int8", maddubs256, 32});
  bool bf16 = wide && __builtin_cpu_supports("avx512bf16");
  peaks.push_back({"bf16", bf16 ? bf16dot512 : nullptr, 32});
  return peaks;
}

/// Processors that this process may run on.
int availableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

void printTable(int threads) {
  printf("%-34s %10s %10s\n", "", "1 thread",
         (std::to_string(threads) + " threads").c_str());
  printf("%-34s %10.1f %10.1f\n", "memory read, GB/s", readBandwidth(1) / 1e9,
         readBandwidth(threads) / 1e9);
  for (const Peak &peak : peaksOfThisCpu())
    printf("%-34s %10.0f %10.0f\n",
           (std::string(peak.name) + " multiply-adds, G/s").c_str(),
           peakRate(peak, 1) / 1e9, peakRate(peak, threads) / 1e9);
}

void printJson(int threads) {
  printf("{\"threads\": %d, \"read_bytes_per_second\": [%.0f, %.0f]", threads,
         readBandwidth(1), readBandwidth(threads));
  for (const Peak &peak : peaksOfThisCpu())
    printf(", \"%s_macs_per_second\": [%.0f, %.0f]", peak.name,
           peakRate(peak, 1), peakRate(peak, threads));
  printf("}\n");
}

} // namespace

int main(int argc, char **argv) {
  int threads = availableProcessors();
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    std::string option = argv[i];
    if (option == "--json")
      json = true;
    else if (option == "--threads" && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else
      return fprintf(stderr, "usage: %s [--threads N] [--json]\n", argv[0]), 1;
  }
  if (threads < 1 || threads > 1024)
    return fprintf(stderr, "--threads must be in [1, 1024]\n"), 1;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return fprintf(stderr, "this CPU has no AVX2\n"), 1;
  json ? printJson(threads) : printTable(threads);
  return 0;
}
