//===- QualityTest.cpp - statistics with answers known beforehand ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Quality/Quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace lqc;

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The logits of a distribution, moved by a constant, which says nothing.
std::vector<float> logitsOf(std::vector<double> distribution,
                            double shift = 0) {
  std::vector<float> logits;
  for (double p : distribution)
    logits.push_back(float(std::log(p) + shift));
  return logits;
}

/// Gives rows that were made up.
struct MadeUp final : LogitSource {
  MadeUp(llvm::StringRef name, std::vector<std::vector<float>> rows)
      : label(name), rows(std::move(rows)) {}

  llvm::StringRef name() const override { return label; }
  llvm::Error read(llvm::MutableArrayRef<float> out) override {
    float *to = out.data();
    while (to != out.end()) {
      to = std::copy(rows.at(next).begin(), rows.at(next).end(), to);
      ++next;
    }
    return llvm::Error::success();
  }
  llvm::Error finish() override {
    isFinished = next == rows.size();
    return llvm::Error::success();
  }

  std::string label;
  std::vector<std::vector<float>> rows;
  size_t next = 0;
  bool isFinished = false;
};

Quality measured(MadeUp &candidate, MadeUp *reference,
                 const std::vector<int32_t> &tokens,
                 const runtime::Windows &windows, unsigned threads = 1) {
  auto quality = measureQuality(candidate, reference, tokens, windows,
                                {int64_t(candidate.rows[0].size()), threads,
                                 /*progress=*/nullptr});
  EXPECT_TRUE(bool(quality)) << llvm::toString(quality.takeError());
  return *quality;
}
} // namespace

//===----------------------------------------------------------------------===//
// One token
//===----------------------------------------------------------------------===//

TEST(ScoreToken, DivergenceOfTwoDistributions) {
  for (double shift : {0.0, -300.0, 1000.0}) {
    TokenScore score = scoreToken(logitsOf({0.5, 0.25, 0.25}, shift),
                                  logitsOf({0.25, 0.5, 0.25}), 0);
    const double tolerance = 1e-6 + std::abs(shift) * 1e-7; // of float logits
    EXPECT_NEAR(score.nll, std::log(2), tolerance);
    EXPECT_NEAR(score.referenceNll, std::log(4), tolerance);
    // 1/4 ln(1/2) + 1/2 ln 2 + 1/4 ln 1
    EXPECT_NEAR(score.kl, 0.25 * std::log(2), tolerance);
    EXPECT_FALSE(score.agrees);
  }
}

TEST(ScoreToken, DivergenceHasADirection) {
  std::vector<float> sharp = logitsOf({0.97, 0.01, 0.01, 0.01});
  std::vector<float> flat = logitsOf({0.25, 0.25, 0.25, 0.25});
  const double toFlat = 0.97 * std::log(0.97 * 4) + 0.03 * std::log(0.04);
  const double toSharp = 0.25 * std::log(0.25 / 0.97) + 0.75 * std::log(25);
  EXPECT_NEAR(scoreToken(flat, sharp, 1).kl, toFlat, 1e-6);
  EXPECT_NEAR(scoreToken(sharp, flat, 1).kl, toSharp, 1e-6);
}

TEST(ScoreToken, EqualModelsDoNotDiverge) {
  std::vector<float> logits = logitsOf({0.1, 0.2, 0.7});
  TokenScore score = scoreToken(logits, logits, 2);
  EXPECT_EQ(score.kl, 0);
  EXPECT_EQ(score.nll, score.referenceNll);
  EXPECT_TRUE(score.agrees);
}

TEST(ScoreToken, OfEqualsTheLowestIdIsLikeliest) {
  EXPECT_TRUE(scoreToken({1, 2, 2}, {0, 3, 1}, 0).agrees);
  EXPECT_FALSE(scoreToken({1, 2, 2}, {0, 1, 3}, 0).agrees);
}

TEST(ScoreToken, AloneThereIsPerplexityOnly) {
  TokenScore score = scoreToken(logitsOf({0.5, 0.5}), {}, 1);
  EXPECT_NEAR(score.nll, std::log(2), 1e-6);
  EXPECT_EQ(score.kl, 0);
  EXPECT_TRUE(score.isFinite());
}

TEST(ScoreToken, NoticesWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(scoreToken({0, nan}, {}, 0).isFinite());
  EXPECT_FALSE(scoreToken({0, kInfinity}, {}, 0).isFinite());
  EXPECT_FALSE(scoreToken({0, -kInfinity}, {0, 0}, 0).isFinite());
  EXPECT_FALSE(scoreToken({0, 0}, {nan, 0}, 1).isFinite());
}

//===----------------------------------------------------------------------===//
// Means
//===----------------------------------------------------------------------===//

TEST(BlockMean, ErrorComesFromTheBlocks) {
  BlockMean mean;
  mean.add(1);
  mean.add(3);
  mean.endBlock();
  mean.add(5);
  mean.endBlock();
  mean.endBlock(); // an empty one does not count
  EXPECT_EQ(mean.blocks(), 2u);
  EXPECT_DOUBLE_EQ(mean.mean(), 3);
  // Sums 4 and 5 deviate from 2 * 3 and 1 * 3 by -2 and 2.
  EXPECT_DOUBLE_EQ(*mean.standardError(), std::sqrt(2.0 / 1 * 8) / 3);
}

TEST(BlockMean, EqualBlocksAreTheUsualStandardError) {
  BlockMean mean;
  for (double value : {1, 2, 3, 4}) {
    mean.add(value);
    mean.endBlock();
  }
  // Sample deviation sqrt(5/3), divided by sqrt(4).
  EXPECT_DOUBLE_EQ(*mean.standardError(), std::sqrt(5.0 / 3) / 2);
}

TEST(BlockMean, OneBlockHasNoError) {
  BlockMean mean;
  mean.add(1);
  mean.add(2);
  mean.endBlock();
  EXPECT_FALSE(mean.standardError());
}

//===----------------------------------------------------------------------===//
// A text
//===----------------------------------------------------------------------===//

TEST(MeasureQuality, AlternatingText) {
  // Tokens 0 1 0 1 0: the candidate gives each prediction 1/4 and 1/2 in turn.
  std::vector<float> q = logitsOf({0.5, 0.25, 0.25});
  std::vector<float> p = logitsOf({0.25, 0.5, 0.25});
  MadeUp candidate("q", {q, q, q, q}), reference("p", {q, p, q, q});
  Quality quality = measured(candidate, &reference, {0, 1, 0, 1, 0},
                             runtime::Windows(5, 8, 2, {}));
  EXPECT_TRUE(candidate.isFinished && reference.isFinished);
  EXPECT_EQ(quality.tokens, 4);
  EXPECT_EQ(quality.blocks, 2);
  // (ln 4 + ln 2 + ln 4 + ln 2) / 4 = 1.5 ln 2
  EXPECT_NEAR(quality.perplexity.value, std::exp2(1.5), 1e-6);
  // Both windows are equally hard: no variance.
  EXPECT_NEAR(quality.perplexity.interval->low, std::exp2(1.5), 1e-6);
  ASSERT_TRUE(quality.comparison);
  // The second row of the reference gives 1/4: (2 + 2 + 2 + 1) / 4 ln 2
  EXPECT_NEAR(quality.comparison->referencePerplexity.value, std::exp2(1.75),
              1e-6);
  EXPECT_NEAR(quality.comparison->kl.value, 0.25 * std::log(2) / 4, 1e-7);
  EXPECT_NEAR(quality.comparison->klP99, 0.25 * std::log(2), 1e-7);
  EXPECT_EQ(quality.comparison->top1.value, 0.75);
  // Sums 1 and 2 of two: deviations 0.5, error sqrt(2 * 0.5) / 4 = 1/4.
  EXPECT_NEAR(quality.comparison->top1.interval->low, 0.75 - 1.959964 / 4,
              1e-6);
  EXPECT_EQ(quality.comparison->top1.interval->high, 1);
  EXPECT_EQ(quality.comparison->kl.interval->low, 0);
}

TEST(MeasureQuality, OneWindowHasNoInterval) {
  std::vector<float> row = logitsOf({0.5, 0.5});
  MadeUp candidate("q", {row, row});
  Quality quality =
      measured(candidate, nullptr, {0, 1, 1}, runtime::Windows(3, 8, {}, {}));
  EXPECT_NEAR(quality.perplexity.value, 2, 1e-6);
  EXPECT_FALSE(quality.perplexity.interval);
  EXPECT_FALSE(quality.comparison);
}

TEST(MeasureQuality, OverlappingWindowsAreOneBlock) {
  // 8 predictions, windows of 4 every 2 tokens: 4, 4, 4 and 2 of them.
  std::vector<float> row = logitsOf({0.5, 0.5});
  MadeUp candidate("q", std::vector<std::vector<float>>(14, row));
  Quality quality = measured(candidate, nullptr, {0, 1, 0, 1, 0, 1, 0, 1, 0},
                             runtime::Windows(9, 8, 4, 2));
  EXPECT_TRUE(candidate.isFinished);
  EXPECT_EQ(quality.tokens, 14);
  EXPECT_EQ(quality.blocks, 2);
}

TEST(MeasureQuality, PercentileIsExceededByOneInAHundred) {
  std::vector<float> q = logitsOf({0.5, 0.25, 0.25});
  std::vector<float> p = logitsOf({0.25, 0.5, 0.25});
  for (int far : {2, 3}) {
    std::vector<std::vector<float>> rows(200, q);
    for (int i = 0; i < far; ++i)
      rows[size_t(7 * i)] = p;
    MadeUp candidate("q", std::vector<std::vector<float>>(200, q));
    MadeUp reference("p", rows);
    std::vector<int32_t> tokens(201, 0);
    Quality quality = measured(candidate, &reference, tokens,
                               runtime::Windows(201, 512, {}, {}));
    EXPECT_NEAR(quality.comparison->klP99, far == 2 ? 0 : 0.25 * std::log(2),
                1e-7);
  }
}

TEST(MeasureQuality, ThreadsDoNotChangeIt) {
  std::vector<std::vector<float>> rows;
  std::vector<int32_t> tokens{0};
  for (int i = 0; i < 100; ++i) {
    rows.push_back({float(i % 7), float(i % 3) * 0.3f, float(i % 11) * -0.7f});
    tokens.push_back(i % 3);
  }
  MadeUp reference("p", std::vector<std::vector<float>>(100, {1, 2, 3}));
  std::optional<Quality> first;
  for (unsigned threads : {1, 2, 7}) {
    MadeUp candidate("q", rows);
    reference.next = 0;
    Quality quality = measured(candidate, &reference, tokens,
                               runtime::Windows(101, 32, {}, {}), threads);
    if (!first)
      first = quality;
    EXPECT_EQ(quality.perplexity.value, first->perplexity.value);
    EXPECT_EQ(quality.comparison->kl.value, first->comparison->kl.value);
  }
}

TEST(MeasureQuality, SaysWhoseLogitsAreNotFinite) {
  const std::vector<std::vector<float>> good{{0, 0}, {0, 0}},
      bad{{0, 0}, {0, kInfinity}};
  auto problem = [&](const std::vector<std::vector<float>> &q,
                     const std::vector<std::vector<float>> &p) {
    MadeUp candidate("candidate", q), reference("reference", p);
    auto quality =
        measureQuality(candidate, &reference, {0, 1, 0},
                       runtime::Windows(3, 8, {}, {}), {2, 1, nullptr});
    return quality ? "" : llvm::toString(quality.takeError());
  };
  EXPECT_EQ(problem(good, good), "");
  EXPECT_EQ(problem(bad, good), "candidate: logits must be finite numbers, "
                                "got: inf after token 1 of the text");
  EXPECT_EQ(problem(good, bad), "reference: logits must be finite numbers, "
                                "got: inf after token 1 of the text");
}
