//===- InputStatistics.cpp - sums over the tokens of an input -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Dense.h"
#include "lqc/Statistics/Statistics.h"
#include "lqc/Support/Parallel.h"

#include <cmath>

using namespace lqc;

InputStatistics::InputStatistics(int64_t columns, bool withGram)
    : columns(columns), sumAbs(columns), sumSquare(columns), maxAbs(columns),
      gram(withGram ? columns * columns : 0) {}

void InputStatistics::add(llvm::ArrayRef<float> rows, int64_t count,
                          unsigned threads) {
  parallelFor(0, columns, threads, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < count; ++row) {
      const float *x = rows.data() + row * columns;
      for (int64_t c = begin; c < end; ++c) {
        float magnitude = std::fabs(x[c]);
        sumAbs[c] += magnitude;
        sumSquare[c] += double(magnitude) * magnitude;
        maxAbs[c] = magnitude > maxAbs[c] ? magnitude : maxAbs[c];
      }
    }
  });
  if (!gram.empty())
    addGram(rows, columns, count, gram, Precision::BFloat, threads);
  tokens += count;
}

void InputStatistics::finish() {
  if (!gram.empty())
    mirrorUpper(gram, columns);
}

void InputStatistics::divideChannels(llvm::ArrayRef<float> scales) {
  for (int64_t c = 0; c < columns; ++c) {
    double factor = 1.0 / scales[c];
    sumAbs[c] *= factor;
    sumSquare[c] *= factor * factor;
    maxAbs[c] = float(maxAbs[c] * factor);
  }
  for (std::vector<float> *moments : {&gram, &drift})
    for (size_t i = 0; i < moments->size(); ++i)
      (*moments)[i] = float(
          (*moments)[i] / (double(scales[i / columns]) * scales[i % columns]));
  for (size_t i = 0; i < residual.size(); ++i)
    residual[i] = float(residual[i] / double(scales[i % columns]));
}
