//===- ArenaPlan.h - buffers that share one piece of memory -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SCHEDULE_ARENAPLAN_H
#define LQC_PASSES_SCHEDULE_ARENAPLAN_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace lqc {

/// A buffer that is written by dispatch `first` and last read by dispatch
/// `last` (first <= last), `bytes` long. planArena sets `offset`.
struct ArenaBuffer {
  uint64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
  uint64_t offset = 0;
};

/// Gives each buffer the lowest offset, a multiple of 64, at which it overlaps
/// no buffer that lives at the same time, in the order given (by `first`).
/// Returns the bytes of the whole arena.
uint64_t planArena(llvm::MutableArrayRef<ArenaBuffer> buffers);

} // namespace lqc

#endif // LQC_PASSES_SCHEDULE_ARENAPLAN_H
