//===- Progress.cpp - one line that shows long work -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Progress.h"

#include "lqc/Support/Table.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Process.h"

using namespace lqc;

static constexpr int64_t kRedrawNanoseconds = 100'000'000;

Progress::Progress(llvm::StringRef phase, uint64_t total, Unit unit)
    : Progress(phase, total, llvm::errs(),
               llvm::sys::Process::StandardErrIsDisplayed(), unit) {}

Progress::Progress(llvm::StringRef phase, uint64_t total,
                   llvm::raw_ostream &stream, bool enabled, Unit unit)
    : phase(phase), total(total), unit(unit), stream(stream), enabled(enabled),
      start(Clock::now()) {}

Progress::~Progress() {
  if (!drawn)
    return;
  stream << "\r\x1b[K";
  stream.flush();
}

void Progress::setItem(llvm::StringRef name) {
  if (!enabled)
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    item = name.str();
  }
  redraw();
}

void Progress::advance(uint64_t count) {
  done.fetch_add(count, std::memory_order_relaxed);
  if (enabled)
    redraw();
}

/// "1:05" or "2:03:04".
static std::string formatSeconds(uint64_t seconds) {
  if (seconds < 3600)
    return llvm::formatv("{0}:{1,0+2}", seconds / 60, seconds % 60);
  return llvm::formatv("{0}:{1,0+2}:{2,0+2}", seconds / 3600, seconds / 60 % 60,
                       seconds % 60);
}

std::string Progress::format(uint64_t count) const {
  return unit == Unit::Bytes ? formatBytes(count)
                             : formatCount(count) + " tokens";
}

std::string Progress::line(Clock::time_point now) const {
  uint64_t count = done.load(std::memory_order_relaxed);
  double seconds = std::chrono::duration<double>(now - start).count();
  std::string text = phase;
  if (!item.empty())
    text += " " + item;
  text += "  " + format(count);
  if (total)
    text += " / " + format(total);
  if (count == 0 || seconds < 0.1)
    return text;
  double speed = count / seconds;
  text += "  " + format(static_cast<uint64_t>(speed)) + "/s";
  if (total > count)
    text += "  " +
            formatSeconds(static_cast<uint64_t>((total - count) / speed)) +
            " left";
  return text;
}

void Progress::redraw() {
  Clock::time_point now = Clock::now();
  int64_t elapsed =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now - start).count();
  int64_t due = nextRedraw.load(std::memory_order_relaxed);
  // One thread wins the exchange and draws; the others go on with their work.
  if (elapsed < due ||
      !nextRedraw.compare_exchange_strong(due, elapsed + kRedrawNanoseconds))
    return;
  std::lock_guard<std::mutex> lock(mutex);
  std::string text = line(now);
  unsigned columns = llvm::sys::Process::StandardErrColumns();
  if (columns > 1 && text.size() >= columns)
    text.resize(columns - 1);
  stream << '\r' << text << "\x1b[K";
  stream.flush();
  drawn = true;
}
