//===- MemoryStats.cpp - how much memory this process holds ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/MemoryStats.h"

#include "llvm/ADT/StringRef.h"

#include <chrono>
#include <fcntl.h>
#include <unistd.h>

using namespace lqc;

uint64_t lqc::anonymousMemoryBytes() {
  int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  char buffer[4096];
  ssize_t size = ::read(file, buffer, sizeof(buffer));
  ::close(file);
  llvm::StringRef text(buffer, size > 0 ? size : 0);
  llvm::StringRef rest = text.split("RssAnon:").second.ltrim();
  uint64_t kilobytes = 0;
  if (rest.consumeInteger(10, kilobytes))
    return 0;
  return kilobytes * 1024;
}

PeakMemory::PeakMemory() : thread([this] { watch(); }) {}

PeakMemory::~PeakMemory() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  wake.notify_one();
  thread.join();
}

uint64_t PeakMemory::bytes() {
  sample();
  return peak.load();
}

void PeakMemory::sample() {
  uint64_t now = anonymousMemoryBytes();
  uint64_t before = peak.load();
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
}

void PeakMemory::watch() {
  std::unique_lock<std::mutex> lock(mutex);
  do
    sample();
  while (!wake.wait_for(lock, std::chrono::milliseconds(20),
                        [this] { return stopping; }));
}
