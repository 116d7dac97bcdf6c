//===- AllocationTest.cpp - choosing under a budget -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Allocation.h"

#include "llvm/ADT/STLExtras.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace lqc;

/// Items like tensors: sizes grow with the bits, costs fall about fourfold.
static std::vector<AllocationItem> makeItems(size_t count, size_t choices,
                                             uint64_t seed) {
  std::mt19937_64 random(seed);
  auto uniform = [&] { return double(random() % 1000000) / 1e6; };
  std::vector<AllocationItem> items(count);
  for (AllocationItem &item : items) {
    const uint64_t elements = 64 * (1 + random() % 1000);
    const double sensitivity = std::exp(6 * uniform() - 8);
    for (size_t bits = 2; bits < 2 + choices; ++bits)
      item.push_back({elements * bits / 8 + elements / 32,
                      sensitivity * std::pow(4.0, -double(bits)) *
                          (0.8 + 0.4 * uniform())});
  }
  return items;
}

/// Calls `take` for every combination.
static void forAll(llvm::ArrayRef<AllocationItem> items,
                   llvm::function_ref<void(uint64_t, double)> take) {
  std::vector<unsigned> digits(items.size(), 0);
  while (true) {
    uint64_t bytes = 0;
    double cost = 0;
    for (auto [item, digit] : llvm::zip(items, digits)) {
      bytes += item[digit].bytes;
      cost += item[digit].cost;
    }
    take(bytes, cost);
    size_t i = 0;
    while (i < items.size() && ++digits[i] == items[i].size())
      digits[i++] = 0;
    if (i == items.size())
      return;
  }
}

static double leastCost(llvm::ArrayRef<AllocationItem> items, uint64_t limit) {
  double best = HUGE_VAL;
  forAll(items, [&](uint64_t bytes, double cost) {
    if (bytes <= limit)
      best = std::min(best, cost);
  });
  return best;
}

static uint64_t leastBytes(llvm::ArrayRef<AllocationItem> items, double limit) {
  uint64_t best = UINT64_MAX;
  forAll(items, [&](uint64_t bytes, double cost) {
    if (cost <= limit)
      best = std::min(best, bytes);
  });
  return best;
}

/// What the choices sum up to, in the order of the items.
static std::pair<uint64_t, double> sumOf(llvm::ArrayRef<AllocationItem> items,
                                         const Allocation &allocation) {
  std::pair<uint64_t, double> sum;
  for (auto [item, choice] : llvm::zip(items, allocation.choices)) {
    sum.first += item[choice].bytes;
    sum.second += item[choice].cost;
  }
  return sum;
}

TEST(Allocation, AnswersBothQuestionsLikeExhaustiveSearch) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<AllocationItem> items = makeItems(7, 4, seed);
    AllocationFront front(items);
    uint64_t smallest = leastBytes(items, HUGE_VAL);
    for (double factor : {1.0, 1.1, 1.37, 1.6, 2.5}) {
      uint64_t budget = uint64_t(double(smallest) * factor);
      std::optional<Allocation> found = front.cheapestWithin(budget);
      ASSERT_TRUE(found) << seed << " " << factor;
      EXPECT_LE(found->bytes, budget);
      EXPECT_EQ(std::pair(found->bytes, found->cost), sumOf(items, *found));
      double best = leastCost(items, budget);
      EXPECT_NEAR(found->cost, best, 1e-12 * best) << seed << " " << factor;
      std::optional<Allocation> back = front.smallestWithin(found->cost);
      ASSERT_TRUE(back);
      EXPECT_EQ(back->bytes, leastBytes(items, found->cost)) << seed;
    }
  }
}

TEST(Allocation, ThinnedFrontIsWithinOnePercent) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    std::vector<AllocationItem> items = makeItems(8, 4, seed);
    AllocationFront front(items, /*limit=*/512);
    uint64_t smallest = leastBytes(items, HUGE_VAL);
    for (double factor : {1.2, 1.5, 2.0}) {
      uint64_t budget = uint64_t(double(smallest) * factor);
      std::optional<Allocation> found = front.cheapestWithin(budget);
      ASSERT_TRUE(found);
      EXPECT_LE(found->bytes, budget);
      EXPECT_LE(found->cost, 1.01 * leastCost(items, budget))
          << seed << " " << factor;
    }
  }
}

TEST(Allocation, ThinnedFrontMeetsTheSmallestBudget) {
  std::vector<AllocationItem> items = makeItems(30, 7, 3);
  uint64_t smallest = 0;
  for (const AllocationItem &item : items)
    smallest += item.front().bytes;
  AllocationFront front(items, /*limit=*/16);
  ASSERT_TRUE(front.cheapestWithin(smallest));
  EXPECT_EQ(front.cheapestWithin(smallest)->bytes, smallest);
  EXPECT_FALSE(front.cheapestWithin(smallest - 1));
}

TEST(Allocation, ManyTensorsAreNearlyExact) {
  // The relaxation to fractions of choices bounds the best from below.
  std::vector<AllocationItem> items = makeItems(200, 7, 11);
  AllocationFront front(items);
  for (double multiplier : {1e-9, 1e-8, 1e-7}) {
    uint64_t bytes = 0;
    double cost = 0;
    for (const AllocationItem &item : items) {
      const AllocationChoice *best = std::min_element(
          item.begin(), item.end(), [&](const auto &a, const auto &b) {
            return a.cost + multiplier * double(a.bytes) <
                   b.cost + multiplier * double(b.bytes);
          });
      bytes += best->bytes;
      cost += best->cost;
    }
    // This combination is optimal for its own size.
    std::optional<Allocation> found = front.cheapestWithin(bytes);
    ASSERT_TRUE(found);
    EXPECT_GE(found->cost, cost * (1 - 1e-12));
    EXPECT_LE(found->cost, cost * 1.01);
  }
}

TEST(Allocation, OfEqualsTheFirstChoiceCounts) {
  std::vector<AllocationItem> items = {{{10, 1.0}, {10, 1.0}},
                                       {{4, 2.0}, {5, 2.0}, {4, 2.0}}};
  AllocationFront front(items);
  std::optional<Allocation> found = front.cheapestWithin(100);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->choices, (std::vector<unsigned>{0, 0}));
  EXPECT_EQ(found->bytes, 14u);
}

TEST(Allocation, SaysWhatCannotBe) {
  std::vector<AllocationItem> items = {{{10, 1.0}, {20, 0.5}}};
  AllocationFront front(items);
  EXPECT_FALSE(front.cheapestWithin(9));
  EXPECT_FALSE(front.smallestWithin(0.4));
  ASSERT_TRUE(front.smallestWithin(0.5));
  EXPECT_EQ(front.smallestWithin(0.5)->bytes, 20u);
  EXPECT_EQ(front.smallestWithin(1e9)->bytes, 10u);
}

TEST(Allocation, NothingToChooseCostsNothing) {
  AllocationFront front({});
  ASSERT_TRUE(front.cheapestWithin(0));
  EXPECT_EQ(front.cheapestWithin(0)->bytes, 0u);
}
