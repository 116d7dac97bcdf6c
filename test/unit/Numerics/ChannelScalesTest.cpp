//===- ChannelScalesTest.cpp - scales of a linear's input channels --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/ChannelScales.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Numerics/QuantizedTensor.h"

#include "gtest/gtest.h"

#include <cmath>
#include <numeric>
#include <random>

using namespace lqc;

namespace {
constexpr int64_t kRows = 96, kColumns = 64, kTokens = 300;

/// A linear whose input has a few channels of large activations and one that is
/// always zero.
class ChannelScalesTest : public testing::Test {
protected:
  ChannelScalesTest() : sources(kColumns), sumAbs(kColumns), maxAbs(kColumns) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    weights.resize(kRows * kColumns);
    for (float &w : weights)
      w = normal(random);
    std::vector<float> inputs(kTokens * kColumns);
    for (int64_t i = 0; i < kTokens * kColumns; ++i) {
      int64_t c = i % kColumns;
      inputs[i] = c == 9 ? 0 : normal(random) * (c % 16 == 3 ? 20.0f : 1.0f);
      sumAbs[c] += std::fabs(inputs[i]);
      maxAbs[c] = std::max(maxAbs[c], std::fabs(inputs[i]));
    }
    gram.resize(kColumns * kColumns);
    addGram(inputs, kColumns, kTokens, gram, Precision::Float, 1);
    mirrorUpper(gram, kColumns);
    std::iota(sources.begin(), sources.end(), 0);
  }

  ChannelInput input() const {
    return {sources, channels, sumAbs, maxAbs, gram};
  }
  ReaderWeights reader() const {
    return {weights, kRows, parseScheme("int3-g32")};
  }

  /// The error of the outputs, summed over the tokens, worked out in double.
  double error(const std::vector<float> &scales) const {
    std::vector<float> scaled = weights;
    for (int64_t i = 0; i < kRows * kColumns; ++i)
      scaled[i] *= scales[sources[i % kColumns]];
    std::vector<float> values = dequantize(
        cantFail(quantize(scaled, kRows, kColumns, *reader().scheme)));
    for (int64_t i = 0; i < kRows * kColumns; ++i)
      values[i] = values[i] / scales[sources[i % kColumns]] - weights[i];
    double sum = 0;
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t i = 0; i < kColumns; ++i)
        for (int64_t j = 0; j < kColumns; ++j)
          sum += double(values[r * kColumns + i]) * gram[i * kColumns + j] *
                 values[r * kColumns + j];
    return sum;
  }

  std::vector<int64_t> sources;
  int64_t channels = kColumns;
  std::vector<double> sumAbs;
  std::vector<float> maxAbs, weights, gram;
};
} // namespace

TEST_F(ChannelScalesTest, AwqLosesLessThanWithoutScales) {
  AwqScales found = cantFail(searchAwqScales({reader()}, input(), {}));
  EXPECT_GT(found.exponent, 0);
  EXPECT_LT(found.error, 0.8 * found.unscaledError);
  EXPECT_NEAR(found.error, error(found.scales), 1e-3 * found.error);
  std::vector<float> ones(kColumns, 1.0f);
  EXPECT_NEAR(found.unscaledError, error(ones), 1e-3 * found.unscaledError);
  EXPECT_GT(found.scales[3], 2 * found.scales[4]);
  EXPECT_EQ(found.scales[9], 1.0f) << "never seen";
}

TEST_F(ChannelScalesTest, AwqIsTheBestOfTheGrid) {
  AwqOptions options;
  options.gridPoints = 4;
  AwqScales coarse = cantFail(searchAwqScales({reader()}, input(), options));
  AwqScales fine = cantFail(searchAwqScales({reader()}, input(), {}));
  EXPECT_LE(fine.error, coarse.error);
  EXPECT_EQ(std::fmod(coarse.exponent, 0.25), 0);
}

TEST_F(ChannelScalesTest, AwqDoesNotDependOnThreads) {
  AwqOptions options;
  options.threads = 3;
  AwqScales one = cantFail(searchAwqScales({reader()}, input(), {}));
  AwqScales three = cantFail(searchAwqScales({reader()}, input(), options));
  EXPECT_EQ(one.scales, three.scales);
  EXPECT_EQ(one.error, three.error);
}

TEST_F(ChannelScalesTest, AwqOfSomeRowsStandsForAll) {
  AwqOptions options;
  options.sampledRows = 48;
  AwqScales all = cantFail(searchAwqScales({reader()}, input(), {}));
  AwqScales some = cantFail(searchAwqScales({reader()}, input(), options));
  EXPECT_NEAR(some.unscaledError, all.unscaledError, 0.3 * all.unscaledError);
}

TEST_F(ChannelScalesTest, ReadersThatStayFloatDoNotCount) {
  ReaderWeights plain{weights, kRows, std::nullopt};
  AwqScales alone = cantFail(searchAwqScales({reader()}, input(), {}));
  AwqScales both = cantFail(searchAwqScales({plain, reader()}, input(), {}));
  EXPECT_EQ(alone.scales, both.scales);
}

TEST_F(ChannelScalesTest, ChannelsOfOneSourceShareTheirScale) {
  // Two heads of 32 channels read one.
  channels = 32;
  for (int64_t c = 0; c < kColumns; ++c)
    sources[c] = c % 32;
  AwqScales found = cantFail(searchAwqScales({reader()}, input(), {}));
  ASSERT_EQ(found.scales.size(), 32u);
  EXPECT_LT(found.error, found.unscaledError);
  EXPECT_NEAR(found.error, error(found.scales), 1e-3 * found.error);
  std::vector<float> smooth = smoothQuantScales({reader()}, input(), 1);
  EXPECT_EQ(smooth[5], std::max(maxAbs[5], maxAbs[37]));
}

TEST_F(ChannelScalesTest, WeightsThatCannotBeRoundedAreAnError) {
  weights[7] = INFINITY;
  EXPECT_EQ(
      llvm::toString(searchAwqScales({reader()}, input(), {}).takeError()),
      "element [0, 7] is infinite");
}

TEST_F(ChannelScalesTest, SmoothQuantByHand) {
  // Two rows: the largest weights of the columns are 4 and 0.25.
  std::vector<float> two = {1, 0.25f, 0, -4, -0.125f, 0};
  std::vector<float> most = {16, 100, 3};
  std::vector<int64_t> own = {0, 1, 2};
  ReaderWeights reader{two, 2, parseScheme("int8-g0")};
  ChannelInput input{own, 3, {}, most, {}};
  std::vector<float> scales = smoothQuantScales({reader}, input, 0.5);
  EXPECT_EQ(scales, std::vector<float>({2, 20, 1})) << "sqrt(x) / sqrt(w)";
  EXPECT_EQ(smoothQuantScales({reader}, input, 0)[0], 0.25f);
}
