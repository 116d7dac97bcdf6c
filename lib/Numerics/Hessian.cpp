//===- Hessian.cpp - what methods do with second moments ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Numerics/Hessian.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Parallel.h"

using namespace lqc;

std::vector<float> lqc::dampHessian(llvm::ArrayRef<float> gram, int64_t columns,
                                    double damping) {
  double mean = 0;
  for (int64_t i = 0; i < columns; ++i)
    mean += double(gram[i * columns + i]) / double(columns);
  std::vector<float> hessian = gram.vec();
  for (int64_t i = 0; i < columns; ++i) {
    float &x = hessian[i * columns + i];
    // A channel that was never seen: anything will do.
    x = x == 0 ? 1 : float(x + damping * mean);
  }
  return hessian;
}

bool lqc::correctDrift(llvm::MutableArrayRef<float> weights, int64_t rows,
                       int64_t columns, const InputMoments &moments,
                       llvm::ArrayRef<float> hessian, unsigned threads) {
  if (moments.drift.empty())
    return true;
  std::vector<float> difference(columns * columns);
  for (int64_t i = 0; i < columns * columns; ++i)
    difference[i] = moments.gram[i] - moments.drift[i];
  std::vector<float> correction(rows * columns);
  llvm::copy(moments.residual, correction.begin());
  parallelFor(0, rows, threads, [&](int64_t begin, int64_t end) {
    int64_t size = (end - begin) * columns;
    subtractProduct(
        llvm::ArrayRef<float>(weights).slice(begin * columns, size),
        end - begin, columns, difference, columns, /*from=*/0,
        llvm::MutableArrayRef(correction).slice(begin * columns, size));
  });
  if (!solveSymmetric(hessian.vec(), columns, correction, rows, threads))
    return false;
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] += correction[i];
  return true;
}
