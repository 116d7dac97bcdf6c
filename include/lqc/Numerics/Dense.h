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

enum class Precision {
  Float,
  /// Factors may be rounded to bf16, where the machine multiplies those faster;
  /// sums are float32.
  BFloat
};

/// Whether Precision::BFloat is quicker here, and rounds.
bool multipliesBf16();

/// A matrix W (rows x columns) in the order in which products read it, for many
/// products X W^T.
class PackedFactor {
public:
  PackedFactor(llvm::ArrayRef<float> matrix, int64_t rows, int64_t columns,
               Precision precision);

  /// product[t, i] = sum_j left[t, j] * W[i, j] for `count` rows t.
  void multiply(llvm::ArrayRef<float> left, int64_t count,
                llvm::MutableArrayRef<float> product, unsigned threads) const;

private:
  const int64_t inner, outputs;
  const Precision precision;
  std::vector<float> packed;
};

/// product[i, j] += sum_t left[t, i] * right[t, j] for `tokens` rows, which
/// have `leftColumns` and `rightColumns` elements.
void addProduct(llvm::ArrayRef<float> left, int64_t leftColumns,
                llvm::ArrayRef<float> right, int64_t rightColumns,
                int64_t tokens, llvm::MutableArrayRef<float> product,
                Precision precision, unsigned threads);

/// The same of one matrix with itself; only the part j >= i is computed, and
/// mirrorUpper() completes it.
void addGram(llvm::ArrayRef<float> rows, int64_t columns, int64_t tokens,
             llvm::MutableArrayRef<float> gram, Precision precision,
             unsigned threads);

/// Copies the part above the diagonal of a square matrix below it.
void mirrorUpper(llvm::MutableArrayRef<float> matrix, int64_t columns);

/// Columns [begin, end) of a matrix.
struct ColumnRange {
  int64_t begin, end;
};

/// target[r, j] -= sum_i left[r, i] * right[i, j] for j in `range`; `left` is
/// count x inner, `right` has `inner` rows of `columns`, `target` `count`. For
/// one thread.
void subtractProduct(llvm::ArrayRef<float> left, int64_t count, int64_t inner,
                     llvm::ArrayRef<float> right, int64_t columns,
                     ColumnRange range, llvm::MutableArrayRef<float> target,
                     Precision precision = Precision::Float);

/// Turns a symmetric positive definite H (columns x columns) into the upper
/// triangular U with inverse(H) = U^T U. Only the part of H on and above the
/// diagonal is read. False, and H is lost, if it is not positive definite in
/// float32.
///
/// U = inverse(R) with H = R R^T and R upper triangular, by halves:
///
///   H = [A  B; B^T D]   D = R_D R_D^T, U_D = inverse(R_D)       (recursion)
///                       C = B U_D^T,   A - C C^T = R_A R_A^T    (recursion)
///   U = [U_A  -U_A C U_D; 0  U_D]
///
/// so that all but the smallest blocks are products.
bool inverseCholesky(llvm::MutableArrayRef<float> hessian, int64_t columns,
                     unsigned threads);

/// rows = rows inverse(H) for the U of inverseCholesky(); `rows` is count x
/// columns.
void multiplyByInverse(llvm::ArrayRef<float> upper, int64_t columns,
                       llvm::MutableArrayRef<float> rows, int64_t count,
                       unsigned threads);

} // namespace lqc

#endif // LQC_NUMERICS_DENSE_H
