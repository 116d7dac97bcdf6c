//===- Dense.cpp - dense algebra of calibration ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Dense.h"

#include "lqc/Support/Parallel.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

using namespace lqc;

using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstMatrixMap = Eigen::Map<const Matrix>;

/// Columns of the blocks that threads share a matrix by.
static constexpr int64_t kBlockColumns = 256;

void lqc::addProduct(llvm::ArrayRef<float> left, int64_t leftColumns,
                     llvm::ArrayRef<float> right, int64_t rightColumns,
                     int64_t tokens, llvm::MutableArrayRef<float> product,
                     unsigned threads) {
  ConstMatrixMap l(left.data(), tokens, leftColumns);
  ConstMatrixMap r(right.data(), tokens, rightColumns);
  MatrixMap p(product.data(), leftColumns, rightColumns);
  parallelFor(0, leftColumns, threads, [&](int64_t begin, int64_t end) {
    p.middleRows(begin, end - begin).noalias() +=
        l.middleCols(begin, end - begin).transpose() * r;
  });
}

void lqc::addGram(llvm::ArrayRef<float> rows, int64_t columns, int64_t tokens,
                  llvm::MutableArrayRef<float> gram, unsigned threads) {
  ConstMatrixMap x(rows.data(), tokens, columns);
  MatrixMap g(gram.data(), columns, columns);
  const int64_t blocks = (columns + kBlockColumns - 1) / kBlockColumns;
  auto addRows = [&](int64_t block) {
    int64_t first = block * kBlockColumns;
    int64_t size = std::min(kBlockColumns, columns - first);
    g.block(first, first, size, columns - first).noalias() +=
        x.middleCols(first, size).transpose() * x.rightCols(columns - first);
  };
  // A block of rows from each end: together they are the same work for all.
  parallelFor(0, (blocks + 1) / 2, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      addRows(i);
      if (blocks - 1 - i != i)
        addRows(blocks - 1 - i);
    }
  });
}

void lqc::mirrorUpper(llvm::MutableArrayRef<float> matrix, int64_t columns) {
  MatrixMap m(matrix.data(), columns, columns);
  m.triangularView<Eigen::StrictlyLower>() = m.transpose();
}

std::vector<float> lqc::inverseCholesky(std::vector<float> hessian,
                                        int64_t columns) {
  MatrixMap h(hessian.data(), columns, columns);
  h = h.reverse().eval();
  Eigen::LLT<Eigen::Ref<Matrix>> factor(h);
  if (factor.info() != Eigen::Success)
    return {};
  // J L J is upper triangular; the unused half of `h` holds old numbers.
  h = h.reverse().eval();
  std::vector<float> result(hessian.size(), 0.0f);
  MatrixMap u(result.data(), columns, columns);
  u.setIdentity();
  h.triangularView<Eigen::Upper>().solveInPlace(u);
  if (!u.allFinite())
    return {};
  return result;
}

void lqc::subtractProduct(llvm::ArrayRef<float> left, int64_t count,
                          int64_t inner, llvm::ArrayRef<float> right,
                          int64_t columns, int64_t from,
                          llvm::MutableArrayRef<float> target) {
  if (from >= columns)
    return;
  ConstMatrixMap l(left.data(), count, inner);
  ConstMatrixMap r(right.data(), inner, columns);
  MatrixMap t(target.data(), count, columns);
  t.rightCols(columns - from).noalias() -= l * r.rightCols(columns - from);
}

bool lqc::solveSymmetric(std::vector<float> hessian, int64_t columns,
                         llvm::MutableArrayRef<float> rows, int64_t count,
                         unsigned threads) {
  MatrixMap h(hessian.data(), columns, columns);
  Eigen::LLT<Eigen::Ref<Matrix>> factor(h);
  if (factor.info() != Eigen::Success)
    return false;
  parallelFor(0, count, threads, [&](int64_t begin, int64_t end) {
    MatrixMap part(rows.data() + begin * columns, end - begin, columns);
    Matrix solution = factor.solve(part.transpose());
    part = solution.transpose();
  });
  return true;
}
