//===- Progress.h - one line that shows long work ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_PROGRESS_H
#define LQC_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>

namespace lqc {

/// A line on a terminal that says what is going on: phase, item, bytes (or
/// tokens) done of all, speed, time left. Silent when the stream is not a
/// terminal. Redraws at most ten times a second, so every call is cheap; any
/// thread may call. The line is erased when the object goes.
class Progress {
public:
  enum class Unit { Bytes, Tokens };

  /// On stderr, if that is a terminal. `total` 0: unknown.
  Progress(llvm::StringRef phase, uint64_t total, Unit unit = Unit::Bytes);
  /// On `stream`, shown if `enabled`.
  Progress(llvm::StringRef phase, uint64_t total, llvm::raw_ostream &stream,
           bool enabled, Unit unit = Unit::Bytes);
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;
  ~Progress();

  /// Names what is worked on now (a tensor, a kernel).
  void setItem(llvm::StringRef name);
  /// Counts `count` bytes or tokens more as done.
  void advance(uint64_t count);

private:
  using Clock = std::chrono::steady_clock;

  void redraw();
  std::string line(Clock::time_point now) const;
  std::string format(uint64_t count) const;

  std::string phase;
  std::string item; ///< guarded by mutex
  const uint64_t total;
  const Unit unit;
  llvm::raw_ostream &stream;
  const bool enabled;
  const Clock::time_point start;
  std::atomic<uint64_t> done{0};
  std::atomic<int64_t> nextRedraw{0}; ///< nanoseconds since `start`
  bool drawn = false;                 ///< guarded by mutex
  std::mutex mutex;
};

} // namespace lqc

#endif // LQC_SUPPORT_PROGRESS_H
