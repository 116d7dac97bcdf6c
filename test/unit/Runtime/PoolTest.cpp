//===- PoolTest.cpp -------------------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

using namespace lqc::runtime;

namespace {
struct PoolTest : testing::TestWithParam<int> {
  void SetUp() override {
    std::string error;
    pool = lqc_pool::create(GetParam(), error);
    ASSERT_TRUE(pool) << error;
  }
  std::unique_ptr<lqc_pool> pool;
};

void addOne(void *const *arguments, int64_t count, int64_t begin, int64_t end) {
  int *values = static_cast<int *>(arguments[0]);
  for (int64_t i = begin; i < end; ++i)
    values[i] += int(count);
}

void nothing(void *const *, int64_t, int64_t, int64_t) {}

void noteRange(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  auto &smallest = *static_cast<std::atomic<int64_t> *>(arguments[0]);
  int64_t seen = smallest.load();
  while (end - begin < seen &&
         !smallest.compare_exchange_weak(seen, end - begin))
    ;
}
} // namespace

TEST_P(PoolTest, eachUnitOnceInManyDispatches) {
  std::vector<int> values(1000, 0);
  void *arguments[] = {values.data()};
  const int rounds = 5000;
  for (int i = 0; i < rounds; ++i)
    lqc_dispatch(pool.get(), addOne, arguments, 3, 1 + i % 1000, 1 + i % 7);
  // A round of `u` units touches the first u.
  for (int unit = 0; unit < 1000; ++unit)
    ASSERT_EQ(values[unit], 3 * (rounds / 1000) * (1000 - unit)) << unit;
}

TEST_P(PoolTest, sleepsAndWakes) {
  std::vector<int> values(64, 0);
  void *arguments[] = {values.data()};
  for (int i = 0; i < 20; ++i) {
    lqc_dispatch(pool.get(), addOne, arguments, 1, 64, 1);
    std::this_thread::sleep_for(std::chrono::microseconds(50 * i));
  }
  EXPECT_EQ(values, std::vector<int>(64, 20));
}

TEST_P(PoolTest, grainIsTheLeastShare) {
  for (int64_t units : {1, 5, 64, 999}) {
    for (int64_t grain : {1, 16, 64, 500}) {
      std::atomic<int64_t> smallest{units + 1};
      void *arguments[] = {&smallest};
      lqc_dispatch(pool.get(), noteRange, arguments, 1, units, grain);
      EXPECT_GE(smallest, std::min(units, grain));
      EXPECT_LE(smallest, units);
    }
  }
}

TEST_P(PoolTest, noUnitsNoCall) {
  lqc_dispatch(pool.get(), addOne, nullptr, 1, 0, 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, PoolTest, testing::Values(1, 2, 3, 4, 17));

TEST(PoolLatencyTest, reportsTheCostOfADispatch) {
  std::string error;
  auto pool = lqc_pool::create(2, error);
  ASSERT_TRUE(pool) << error;
  const int rounds = 20000;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i)
    lqc_dispatch(pool.get(), nothing, nullptr, 1, 64, 1);
  std::chrono::duration<double, std::micro> time =
      std::chrono::steady_clock::now() - start;
  RecordProperty("microseconds", std::to_string(time.count() / rounds));
  EXPECT_LT(time.count() / rounds, 1000) << "a dispatch hangs now and then";
}

TEST(AvailableProcessorsTest, isInRange) {
  EXPECT_GE(availableProcessors(), 1);
  EXPECT_LE(availableProcessors(), kMaxThreads);
}
