//===- Gptq.cpp - rounding weights by what their inputs look like ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "lib/Numerics/GroupDescent.h"
#include "lib/Numerics/Product.h"
#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <numeric>

using namespace lqc;

/// Columns between two updates of all that follow.
static constexpr int64_t kBlockColumns = 128;
/// Rows that share one product of the update.
static constexpr int64_t kBlockRows = 256;
/// How often the damping may grow tenfold.
static constexpr int kDampingTries = 4;

//===----------------------------------------------------------------------===//
// The Hessian
//===----------------------------------------------------------------------===//

/// The damped Hessian; a channel that was never seen may do anything.
static void damp(llvm::ArrayRef<float> gram, double damping,
                 HessianFactor &factor) {
  const int64_t columns = factor.columns();
  double mean = 0;
  for (float x : factor.importance)
    mean += double(x) / double(columns);
  factor.hessian.assign(gram.begin(), gram.end());
  for (int64_t i = 0; i < columns; ++i) {
    float &x = factor.hessian[i * columns + i];
    x = x == 0 ? 1 : float(x + damping * mean);
  }
}

llvm::Expected<HessianFactor> lqc::factorise(llvm::ArrayRef<float> gram,
                                             int64_t columns,
                                             const GptqOptions &options) {
  HessianFactor factor;
  factor.importance.resize(columns);
  for (int64_t i = 0; i < columns; ++i)
    factor.importance[i] = gram[i * columns + i];
  factor.order.resize(columns);
  std::iota(factor.order.begin(), factor.order.end(), 0);
  if (options.activationOrder)
    llvm::sort(factor.order, [&](int64_t a, int64_t b) {
      float x = factor.importance[a], y = factor.importance[b];
      return x != y ? x > y : a < b;
    });
  factor.upper.resize(columns * columns);
  double damping = options.damping;
  for (int round = 0; round < kDampingTries; ++round, damping *= 10) {
    damp(gram, damping, factor);
    parallelFor(0, columns, options.threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = 0; j < columns; ++j)
          factor.upper[i * columns + j] =
              factor.hessian[factor.order[i] * columns + factor.order[j]];
    });
    if (inverseCholesky(factor.upper, columns, options.threads))
      return factor;
  }
  return makeError("the Hessian must be positive definite, and is not even "
                   "with a damping of {0}",
                   damping / 10);
}

void lqc::correctDrift(llvm::MutableArrayRef<float> weights, int64_t rows,
                       const HessianFactor &factor, const InputMoments &moments,
                       unsigned threads) {
  if (moments.drift.empty())
    return;
  const int64_t columns = factor.columns();
  std::vector<float> correction(rows * columns), ordered(rows * columns);
  llvm::copy(moments.residual, correction.begin());
  parallelFor(0, rows, threads, [&](int64_t begin, int64_t end) {
    addProduct(correction.data() + begin * columns, columns,
               {weights.data() + begin * columns, columns, 1},
               {moments.drift.data(), columns, 1},
               {end - begin, columns, columns});
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = 0; i < columns; ++i)
        ordered[r * columns + i] = correction[r * columns + factor.order[i]];
  });
  multiplyByInverse(factor.upper, columns, ordered, rows, threads);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < columns; ++i)
      weights[r * columns + factor.order[i]] += ordered[r * columns + i];
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

namespace {
/// One matrix on its way.
class Rounder {
public:
  Rounder(const HessianFactor &factor, const InputMoments &moments,
          const GptqOptions &options, QuantizedTensor &result)
      : factor(factor), columns(factor.columns()), moments(moments),
        options(options), result(result) {}

  /// Finds the weights that are to be rounded.
  void prepare(llvm::ArrayRef<float> weights);
  /// Rounds rows [first, first + count); adds to `squaredError`.
  llvm::Error roundRows(int64_t first, int64_t count,
                        double &squaredError) const;

private:
  void roundInOrder(llvm::MutableArrayRef<float> work, int64_t first,
                    llvm::ArrayRef<RowGrid> grids) const;

  const HessianFactor &factor;
  const int64_t columns;
  const InputMoments &moments;
  const GptqOptions &options;
  QuantizedTensor &result;
  std::vector<float> target; ///< (rows, columns): what is rounded
};
} // namespace

void Rounder::prepare(llvm::ArrayRef<float> weights) {
  target.assign(weights.begin(), weights.end());
  correctDrift(target, result.rows, factor, moments, options.threads);
  for (size_t i = 0; i < target.size(); ++i)
    if (factor.importance[i % columns] == 0)
      target[i] = 0;
}

/// The loop of the paper, for some rows whose columns are in order.
void Rounder::roundInOrder(llvm::MutableArrayRef<float> work, int64_t first,
                           llvm::ArrayRef<RowGrid> grids) const {
  const int64_t count = grids.size();
  std::vector<float> errors(count * kBlockColumns);
  for (int64_t begin = 0; begin < columns; begin += kBlockColumns) {
    const int64_t end = std::min(columns, begin + kBlockColumns);
    const int64_t size = end - begin;
    for (int64_t r = 0; r < count; ++r) {
      float *w = work.data() + r * columns;
      for (int64_t i = begin; i < end; ++i) {
        const float *u = factor.upper.data() + i * columns;
        const int64_t column = factor.order[i];
        uint8_t code = grids[r].nearest(column, w[i]);
        result.codes[(first + r) * columns + column] = code;
        float error = (w[i] - grids[r].value(column, code)) / u[i];
        errors[r * size + (i - begin)] = error;
        for (int64_t j = i + 1; j < end; ++j)
          w[j] -= error * u[j];
      }
    }
    subtractProduct(llvm::ArrayRef(errors).take_front(count * size), count,
                    size,
                    llvm::ArrayRef(factor.upper).drop_front(begin * columns),
                    columns, {end, columns}, work);
  }
}

llvm::Error Rounder::roundRows(int64_t first, int64_t count,
                               double &squaredError) const {
  std::vector<RowGrid> grids(count, RowGrid(result.scheme, columns));
  std::vector<float> work(count * columns);
  llvm::ArrayRef<float> part =
      llvm::ArrayRef(target).slice(first * columns, count * columns);
  for (int64_t r = 0; r < count; ++r) {
    llvm::ArrayRef<float> row = part.slice(r * columns, columns);
    if (llvm::Error error =
            grids[r].fit(row, factor.importance, options.clip, first + r))
      return error;
    for (int64_t i = 0; i < columns; ++i)
      work[r * columns + i] = row[factor.order[i]];
  }
  roundInOrder(work, first, grids);
  DescentRows rows{count, part,
                   llvm::MutableArrayRef(result.codes)
                       .slice(first * columns, count * columns),
                   grids};
  squaredError = descendGroups(rows, columns, factor.hessian, options.sweeps);
  for (int64_t r = 0; r < count; ++r)
    grids[r].store(result, first + r);
  return llvm::Error::success();
}

llvm::Expected<GptqResult> lqc::gptq(llvm::ArrayRef<float> weights,
                                     int64_t rows, int64_t columns,
                                     const Scheme &scheme,
                                     const InputMoments &moments,
                                     const GptqOptions &options) {
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return makeError("{0}", *why);
  llvm::Expected<HessianFactor> factor =
      factorise(moments.gram, columns, options);
  if (!factor)
    return factor.takeError();
  return gptq(weights, rows, scheme, *factor, moments, options);
}

llvm::Expected<GptqResult> lqc::gptq(llvm::ArrayRef<float> weights,
                                     int64_t rows, const Scheme &scheme,
                                     const HessianFactor &factor,
                                     const InputMoments &moments,
                                     const GptqOptions &options) {
  if (std::optional<std::string> why =
          whyNotQuantizable(scheme, rows, factor.columns()))
    return makeError("{0}", *why);
  GptqResult result;
  result.codes = QuantizedTensor::empty(scheme, rows, factor.columns());
  Rounder rounder(factor, moments, options, result.codes);
  rounder.prepare(weights);
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  std::vector<std::string> problems(blocks);
  std::vector<double> squaredErrors(blocks);
  parallelFor(0, blocks, options.threads, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      int64_t first = block * kBlockRows;
      if (llvm::Error error = rounder.roundRows(
              first, std::min(kBlockRows, rows - first), squaredErrors[block]))
        problems[block] = llvm::toString(std::move(error));
    }
  });
  for (const std::string &problem : problems)
    if (!problem.empty())
      return makeError("{0}", problem);
  for (double error : squaredErrors)
    result.squaredError += error;
  return result;
}
