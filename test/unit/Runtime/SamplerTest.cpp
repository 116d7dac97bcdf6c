//===- SamplerTest.cpp ----------------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace lqc::runtime;

namespace {
using Logits = std::vector<float>;

SamplerOptions plain(double temperature) {
  SamplerOptions options;
  options.temperature = temperature;
  options.topK = 0;
  options.topP = 1;
  options.minP = 0;
  options.seed = 42;
  return options;
}

int32_t sampleOnce(const SamplerOptions &options, Logits logits,
                   const std::vector<int32_t> &before = {}) {
  Sampler sampler(options, int64_t(logits.size()));
  for (int32_t token : before)
    sampler.accept(token);
  return sampler.sample(logits.data());
}

/// How often each token is drawn.
std::vector<double> frequencies(const SamplerOptions &options,
                                const Logits &logits, int draws = 40000) {
  std::vector<double> counts(logits.size(), 0);
  Sampler sampler(options, int64_t(logits.size()));
  for (int i = 0; i < draws; ++i) {
    Logits copy = logits;
    counts[size_t(sampler.sample(copy.data()))] += 1.0 / draws;
  }
  return counts;
}

Logits logOf(std::vector<double> probabilities) {
  Logits logits;
  for (double p : probabilities)
    logits.push_back(float(std::log(p)));
  return logits;
}
} // namespace

TEST(PortableExpTest, agreesWithLibm) {
  for (double x = 0; x > -690; x -= 0.0137)
    ASSERT_NEAR(portableExp(x) / std::exp(x), 1, 4e-15) << x;
  EXPECT_EQ(portableExp(0), 1);
  EXPECT_EQ(portableExp(-1e9), 0);
}

TEST(RandomTest, isTheSameEverywhere) {
  Random random(1);
  // xoshiro256** from splitmix64(1).
  EXPECT_EQ(random.next(), 0xb3f2af6d0fc710c5ULL);
  Random same(7), other(8);
  EXPECT_NE(same.next(), other.next());
  for (int i = 0; i < 1000; ++i) {
    double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
  }
}

TEST(SamplerTest, greedyTakesTheLargestAndTheLowestId) {
  EXPECT_EQ(sampleOnce(plain(0), {1, 5, 3, 5}), 1);
  EXPECT_EQ(sampleOnce(plain(0), {-5, -1, -3}), 1);
}

TEST(SamplerTest, whatIsNotFiniteIsNeverTaken) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (double temperature : {0.0, 1.0}) {
    EXPECT_EQ(sampleOnce(plain(temperature), {nan, -inf, -3, inf}), 2);
    EXPECT_EQ(sampleOnce(plain(temperature), {nan, nan}), -1);
  }
}

TEST(SamplerTest, drawsTheSoftmaxDistribution) {
  auto found = frequencies(plain(1), logOf({0.5, 0.1, 0.3, 0.1}));
  EXPECT_NEAR(found[0], 0.5, 0.01);
  EXPECT_NEAR(found[1], 0.1, 0.01);
  EXPECT_NEAR(found[2], 0.3, 0.01);
}

TEST(SamplerTest, temperatureSharpensAndFlattens) {
  // p^(1/T): at 0.5 the squares, at 2 the roots.
  auto sharp = frequencies(plain(0.5), logOf({0.8, 0.2}));
  EXPECT_NEAR(sharp[0], 0.64 / 0.68, 0.01);
  auto flat = frequencies(plain(2), logOf({0.8, 0.2}));
  EXPECT_NEAR(flat[0], 2.0 / 3.0, 0.01);
}

TEST(SamplerTest, topKKeepsTheLargest) {
  SamplerOptions options = plain(1);
  options.topK = 2;
  auto found = frequencies(options, logOf({0.2, 0.1, 0.4, 0.3}));
  EXPECT_EQ(found[0] + found[1], 0);
  EXPECT_NEAR(found[2], 4.0 / 7.0, 0.01);
}

TEST(SamplerTest, topPKeepsTheFewestThatReachIt) {
  SamplerOptions options = plain(1);
  options.topP = 0.65;
  auto found = frequencies(options, logOf({0.2, 0.1, 0.4, 0.3}));
  EXPECT_EQ(found[0] + found[1], 0);
  EXPECT_NEAR(found[3], 3.0 / 7.0, 0.01);
  options.topP = 0;
  EXPECT_EQ(sampleOnce(options, logOf({0.2, 0.1, 0.4, 0.3})), 2);
}

TEST(SamplerTest, topPSortsFarEnoughInAFlatDistribution) {
  SamplerOptions options = plain(1);
  options.topP = 0.75;
  auto found = frequencies(options, Logits(1000, 0.0f), 5000);
  for (size_t i = 750; i < 1000; ++i) // equal logits: by id
    EXPECT_EQ(found[i], 0) << i;
  EXPECT_GT(found[700] + found[710] + found[720] + found[730], 0);
}

TEST(SamplerTest, minPKeepsWhatIsLikelyEnough) {
  SamplerOptions options = plain(1);
  options.minP = 0.45; // 0.45 * 0.4 = 0.18
  auto found = frequencies(options, logOf({0.2, 0.1, 0.4, 0.3}));
  EXPECT_EQ(found[1], 0);
  EXPECT_NEAR(found[0], 2.0 / 9.0, 0.01);
}

TEST(SamplerTest, repeatPenaltyDividesAndMultiplies) {
  SamplerOptions options = plain(0);
  options.repeatPenalty = 2;
  // 4 / 2 < 3, once however often it came
  EXPECT_EQ(sampleOnce(options, {4, 3}, {0}), 1);
  EXPECT_EQ(sampleOnce(options, {4, 1.5}, {0, 0, 0}), 0);
  // -1 * 2 < -1.5
  EXPECT_EQ(sampleOnce(options, {-1, -1.5}, {0}), 1);
  // out of the window of 64
  std::vector<int32_t> before(65, 2);
  before[0] = 0;
  EXPECT_EQ(sampleOnce(options, {4, 3, 0}, before), 0);
}

TEST(SamplerTest, sameSeedSameTokens) {
  SamplerOptions options;
  options.temperature = 1;
  options.seed = 3;
  Logits logits;
  for (int i = 0; i < 500; ++i)
    logits.push_back(float((i * 37) % 101) / 20);
  auto draw = [&](uint64_t seed) {
    options.seed = seed;
    Sampler sampler(options, 500);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i) {
      Logits copy = logits;
      tokens.push_back(sampler.sample(copy.data()));
    }
    return tokens;
  };
  EXPECT_EQ(draw(3), draw(3));
  EXPECT_NE(draw(3), draw(4));
}
