//===- Gptq.cpp - rounding weights by what their inputs look like ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "lib/Numerics/GroupDescent.h"
#include "lib/Numerics/Hessian.h"
#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <numeric>

using namespace lqc;

/// Columns between two updates of all that follow.
static constexpr int64_t kBlockColumns = 128;
/// Rows that share one product of the update.
static constexpr int64_t kBlockRows = 64;
/// How often the damping may grow tenfold.
static constexpr int kDampingTries = 4;

namespace {
/// One matrix on its way.
class Rounder {
public:
  Rounder(int64_t columns, const InputMoments &moments,
          const GptqOptions &options, QuantizedTensor &result)
      : columns(columns), moments(moments), options(options), result(result) {}

  /// Prepares what all rows share, and the weights that are to be rounded.
  llvm::Error prepare(llvm::ArrayRef<float> weights);
  /// Rounds rows [first, first + count); adds to `squaredError`.
  llvm::Error roundRows(int64_t first, int64_t count,
                        double &squaredError) const;

private:
  llvm::Error factorise();
  void roundInOrder(llvm::MutableArrayRef<float> work, int64_t first,
                    llvm::ArrayRef<RowGrid> grids) const;

  const int64_t columns;
  const InputMoments &moments;
  const GptqOptions &options;
  QuantizedTensor &result;
  std::vector<float> target;     ///< (rows, columns): what is rounded
  std::vector<float> hessian;    ///< (columns, columns), damped
  std::vector<int64_t> order;    ///< column of each place
  std::vector<float> importance; ///< (columns): H_ii
  std::vector<float> upper;      ///< U, in that order
};
} // namespace

/// Damps the Hessian, more and more until it can be factorised.
llvm::Error Rounder::factorise() {
  double damping = options.damping;
  for (int round = 0; round < kDampingTries; ++round, damping *= 10) {
    hessian = dampHessian(moments.gram, columns, damping);
    std::vector<float> ordered(columns * columns);
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j)
        ordered[i * columns + j] = hessian[order[i] * columns + order[j]];
    upper = inverseCholesky(std::move(ordered), columns);
    if (!upper.empty())
      return llvm::Error::success();
  }
  return makeError("the Hessian must be positive definite, and is not even "
                   "with a damping of {0}",
                   damping / 10);
}

llvm::Error Rounder::prepare(llvm::ArrayRef<float> weights) {
  importance.resize(columns);
  for (int64_t i = 0; i < columns; ++i)
    importance[i] = moments.gram[i * columns + i];
  order.resize(columns);
  std::iota(order.begin(), order.end(), 0);
  if (options.activationOrder)
    llvm::sort(order, [&](int64_t a, int64_t b) {
      return importance[a] != importance[b] ? importance[a] > importance[b]
                                            : a < b;
    });
  if (llvm::Error error = factorise())
    return error;
  target.assign(weights.begin(), weights.end());
  if (!correctDrift(target, result.rows, columns, moments, hessian,
                    options.threads))
    return makeError("the Hessian must be positive definite");
  for (size_t i = 0; i < target.size(); ++i)
    if (importance[i % columns] == 0)
      target[i] = 0;
  return llvm::Error::success();
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
        const float *u = upper.data() + i * columns;
        uint8_t code = grids[r].nearest(order[i], w[i]);
        result.codes[(first + r) * columns + order[i]] = code;
        float error = (w[i] - grids[r].value(order[i], code)) / u[i];
        errors[r * size + (i - begin)] = error;
        for (int64_t j = i + 1; j < end; ++j)
          w[j] -= error * u[j];
      }
    }
    subtractProduct(llvm::ArrayRef(errors).take_front(count * size), count,
                    size, llvm::ArrayRef(upper).drop_front(begin * columns),
                    columns, end, work);
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
            grids[r].fit(row, importance, options.clip, first + r))
      return error;
    for (int64_t i = 0; i < columns; ++i)
      work[r * columns + i] = row[order[i]];
  }
  roundInOrder(work, first, grids);
  DescentRows rows{count, part,
                   llvm::MutableArrayRef(result.codes)
                       .slice(first * columns, count * columns),
                   grids};
  squaredError = descendGroups(rows, columns, hessian, options.sweeps);
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
  GptqResult result;
  result.codes = QuantizedTensor::empty(scheme, rows, columns);
  Rounder rounder(columns, moments, options, result.codes);
  if (llvm::Error error = rounder.prepare(weights))
    return std::move(error);
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
