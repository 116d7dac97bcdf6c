//===- KeptColumns.cpp - GPTQ around columns that stay float --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/KeptColumns.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Error.h"

using namespace lqc;

/// What is left of a channel's second moment at least, where the kept ones
/// explain all of it but for rounding.
static constexpr float kLeastPart = 1e-6f;

namespace {
/// What the kept columns P can do for the others.
class Elimination {
public:
  Elimination(llvm::ArrayRef<int64_t> kept, int64_t columns,
              llvm::ArrayRef<float> gram)
      : kept(kept), columns(columns), gram(gram) {}

  /// Computes the answer from the damped Hessian; false if it is not positive
  /// definite.
  bool solve(llvm::ArrayRef<float> hessian, unsigned threads);

  /// S, with zeros in the rows and columns of P: channels never seen.
  std::vector<float> complement() const;

  /// V, for target weights of `rows` rows and the values of their codes.
  std::vector<float> refit(llvm::ArrayRef<float> target,
                           std::vector<float> values, int64_t rows) const;

private:
  llvm::ArrayRef<int64_t> kept;
  const int64_t columns;
  llvm::ArrayRef<float> gram;
  std::vector<float> answer; ///< H_:P inverse(H_PP) (columns, kept)
};
} // namespace

bool Elimination::solve(llvm::ArrayRef<float> hessian, unsigned threads) {
  const int64_t count = kept.size();
  std::vector<float> own(count * count);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < count; ++j)
      own[i * count + j] = hessian[kept[i] * columns + kept[j]];
  answer.resize(columns * count);
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t j = 0; j < count; ++j)
      answer[c * count + j] = gram[c * columns + kept[j]];
  if (!inverseCholesky(own, count, threads))
    return false;
  multiplyByInverse(own, count, answer, columns, threads);
  return true;
}

std::vector<float> Elimination::complement() const {
  const int64_t count = kept.size();
  std::vector<float> result = gram.vec(), across(count * columns);
  for (int64_t j = 0; j < count; ++j)
    for (int64_t c = 0; c < columns; ++c)
      across[j * columns + c] = gram[kept[j] * columns + c];
  subtractProduct(answer, columns, count, across, columns, {0, columns},
                  result);
  for (int64_t c = 0; c < columns; ++c) {
    float &left = result[c * columns + c];
    left = std::max(left, kLeastPart * gram[c * columns + c]);
  }
  for (int64_t p : kept)
    for (int64_t c = 0; c < columns; ++c)
      result[p * columns + c] = result[c * columns + p] = 0;
  mirrorUpper(result, columns);
  return result;
}

std::vector<float> Elimination::refit(llvm::ArrayRef<float> target,
                                      std::vector<float> values,
                                      int64_t rows) const {
  const int64_t count = kept.size();
  std::vector<float> result(rows * count);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] -= target[i];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < count; ++j) {
      result[r * count + j] = target[r * columns + kept[j]];
      values[r * columns + kept[j]] = 0;
    }
  subtractProduct(values, rows, columns, answer, count, {0, count}, result);
  return result;
}

llvm::Expected<KeptResult>
lqc::gptqKeeping(llvm::ArrayRef<int64_t> kept, llvm::ArrayRef<float> weights,
                 int64_t rows, int64_t columns, const Scheme &scheme,
                 const InputMoments &moments, const GptqOptions &options) {
  std::vector<float> target = weights.vec();
  llvm::Expected<HessianFactor> factor =
      factorise(moments.gram, columns, options);
  if (!factor)
    return factor.takeError();
  correctDrift(target, rows, *factor, moments, options.threads);
  Elimination elimination(kept, columns, moments.gram);
  if (!elimination.solve(factor->hessian, options.threads))
    return makeError("the Hessian must be positive definite");
  std::vector<float> complement = elimination.complement();
  llvm::Expected<GptqResult> rest =
      gptq(target, rows, columns, scheme, {complement, {}, {}}, options);
  if (!rest)
    return rest.takeError();
  KeptResult result;
  result.kept = elimination.refit(target, dequantize(rest->codes), rows);
  result.codes = std::move(rest->codes);
  result.squaredError = rest->squaredError;
  return result;
}
