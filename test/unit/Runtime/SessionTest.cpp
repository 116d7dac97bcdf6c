//===- SessionTest.cpp - sessions and perplexity --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"
#include "test/unit/Runtime/FakeModel.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lqc::runtime;

namespace {
constexpr float kScale = 1.5f;

struct SessionTest : testing::Test {
  void SetUp() override {
    std::string error;
    pool = lqc_pool::create(2, error);
    ASSERT_TRUE(pool) << error;
    session =
        Session::create(::lqc_model, reinterpret_cast<const char *>(weights),
                        *pool, fake::kContext, error);
    ASSERT_TRUE(session) << error;
  }

  alignas(64) float weights[16] = {kScale};
  std::unique_ptr<lqc_pool> pool;
  std::unique_ptr<Session> session;
};

/// Logits after all of `tokens`.
std::vector<float> expected(std::span<const int32_t> tokens) {
  int32_t sum = 0;
  for (int32_t token : tokens)
    sum += token;
  std::vector<float> row;
  for (int32_t v = 0; v < fake::kVocabulary; ++v)
    row.push_back(fake::logit(kScale, tokens.back(), sum, v));
  return row;
}

double expectedNll(std::span<const int32_t> tokens, int32_t target) {
  auto row = expected(tokens);
  double sum = 0;
  for (float logit : row)
    sum += std::exp(double(logit));
  return std::log(sum) - double(row[size_t(target)]);
}

std::vector<int32_t> someTokens(size_t count) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i)
    tokens.push_back(int32_t(i * i * 3 + i / 2) % fake::kVocabulary);
  return tokens;
}

std::vector<float> rowOf(const float *logits) {
  return {logits, logits + fake::kVocabulary};
}
} // namespace

TEST_F(SessionTest, feedGivesTheLastRowWhateverTheChunks) {
  auto tokens = someTokens(fake::kContext);
  for (size_t count = 1; count <= tokens.size(); ++count) {
    std::span<const int32_t> prompt(tokens.data(), count);
    session->rewind();
    EXPECT_EQ(rowOf(session->feed(prompt)), expected(prompt)) << count;
    EXPECT_EQ(session->position(), int64_t(count));
  }
  EXPECT_EQ(session->room(), 0);
}

TEST_F(SessionTest, oneByOneEqualsAllAtOnce) {
  auto tokens = someTokens(11);
  for (size_t i = 0; i < tokens.size(); ++i)
    EXPECT_EQ(rowOf(session->feed({&tokens[i], 1})),
              expected({tokens.data(), i + 1}));
}

TEST_F(SessionTest, feedAllGivesEveryRow) {
  auto tokens = someTokens(10);
  size_t rows = 0;
  EXPECT_TRUE(session->feedAll(tokens, [&](size_t row, const float *logits) {
    EXPECT_EQ(row, rows++);
    EXPECT_EQ(rowOf(logits), expected({tokens.data(), row + 1}));
    return true;
  }));
  EXPECT_EQ(rows, tokens.size());
  session->rewind();
  EXPECT_FALSE(session->feedAll(
      tokens, [](size_t row, const float *) { return row < 5; }));
}

TEST_F(SessionTest, slotsAreSequencesOfTheirOwn) {
  constexpr int32_t kSlots = 3;
  std::string error;
  session =
      Session::create(::lqc_model, reinterpret_cast<const char *>(weights),
                      *pool, fake::kContext, error, kSlots);
  ASSERT_TRUE(session) << error;
  EXPECT_EQ(session->slotCount(), kSlots);
  std::vector<std::vector<int32_t>> texts(kSlots);
  auto grow = [&](int32_t slot) {
    texts[size_t(slot)].push_back(
        int32_t(texts[size_t(slot)].size() * 5 + size_t(slot)) %
        fake::kVocabulary);
    return texts[size_t(slot)].back();
  };
  // A prompt goes to slot 2 alone; then all of them grow in shared steps, slot
  // 1 by two tokens each time.
  std::vector<int32_t> prompt = {grow(2), grow(2), grow(2), grow(2), grow(2)};
  EXPECT_EQ(rowOf(session->feed(prompt, 2)), expected(texts[2]));
  for (int step = 0; step < 6; ++step) {
    const std::vector<int32_t> slots = {1, 0, 2, 1};
    std::vector<int32_t> tokens;
    std::vector<std::vector<float>> rows;
    for (int32_t slot : slots) {
      tokens.push_back(grow(slot));
      rows.push_back(expected(texts[size_t(slot)]));
    }
    const float *logits = session->feedBatch(tokens, slots);
    for (size_t i = 0; i < slots.size(); ++i)
      EXPECT_EQ(rowOf(logits + i * fake::kVocabulary), rows[i]) << step;
  }
  EXPECT_EQ(session->position(0), 6);
  EXPECT_EQ(session->position(1), 12);
  EXPECT_EQ(session->position(2), 11);
  EXPECT_EQ(session->room(1), fake::kContext - 12);
  session->rewind(5, 2);
  texts[2].resize(5);
  const int32_t token = grow(2);
  EXPECT_EQ(rowOf(session->feed({&token, 1}, 2)), expected(texts[2]));
  EXPECT_EQ(session->position(1), 12);
}

TEST_F(SessionTest, perplexityFollowsItsDefinition) {
  auto tokens = someTokens(50);
  for (auto [window, stride] :
       {std::pair<int64_t, int64_t>(8, 8), {8, 3}, {32, 32}, {7, 7}, {1, 1}}) {
    double sum = 0;
    int64_t count = 0;
    const int64_t total = int64_t(tokens.size());
    for (int64_t begin = 0; begin < total - 1; begin += stride)
      for (int64_t i = begin; i < std::min(begin + window, total - 1); ++i) {
        std::span<const int32_t> fed(tokens.data() + begin,
                                     size_t(i - begin + 1));
        sum += expectedNll(fed, tokens[size_t(i) + 1]);
        ++count;
      }
    int64_t calls = 0;
    PerplexityResult result = measurePerplexity(
        *session, tokens, Windows(total, session->context(), window, stride),
        [&](int64_t, int64_t) { ++calls; });
    EXPECT_EQ(result.tokens, count) << window << " " << stride;
    EXPECT_NEAR(result.nll, sum / double(count), 1e-9);
    EXPECT_GT(calls, 1);
  }
}

TEST(WindowsTest, coverEveryPrediction) {
  Windows windows(7, 4, std::nullopt, 3);
  EXPECT_EQ(windows.window, 4); // the context, which is less than 256
  ASSERT_EQ(windows.count(), 2);
  EXPECT_EQ(windows.begin(1), 3);
  EXPECT_EQ(windows.fed(0), 4);
  EXPECT_EQ(windows.fed(1), 3);
  EXPECT_EQ(windows.predictions(), 7);
  EXPECT_EQ(Windows(1, 4, {}, {}).count(), 0);
  EXPECT_EQ(Windows(1000, 512, {}, {}).window, kDefaultWindow);
  EXPECT_EQ(Windows(1000, 512, {}, {}).predictions(), 999);
}

TEST(NegativeLogLikelihoodTest, isStableForLargeLogits) {
  const float logits[] = {1000, 1000, -1000};
  EXPECT_NEAR(negativeLogLikelihood(logits, 0), std::log(2), 1e-12);
  EXPECT_NEAR(negativeLogLikelihood(logits, 2), 2000 + std::log(2), 1e-9);
}

TEST(TokenProblemTest, namesRuleAndValue) {
  const int32_t tokens[] = {1, 8};
  EXPECT_EQ(tokenProblem(tokens, 9), "");
  EXPECT_EQ(tokenProblem(tokens, 8), "token id must be 0 to 7, got: 8");
  const int32_t negative[] = {-1};
  EXPECT_EQ(tokenProblem(negative, 8), "token id must be 0 to 7, got: -1");
}
