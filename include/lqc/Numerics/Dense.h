//===- Dense.h - dense algebra of calibration -------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few matrix operations that calibrated methods need, on row-major float32.
// Results do not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_DENSE_H
#define LQC_NUMERICS_DENSE_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace lqc {

/// product[i, j] += sum_t left[t, i] * right[t, j] for `tokens` rows, which
/// have `leftColumns` and `rightColumns` elements.
void addProduct(llvm::ArrayRef<float> left, int64_t leftColumns,
                llvm::ArrayRef<float> right, int64_t rightColumns,
                int64_t tokens, llvm::MutableArrayRef<float> product,
                unsigned threads);

/// The same of one matrix with itself; only the part j >= i is computed, and
/// mirrorUpper() completes it.
void addGram(llvm::ArrayRef<float> rows, int64_t columns, int64_t tokens,
             llvm::MutableArrayRef<float> gram, unsigned threads);

/// Copies the part above the diagonal of a square matrix below it.
void mirrorUpper(llvm::MutableArrayRef<float> matrix, int64_t columns);

/// The upper triangular U with inverse(H) = U^T U, for a symmetric positive
/// definite H (columns x columns). Empty if H is not positive definite in
/// float32.
///
/// With J the reversal of rows, J H J = L L^T gives H = R R^T with R = J L J
/// upper triangular, so U = inverse(R): one factorisation and one triangular
/// inverse, half of what inverse and a second factorisation would take.
std::vector<float> inverseCholesky(std::vector<float> hessian, int64_t columns);

/// target[r, j] -= sum_i left[r, i] * right[i, j] for j in [from, columns);
/// `left` is count x inner, `right` has `inner` rows of `columns`, `target`
/// `count`. For one thread.
void subtractProduct(llvm::ArrayRef<float> left, int64_t count, int64_t inner,
                     llvm::ArrayRef<float> right, int64_t columns, int64_t from,
                     llvm::MutableArrayRef<float> target);

/// x[t] for each right-hand side: solves H x = b in place for the rows of
/// `rows` (count x columns), H symmetric positive definite. False if it is not.
bool solveSymmetric(std::vector<float> hessian, int64_t columns,
                    llvm::MutableArrayRef<float> rows, int64_t count,
                    unsigned threads);

} // namespace lqc

#endif // LQC_NUMERICS_DENSE_H
