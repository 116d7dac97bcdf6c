//===- MemoryStats.h - how much memory this process holds -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_MEMORYSTATS_H
#define LQC_SUPPORT_MEMORYSTATS_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace lqc {

/// Bytes of anonymous memory (heap, stacks) that are resident now: RssAnon of
/// /proc/self/status. Pages of mapped files do not count: the kernel takes
/// them back whenever it likes. 0 where the kernel does not tell.
uint64_t anonymousMemoryBytes();

/// Watches anonymousMemoryBytes() every 20 ms from a thread of its own and
/// keeps the maximum. The kernel keeps a peak only for all resident memory,
/// mapped files included.
class PeakMemory {
public:
  PeakMemory();
  PeakMemory(const PeakMemory &) = delete;
  PeakMemory &operator=(const PeakMemory &) = delete;
  ~PeakMemory();

  /// The maximum so far, the present included.
  uint64_t bytes();

private:
  void sample();
  void watch();

  std::atomic<uint64_t> peak{0};
  bool stopping = false; ///< guarded by mutex
  std::mutex mutex;
  std::condition_variable wake;
  std::thread thread; ///< last: starts when the rest is there
};

} // namespace lqc

#endif // LQC_SUPPORT_MEMORYSTATS_H
