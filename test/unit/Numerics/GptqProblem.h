//===- GptqProblem.h - something to round, for tests ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_NUMERICS_GPTQPROBLEM_H
#define LQC_TEST_UNIT_NUMERICS_GPTQPROBLEM_H

#include "lqc/Numerics/Dense.h"
#include "lqc/Numerics/Gptq.h"

#include <cmath>
#include <random>

namespace lqc {

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
    addGram(rows, kColumns, kTokens, gram, Precision::Float, 1);
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

} // namespace lqc

#endif // LQC_TEST_UNIT_NUMERICS_GPTQPROBLEM_H
