//===- Dot.cpp - dot products in double -----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight partial sums, the tail apart, then one fixed order of adding them: the
// result is the same on every machine. The product of two float32 numbers is
// exact in double, so fused multiply-adds change nothing.
//
//===----------------------------------------------------------------------===//

#include "Dot.h"

#include <cstring>
#include <vector>

using namespace lqc;

static constexpr int64_t kLanes = 8;
/// Tokens that share a pass over a weight row: all sums stay in registers.
static constexpr int64_t kTokens = 4;

/// Four lanes; the compiler's vector type, so that sums stay in registers.
typedef double Lanes __attribute__((vector_size(32), aligned(8)));

static Lanes load(const double *from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

static double sumOf(const Lanes &low, const Lanes &high, double tail) {
  double a = (low[0] + low[1]) + (low[2] + low[3]);
  double b = (high[0] + high[1]) + (high[2] + high[3]);
  return (a + b) + tail;
}

/// The dot products of `Tokens` rows, `columns` apart, with one row.
template <int64_t Tokens>
static void dots(const double *input, const double *row, int64_t columns,
                 double *result) {
#pragma clang fp contract(fast)
  Lanes low[Tokens] = {}, high[Tokens] = {};
  double tails[Tokens] = {};
  int64_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    Lanes first = load(row + i), second = load(row + i + 4);
#pragma unroll
    for (int64_t t = 0; t < Tokens; ++t) {
      low[t] += load(input + t * columns + i) * first;
      high[t] += load(input + t * columns + i + 4) * second;
    }
  }
  for (; i < columns; ++i)
    for (int64_t t = 0; t < Tokens; ++t)
      tails[t] += input[t * columns + i] * row[i];
  for (int64_t t = 0; t < Tokens; ++t)
    result[t] = sumOf(low[t], high[t], tails[t]);
}

void lqc::linearOutputs(const double *input, const float *weight,
                        const float *bias, int64_t tokens, int64_t columns,
                        int64_t outputs, int64_t firstOutput,
                        int64_t lastOutput, float *out) {
  std::vector<double> row(columns);
  for (int64_t o = firstOutput; o < lastOutput; ++o) {
    for (int64_t i = 0; i < columns; ++i)
      row[i] = weight[o * columns + i];
    double offset = bias ? bias[o] : 0.0;
    double sums[kTokens];
    int64_t t = 0;
    for (; t + kTokens <= tokens; t += kTokens) {
      dots<kTokens>(input + t * columns, row.data(), columns, sums);
      for (int64_t k = 0; k < kTokens; ++k)
        out[(t + k) * outputs + o] = static_cast<float>(sums[k] + offset);
    }
    for (; t < tokens; ++t) {
      dots<1>(input + t * columns, row.data(), columns, sums);
      out[t * outputs + o] = static_cast<float>(sums[0] + offset);
    }
  }
}

double lqc::dot(const float *a, const float *b, int64_t size) {
  Lanes low = {}, high = {};
  double tail = 0;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    Lanes x[2], y[2];
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      x[lane / 4][lane % 4] = a[i + lane];
      y[lane / 4][lane % 4] = b[i + lane];
    }
    low += x[0] * y[0];
    high += x[1] * y[1];
  }
  for (; i < size; ++i)
    tail += static_cast<double>(a[i]) * b[i];
  return sumOf(low, high, tail);
}

void lqc::addScaled(double factor, const float *values, int64_t size,
                    double *sum) {
  for (int64_t i = 0; i < size; ++i)
    sum[i] += factor * static_cast<double>(values[i]);
}
