//===- ArenaPlan.cpp - buffers that share one piece of memory -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/ArenaPlan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace llvm;
using namespace lqc;

uint64_t lqc::planArena(MutableArrayRef<ArenaBuffer> buffers) {
  SmallVector<ArenaBuffer *> live; // placed and not dead yet, by offset
  uint64_t arena = 0;
  for (ArenaBuffer &buffer : buffers) {
    erase_if(live, [&](ArenaBuffer *b) { return b->last < buffer.first; });
    uint64_t offset = 0;
    for (ArenaBuffer *other : live) {
      if (offset + buffer.bytes <= other->offset)
        break;
      offset = std::max(offset, alignTo(other->offset + other->bytes, 64));
    }
    buffer.offset = offset;
    auto place =
        find_if(live, [&](ArenaBuffer *b) { return b->offset > offset; });
    live.insert(place, &buffer);
    arena = std::max(arena, alignTo(offset + buffer.bytes, 64));
  }
  return arena;
}
