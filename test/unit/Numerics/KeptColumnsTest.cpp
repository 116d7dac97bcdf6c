//===- KeptColumnsTest.cpp - GPTQ around columns that stay float ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/KeptColumns.h"

#include "GptqProblem.h"

#include "gtest/gtest.h"

using namespace lqc;

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
  // The linear sees half of what the float model has there: y - x = x.
  std::vector<float> halved = problem.inputs;
  for (float &x : halved)
    x *= 0.5f;
  std::vector<float> gram = Problem::gramOf(halved), drift = gram;
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
            "the Hessian must be positive definite, and is not even with a "
            "damping of 50.00");
}

TEST(Gptq, LinearsShareWhatAnInputKeeps) {
  KeptProblem problem;
  KeptFactor factor =
      cantFail(factoriseKeeping(problem.columns, problem.gram, kColumns, {}));
  InputMoments moments{problem.gram, {}, {}};
  KeptResult all = problem.round("int3-g32");
  const int64_t half = kRows / 2, size = half * kColumns;
  std::vector<float> kept;
  std::vector<uint8_t> codes;
  for (int64_t part : {0, 1}) {
    KeptResult result = cantFail(
        gptqKeeping(llvm::ArrayRef(problem.weights).slice(part * size, size),
                    half, *parseScheme("int3-g32"), factor, moments, {}));
    codes.insert(codes.end(), result.codes.codes.begin(),
                 result.codes.codes.end());
    kept.insert(kept.end(), result.kept.begin(), result.kept.end());
  }
  EXPECT_EQ(codes, all.codes.codes);
  EXPECT_EQ(kept, all.kept);
}
