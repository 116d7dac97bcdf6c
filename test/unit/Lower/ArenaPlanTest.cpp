//===- ArenaPlanTest.cpp - buffers that share memory ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/ArenaPlan.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>
#include <vector>

using namespace lqc;

TEST(ArenaPlan, DisjointLivesShareMemory) {
  std::vector<ArenaBuffer> buffers = {{100, 0, 1}, {200, 1, 2}, {100, 2, 3}};
  EXPECT_EQ(planArena(buffers), 128u + 256u);
  EXPECT_EQ(buffers[0].offset, 0u);
  EXPECT_EQ(buffers[1].offset, 128u);
  EXPECT_EQ(buffers[2].offset, 0u);
}

TEST(ArenaPlan, FillsGaps) {
  // The second dies and leaves a gap between the first and the third.
  std::vector<ArenaBuffer> buffers = {
      {64, 0, 9}, {64, 0, 1}, {64, 0, 9}, {64, 2, 9}};
  EXPECT_EQ(planArena(buffers), 192u);
  EXPECT_EQ(buffers[3].offset, 64u);
}

TEST(ArenaPlan, LiveBuffersNeverOverlap) {
  std::mt19937 generator(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaBuffer> buffers(1 + generator() % 40);
    for (ArenaBuffer &buffer : buffers) {
      buffer.bytes = 1 + generator() % 1000;
      buffer.first = generator() % 30;
      buffer.last = buffer.first + generator() % 10;
    }
    std::sort(buffers.begin(), buffers.end(),
              [](const ArenaBuffer &a, const ArenaBuffer &b) {
                return a.first < b.first;
              });
    uint64_t arena = planArena(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      const ArenaBuffer &a = buffers[i];
      EXPECT_EQ(a.offset % 64, 0u);
      EXPECT_LE(a.offset + a.bytes, arena);
      for (size_t j = 0; j < i; ++j) {
        const ArenaBuffer &b = buffers[j];
        bool alive = a.first <= b.last && b.first <= a.last;
        bool apart =
            a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
        EXPECT_TRUE(!alive || apart);
      }
    }
  }
}
