//===- GptqTest.cpp - rounding by what inputs look like -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Numerics/KeptColumns.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace lqc;

namespace {
constexpr int64_t kRows = 24, kColumns = 64, kTokens = 400;

/// Weights, and inputs whose channels differ in size and depend on each other.
struct Problem {
  Problem() {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    weights.resize(kRows * kColumns);
    for (float &w : weights)
      w = normal(random);
    inputs.resize(kTokens * kColumns);
    for (int64_t t = 0; t < kTokens; ++t) {
      float shared = normal(random);
      for (int64_t c = 0; c < kColumns; ++c)
        inputs[t * kColumns + c] =
            (normal(random) + shared) * (1 + float(c % 7));
    }
    gram = gramOf(inputs);
  }

  static std::vector<float> gramOf(const std::vector<float> &rows) {
    std::vector<float> gram(kColumns * kColumns);
    addGram(rows, kColumns, kTokens, gram, 1);
    mirrorUpper(gram, kColumns);
    return gram;
  }

  /// tr(E H E^T) with E = rounded - weights, in double.
  double error(const QuantizedTensor &codes, double damping = 0) const {
    return error(dequantize(codes), damping);
  }
  double error(const std::vector<float> &values, double damping = 0) const {
    double sum = 0, mean = 0;
    for (int64_t i = 0; i < kColumns; ++i)
      mean += gram[i * kColumns + i] / double(kColumns);
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t i = 0; i < kColumns; ++i)
        for (int64_t j = 0; j < kColumns; ++j) {
          auto e = [&](int64_t c) {
            return double(values[r * kColumns + c]) - weights[r * kColumns + c];
          };
          double h = gram[i * kColumns + j] + (i == j ? damping * mean : 0);
          sum += e(i) * h * e(j);
        }
    return sum;
  }

  GptqResult round(const char *scheme, const GptqOptions &options = {}) const {
    return cantFail(gptq(weights, kRows, kColumns, *parseScheme(scheme),
                         {gram, {}, {}}, options));
  }

  std::vector<float> weights, inputs, gram;
};

class GptqTest : public testing::TestWithParam<const char *>,
                 protected Problem {};
} // namespace

TEST_P(GptqTest, OutputsChangeLessThanByRoundingToNearest) {
  QuantizedTensor nearest =
      cantFail(quantize(weights, kRows, kColumns, *parseScheme(GetParam())));
  GptqOptions plain;
  plain.sweeps = 0;
  double loop = error(round(GetParam(), plain).codes);
  double all = error(round(GetParam()).codes);
  EXPECT_LT(loop, 0.8 * error(nearest));
  EXPECT_LT(all, loop);
}

TEST_P(GptqTest, SaysWhatTheErrorIs) {
  GptqResult result = round(GetParam());
  double want = error(result.codes, GptqOptions().damping);
  EXPECT_NEAR(result.squaredError, want, 1e-3 * want);
}

TEST_P(GptqTest, SweepsNeverMakeItWorse) {
  double last = std::numeric_limits<double>::infinity();
  for (int sweeps : {0, 1, 2, 3, 6}) {
    GptqOptions options;
    options.sweeps = sweeps;
    double now = round(GetParam(), options).squaredError;
    EXPECT_LE(now, last * (1 + 1e-5)) << sweeps;
    last = now;
  }
}

TEST_P(GptqTest, DoesNotDependOnThreads) {
  GptqOptions many;
  many.threads = 3;
  GptqResult one = round(GetParam()), three = round(GetParam(), many);
  EXPECT_EQ(one.codes.codes, three.codes.codes);
  EXPECT_EQ(one.codes.scales, three.codes.scales);
  EXPECT_EQ(one.codes.zeros, three.codes.zeros);
}

TEST_P(GptqTest, CodesAreThoseOfAFileThatCanBeRead) {
  GptqResult result = round(GetParam());
  QuantizedTensor again = cantFail(deserialize(
      serialize(result.codes), *parseScheme(GetParam()), kRows, kColumns));
  EXPECT_EQ(dequantize(again), dequantize(result.codes));
}

INSTANTIATE_TEST_SUITE_P(Schemes, GptqTest,
                         testing::Values("int2-g32", "int3-g64", "int4-g0",
                                         "uint2-g64", "uint4-g32"));

TEST(Gptq, RepairsWhatThoseBeforeDidWrong) {
  Problem problem;
  // The linear sees half of what the float model has there.
  std::vector<float> halved = problem.inputs;
  for (float &x : halved)
    x *= 0.5f;
  std::vector<float> gram = Problem::gramOf(halved);
  std::vector<float> drift(kColumns * kColumns);
  addProduct(problem.inputs, kColumns, halved, kColumns, kTokens, drift, 1);
  GptqOptions options;
  options.damping = 1e-4;
  GptqResult result =
      cantFail(gptq(problem.weights, kRows, kColumns, *parseScheme("int8-g64"),
                    {gram, drift, {}}, options));
  std::vector<float> values = dequantize(result.codes);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], 2 * problem.weights[i], 0.1);
}

TEST(Gptq, AddsWhatTheResidualStreamHasLost) {
  Problem problem;
  // Lost: the sum of x_0 times three, in output 1 alone.
  std::vector<float> residual(kRows * kColumns);
  for (int64_t c = 0; c < kColumns; ++c)
    residual[kColumns + c] = 3 * problem.gram[c];
  GptqOptions options;
  options.damping = 1e-4;
  GptqResult result =
      cantFail(gptq(problem.weights, kRows, kColumns, *parseScheme("int8-g64"),
                    {problem.gram, problem.gram, residual}, options));
  std::vector<float> values = dequantize(result.codes);
  EXPECT_NEAR(values[kColumns], problem.weights[kColumns] + 3, 0.1);
  EXPECT_NEAR(values[kColumns + 1], problem.weights[kColumns + 1], 0.1);
  EXPECT_NEAR(values[0], problem.weights[0], 0.1);
}

TEST(Gptq, ChannelsThatWereNeverSeenGetZeros) {
  Problem problem;
  for (int64_t i = 0; i < kColumns; ++i)
    problem.gram[3 * kColumns + i] = problem.gram[i * kColumns + 3] = 0;
  std::vector<float> values = dequantize(problem.round("int4-g32").codes);
  for (int64_t r = 0; r < kRows; ++r)
    EXPECT_EQ(values[r * kColumns + 3], 0.0f);
}

TEST(Gptq, OneTokenIsEnough) {
  Problem problem;
  std::vector<float> row(problem.inputs.begin(),
                         problem.inputs.begin() + kColumns);
  problem.gram.assign(kColumns * kColumns, 0);
  addGram(row, kColumns, 1, problem.gram, 1);
  mirrorUpper(problem.gram, kColumns);
  EXPECT_GT(problem.round("int4-g32").squaredError, 0);
}

TEST(Gptq, RefusesWhatIsNoHessian) {
  Problem problem;
  for (int64_t i = 0; i < kColumns; ++i)
    problem.gram[i * kColumns + i] *= -1;
  auto result = gptq(problem.weights, kRows, kColumns, *parseScheme("int4-g32"),
                     {problem.gram, {}, {}}, {});
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "the Hessian must be positive definite, and is not even with a "
            "damping of 50.00");
}

TEST(Gptq, RefusesShapesThatDoNotFit) {
  Problem problem;
  auto result = gptq(problem.weights, kRows, kColumns,
                     *parseScheme("int4-g128"), {problem.gram, {}, {}}, {});
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "64 columns are not a multiple of the group size 128");
}

//===----------------------------------------------------------------------===//
// Columns that stay float
//===----------------------------------------------------------------------===//

namespace {
/// The problem with a few columns kept.
struct KeptProblem : Problem {
  KeptResult round(const char *scheme, const GptqOptions &options = {}) const {
    return cantFail(gptqKeeping(columns, weights, kRows, kColumns,
                                *parseScheme(scheme), {gram, {}, {}}, options));
  }

  /// What the codes and the kept columns stand for together.
  std::vector<float> together(const QuantizedTensor &codes,
                              const std::vector<float> &kept) const {
    std::vector<float> values = dequantize(codes);
    for (int64_t r = 0; r < kRows; ++r)
      for (size_t j = 0; j < columns.size(); ++j)
        values[r * kColumns + columns[j]] = kept[r * columns.size() + j];
    return values;
  }
  std::vector<float> together(const KeptResult &result) const {
    return together(result.codes, result.kept);
  }

  /// The kept columns as they were.
  std::vector<float> original() const {
    std::vector<float> kept;
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t column : columns)
        kept.push_back(weights[r * kColumns + column]);
    return kept;
  }

  std::vector<int64_t> columns = {6, 13, 20, 62};
};

class KeptColumns : public testing::TestWithParam<const char *>,
                    protected KeptProblem {};
} // namespace

/// Less error than with the same columns left as they were, be it around the
/// same codes or around those of GPTQ that knows nothing of them. Not by much:
/// few columns, and GPTQ's own compensation has done most of it.
TEST_P(KeptColumns, TakeBackWhatRoundingTheRestDidWrong) {
  KeptResult result = round(GetParam());
  const double joint = error(together(result));
  EXPECT_LT(joint, error(together(result.codes, original())));
  QuantizedTensor alone = Problem::round(GetParam()).codes;
  EXPECT_LT(joint, error(together(alone, original())));
}

/// With little damping nothing near the fit is better.
TEST_P(KeptColumns, AreTheBestForTheCodes) {
  GptqOptions options;
  options.damping = 1e-6;
  KeptResult result = round(GetParam(), options);
  const double best = error(together(result));
  for (size_t i = 0; i < result.kept.size(); i += 7)
    for (float step : {-0.02f, 0.02f}) {
      std::vector<float> other = result.kept;
      other[i] += step;
      EXPECT_GT(error(together(result.codes, other)), best) << i;
    }
}

TEST_P(KeptColumns, SayWhatTheErrorIs) {
  GptqOptions options;
  options.damping = 1e-5;
  KeptResult result = round(GetParam(), options);
  const double want = error(together(result));
  EXPECT_NEAR(result.squaredError, want, 1e-2 * want);
}

TEST_P(KeptColumns, HaveCodesOfZero) {
  std::vector<float> values = dequantize(round(GetParam()).codes);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t column : columns)
      EXPECT_EQ(values[r * kColumns + column], 0.0f);
}

TEST_P(KeptColumns, DoNotDependOnThreads) {
  GptqOptions many;
  many.threads = 3;
  KeptResult one = round(GetParam()), three = round(GetParam(), many);
  EXPECT_EQ(one.codes.codes, three.codes.codes);
  EXPECT_EQ(one.kept, three.kept);
}

INSTANTIATE_TEST_SUITE_P(Schemes, KeptColumns,
                         testing::Values("int2-g32", "int4-g0", "uint3-g64"));

TEST(Gptq, KeptColumnsRepairDriftToo) {
  KeptProblem problem;
  std::vector<float> halved = problem.inputs;
  for (float &x : halved)
    x *= 0.5f;
  std::vector<float> gram = Problem::gramOf(halved);
  std::vector<float> drift(kColumns * kColumns);
  addProduct(problem.inputs, kColumns, halved, kColumns, kTokens, drift, 1);
  GptqOptions options;
  options.damping = 1e-4;
  KeptResult result = cantFail(
      gptqKeeping(problem.columns, problem.weights, kRows, kColumns,
                  *parseScheme("int8-g64"), {gram, drift, {}}, options));
  std::vector<float> values = problem.together(result);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], 2 * problem.weights[i], 0.1);
}

/// A kept channel that was never seen keeps its weights.
TEST(Gptq, KeptColumnsThatWereNeverSeenStay) {
  KeptProblem problem;
  for (int64_t i = 0; i < kColumns; ++i)
    problem.gram[13 * kColumns + i] = problem.gram[i * kColumns + 13] = 0;
  std::vector<float> values = problem.together(problem.round("int4-g32"));
  for (int64_t r = 0; r < kRows; ++r)
    EXPECT_EQ(values[r * kColumns + 13], problem.weights[r * kColumns + 13]);
}

TEST(Gptq, KeptColumnsNeedAHessianToo) {
  KeptProblem problem;
  for (int64_t i = 0; i < kColumns; ++i)
    problem.gram[i * kColumns + i] *= -1;
  auto result =
      gptqKeeping(problem.columns, problem.weights, kRows, kColumns,
                  *parseScheme("int4-g32"), {problem.gram, {}, {}}, {});
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "the Hessian must be positive definite");
}

TEST(Dense, InverseCholeskyIsThatOfTheInverse) {
  Problem problem;
  std::vector<float> u = inverseCholesky(problem.gram, kColumns);
  ASSERT_FALSE(u.empty());
  // H U^T U = 1.
  for (int64_t i = 0; i < kColumns; ++i)
    for (int64_t j = 0; j < kColumns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < kColumns; ++k)
        for (int64_t l = 0; l <= std::min(k, j); ++l)
          sum += double(problem.gram[i * kColumns + k]) * u[l * kColumns + k] *
                 u[l * kColumns + j];
      EXPECT_NEAR(sum, i == j, 1e-2);
      if (j < i)
        EXPECT_EQ(u[i * kColumns + j], 0.0f);
    }
}

TEST(Dense, ProductsAreThoseOfThreeLoops) {
  Problem problem;
  std::vector<float> product(7 * kColumns, 1.0f), left(kTokens * 7);
  for (size_t i = 0; i < left.size(); ++i)
    left[i] = float(i % 13) - 6;
  addProduct(left, 7, problem.inputs, kColumns, kTokens, product, 3);
  for (int64_t i = 0; i < 7; ++i)
    for (int64_t j = 0; j < kColumns; ++j) {
      double sum = 1;
      for (int64_t t = 0; t < kTokens; ++t)
        sum += double(left[t * 7 + i]) * problem.inputs[t * kColumns + j];
      EXPECT_NEAR(product[i * kColumns + j], sum, 1e-3 * (1 + std::fabs(sum)));
    }
}
