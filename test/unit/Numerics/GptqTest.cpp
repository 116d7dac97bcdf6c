//===- GptqTest.cpp - rounding by what inputs look like -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "GptqProblem.h"

#include "lib/Numerics/Product.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace lqc;

namespace {
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
  // What is missing is what is there: y - x = x.
  std::vector<float> drift = gram;
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
  std::vector<float> noDrift(kColumns * kColumns);
  for (int64_t c = 0; c < kColumns; ++c)
    residual[kColumns + c] = 3 * problem.gram[c];
  GptqOptions options;
  options.damping = 1e-4;
  GptqResult result =
      cantFail(gptq(problem.weights, kRows, kColumns, *parseScheme("int8-g64"),
                    {problem.gram, noDrift, residual}, options));
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
  addGram(row, kColumns, 1, problem.gram, Precision::Float, 1);
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

TEST(Gptq, LinearsOfOneInputShareAFactor) {
  Problem problem;
  GptqOptions options;
  HessianFactor factor = cantFail(factorise(problem.gram, kColumns, options));
  const int64_t half = kRows / 2;
  GptqResult whole = problem.round("int3-g32");
  for (int64_t first : {int64_t(0), half}) {
    GptqResult part =
        cantFail(gptq(llvm::ArrayRef(problem.weights)
                          .slice(first * kColumns, half * kColumns),
                      half, *parseScheme("int3-g32"), factor,
                      {problem.gram, {}, {}}, options));
    EXPECT_EQ(llvm::ArrayRef(part.codes.codes),
              llvm::ArrayRef(whole.codes.codes)
                  .slice(first * kColumns, half * kColumns));
  }
}

namespace {
/// A matrix of numbers that are not exact in bf16.
std::vector<float> randomMatrix(int64_t rows, int64_t columns) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> matrix(rows * columns);
  for (float &x : matrix)
    x = normal(random);
  return matrix;
}

/// Inputs of `tokens` tokens, and their damped gram.
std::vector<float> randomHessian(int64_t columns) {
  const int64_t tokens = columns / 2;
  std::vector<float> hessian(columns * columns);
  addGram(randomMatrix(tokens, columns), columns, tokens, hessian,
          Precision::Float, 2);
  mirrorUpper(hessian, columns);
  for (int64_t i = 0; i < columns; ++i)
    hessian[i * columns + i] += 0.1f * float(columns);
  return hessian;
}
} // namespace

TEST(Dense, InverseCholeskyIsThatOfTheInverse) {
  // One block, whole blocks, and halves that differ.
  for (int64_t columns : {5, 64, 65, 128, 320, 700}) {
    std::vector<float> hessian = randomHessian(columns), u = hessian;
    ASSERT_TRUE(inverseCholesky(u, columns, 2)) << columns;
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < i; ++j)
        ASSERT_EQ(u[i * columns + j], 0.0f) << columns;
    // H inverse(H) = 1.
    std::vector<float> unit = hessian;
    multiplyByInverse(u, columns, unit, columns, 2);
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j)
        ASSERT_NEAR(unit[i * columns + j], i == j, 1e-4) << columns;
  }
}

TEST(Dense, FactorsDoNotDependOnThreads) {
  const int64_t columns = 700;
  std::vector<float> one = randomHessian(columns), three = one;
  ASSERT_TRUE(inverseCholesky(one, columns, 1));
  ASSERT_TRUE(inverseCholesky(three, columns, 3));
  EXPECT_EQ(one, three);
}

TEST(Dense, RefusesWhatIsNotPositiveDefinite) {
  for (int64_t bad : {0, 100, 199}) {
    std::vector<float> hessian = randomHessian(200);
    hessian[bad * 200 + bad] = -1;
    EXPECT_FALSE(inverseCholesky(hessian, 200, 1)) << bad;
    hessian = randomHessian(200);
    hessian[bad * 200 + bad] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(inverseCholesky(hessian, 200, 1)) << bad;
  }
}

/// Shapes around the sizes of tiles and packed parts, both precisions.
TEST(Dense, ProductsAreThoseOfThreeLoops) {
  const int64_t shapes[][3] = {
      {7, 64, 400}, {13, 33, 257}, {200, 1, 1}, {1, 1030, 3}, {30, 40, 513}};
  for (auto [rows, columns, tokens] : shapes) {
    std::vector<float> left = randomMatrix(tokens, rows);
    std::vector<float> right = randomMatrix(tokens, columns);
    std::vector<float> exact(rows * columns, 1.0f), rounded = exact;
    addProduct(left, rows, right, columns, tokens, exact, Precision::Float, 3);
    addProduct(left, rows, right, columns, tokens, rounded, Precision::BFloat,
               3);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 1, size = 1;
        for (int64_t t = 0; t < tokens; ++t) {
          double term = double(left[t * rows + i]) * right[t * columns + j];
          sum += term;
          size += std::fabs(term);
        }
        ASSERT_NEAR(exact[i * columns + j], sum, 1e-6 * size);
        // Two factors, each within half a unit of 8 bits.
        ASSERT_NEAR(rounded[i * columns + j], sum, 2.01 / 512 * size + 1e-6);
      }
  }
}

TEST(Dense, EveryTileKernelOfThisMachineMultiplies) {
  const int64_t rows = 31, columns = 90, inner = 517;
  std::vector<float> left = randomMatrix(rows, inner);
  std::vector<float> right = randomMatrix(inner, columns);
  for (const TileKernel &kernel : tileKernels()) {
    if (!kernel.isSupported)
      continue;
    std::vector<float> product(rows * columns);
    addProduct(product.data(), columns, {left.data(), inner, 1},
               {right.data(), columns, 1}, {rows, columns, inner}, -1, kernel);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < inner; ++k) {
          double term = double(left[i * inner + k]) * right[k * columns + j];
          sum -= term;
          size += std::fabs(term);
        }
        ASSERT_NEAR(product[i * columns + j], sum,
                    (kernel.isPaired ? 2.01 / 512 : 1e-6) * size)
            << kernel.name;
      }
  }
}

TEST(Dense, PackedFactorsMultiplyLikeOthers) {
  const int64_t shapes[][3] = {{5, 70, 40}, {300, 1100, 600}, {1, 1, 1}};
  for (auto [tokens, outputs, inner] : shapes)
    for (Precision precision : {Precision::Float, Precision::BFloat}) {
      std::vector<float> matrix = randomMatrix(outputs, inner);
      std::vector<float> left = randomMatrix(tokens, inner);
      std::vector<float> product(tokens * outputs, 7.0f), three = product;
      PackedFactor factor(matrix, outputs, inner, precision);
      factor.multiply(left, tokens, product, 1);
      factor.multiply(left, tokens, three, 3);
      EXPECT_EQ(product, three);
      const double rounding = precision == Precision::Float ? 1e-6 : 2.01 / 512;
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t i = 0; i < outputs; i += 7) {
          double sum = 0, size = 1e-6;
          for (int64_t j = 0; j < inner; ++j) {
            double term = double(left[t * inner + j]) * matrix[i * inner + j];
            sum += term;
            size += std::fabs(term);
          }
          ASSERT_NEAR(product[t * outputs + i], sum, rounding * size);
        }
    }
}

TEST(Dense, ProductsDoNotDependOnThreads) {
  const int64_t rows = 300, columns = 70, tokens = 600;
  std::vector<float> left = randomMatrix(tokens, rows);
  std::vector<float> right = randomMatrix(tokens, columns);
  for (Precision precision : {Precision::Float, Precision::BFloat}) {
    std::vector<float> one(rows * columns), three = one;
    addProduct(left, rows, right, columns, tokens, one, precision, 1);
    addProduct(left, rows, right, columns, tokens, three, precision, 3);
    EXPECT_EQ(one, three);
  }
}
