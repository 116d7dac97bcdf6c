//===- Parallel.cpp - a loop over threads ---------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

using namespace lqc;

unsigned lqc::hardwareThreads() {
  return std::max(1u, std::thread::hardware_concurrency());
}

void lqc::parallelFor(int64_t begin, int64_t end, unsigned threads,
                      llvm::function_ref<void(int64_t, int64_t)> body) {
  if (begin >= end)
    return;
  int64_t count = end - begin;
  int64_t parts =
      std::min<int64_t>(threads ? threads : hardwareThreads(), count);
  // The first count % parts ranges are one longer.
  auto boundary = [&](int64_t part) {
    return begin + count / parts * part + std::min(part, count % parts);
  };
  std::vector<std::thread> workers;
  for (int64_t part = 1; part < parts; ++part)
    workers.emplace_back(
        [&, part] { body(boundary(part), boundary(part + 1)); });
  body(boundary(0), boundary(1));
  for (std::thread &worker : workers)
    worker.join();
}
