//===- KeptColumns.cpp - GPTQ around columns that stay float --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/KeptColumns.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

using namespace lqc;

/// What is left of a channel's second moment at least, where the kept ones
/// explain all of it but for rounding.
static constexpr float kLeastPart = 1e-6f;

/// The answer of the kept columns; false if H_PP is not positive definite.
static bool findAnswer(llvm::ArrayRef<float> gram, unsigned threads,
                       KeptFactor &factor) {
  const int64_t columns = factor.whole.columns(), count = factor.kept.size();
  std::vector<float> own(count * count);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < count; ++j)
      own[i * count + j] =
          factor.whole.hessian[factor.kept[i] * columns + factor.kept[j]];
  if (!inverseCholesky(own, count, threads))
    return false;
  factor.answer.resize(columns * count);
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t j = 0; j < count; ++j)
      factor.answer[c * count + j] = gram[c * columns + factor.kept[j]];
  multiplyByInverse(own, count, factor.answer, columns, threads);
  return true;
}

/// S, with zeros in the rows and columns of P: channels never seen.
static std::vector<float> complementOf(llvm::ArrayRef<float> gram,
                                       const KeptFactor &factor,
                                       unsigned threads) {
  const int64_t columns = factor.whole.columns(), count = factor.kept.size();
  std::vector<float> result = gram.vec(), across(count * columns);
  for (int64_t j = 0; j < count; ++j)
    for (int64_t c = 0; c < columns; ++c)
      across[j * columns + c] = gram[factor.kept[j] * columns + c];
  parallelFor(0, columns, threads, [&](int64_t begin, int64_t end) {
    subtractProduct(llvm::ArrayRef(factor.answer)
                        .slice(begin * count, (end - begin) * count),
                    end - begin, count, across, columns, {0, columns},
                    llvm::MutableArrayRef(result).slice(
                        begin * columns, (end - begin) * columns));
  });
  for (int64_t c = 0; c < columns; ++c) {
    float &left = result[c * columns + c];
    left = std::max(left, kLeastPart * gram[c * columns + c]);
  }
  for (int64_t p : factor.kept)
    for (int64_t c = 0; c < columns; ++c)
      result[p * columns + c] = result[c * columns + p] = 0;
  mirrorUpper(result, columns);
  return result;
}

/// V, for target weights of `rows` rows and the values of their codes.
static std::vector<float> refit(const KeptFactor &factor,
                                llvm::ArrayRef<float> target,
                                std::vector<float> values, int64_t rows) {
  const int64_t columns = factor.whole.columns(), count = factor.kept.size();
  std::vector<float> result(rows * count);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] -= target[i];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < count; ++j) {
      result[r * count + j] = target[r * columns + factor.kept[j]];
      values[r * columns + factor.kept[j]] = 0;
    }
  subtractProduct(values, rows, columns, factor.answer, count, {0, count},
                  result);
  return result;
}

llvm::Expected<KeptFactor> lqc::factoriseKeeping(llvm::ArrayRef<int64_t> kept,
                                                 llvm::ArrayRef<float> gram,
                                                 int64_t columns,
                                                 const GptqOptions &options) {
  KeptFactor factor;
  factor.kept = kept.vec();
  llvm::Expected<HessianFactor> whole = factorise(gram, columns, options);
  if (!whole)
    return whole.takeError();
  factor.whole = std::move(*whole);
  if (!findAnswer(gram, options.threads, factor))
    return makeError("the Hessian must be positive definite");
  factor.whole.hessian = {};
  llvm::Expected<HessianFactor> rest =
      factorise(complementOf(gram, factor, options.threads), columns, options);
  if (!rest)
    return rest.takeError();
  factor.rest = std::move(*rest);
  return factor;
}

llvm::Expected<KeptResult> lqc::gptqKeeping(llvm::ArrayRef<float> weights,
                                            int64_t rows, const Scheme &scheme,
                                            const KeptFactor &factor,
                                            const InputMoments &moments,
                                            const GptqOptions &options) {
  std::vector<float> target = weights.vec();
  correctDrift(target, rows, factor.whole, moments, options.threads);
  llvm::Expected<GptqResult> rest =
      gptq(target, rows, scheme, factor.rest, {moments.gram, {}, {}}, options);
  if (!rest)
    return rest.takeError();
  KeptResult result;
  result.kept = refit(factor, target, dequantize(rest->codes), rows);
  result.codes = std::move(rest->codes);
  result.squaredError = rest->squaredError;
  return result;
}

llvm::Expected<KeptResult>
lqc::gptqKeeping(llvm::ArrayRef<int64_t> kept, llvm::ArrayRef<float> weights,
                 int64_t rows, int64_t columns, const Scheme &scheme,
                 const InputMoments &moments, const GptqOptions &options) {
  llvm::Expected<KeptFactor> factor =
      factoriseKeeping(kept, moments.gram, columns, options);
  if (!factor)
    return factor.takeError();
  return gptqKeeping(weights, rows, scheme, *factor, moments, options);
}
