//===- Parallel.h - a loop over threads -------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_PARALLEL_H
#define LQC_SUPPORT_PARALLEL_H

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>

namespace lqc {

/// Number of threads this machine runs at once, at least 1.
unsigned hardwareThreads();

/// Calls `body(first, last)` for ranges that cover [begin, end), each once, on
/// up to `threads` threads (0: hardwareThreads()), this one included; returns
/// when all are done. The ranges are equal, contiguous, and depend only on the
/// arguments. With one thread or one element nothing is started.
void parallelFor(int64_t begin, int64_t end, unsigned threads,
                 llvm::function_ref<void(int64_t, int64_t)> body);

} // namespace lqc

#endif // LQC_SUPPORT_PARALLEL_H
