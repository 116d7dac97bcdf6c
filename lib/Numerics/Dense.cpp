//===- Dense.cpp - dense algebra of calibration ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Dense.h"

#include "lib/Numerics/Product.h"
#include "lqc/Support/Parallel.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace lqc;

/// Rows or columns of the blocks that a triangular matrix is cut into, and that
/// threads share.
static constexpr int64_t kBlock = 256;
/// Columns of a matrix that is factorised element by element.
static constexpr int64_t kSmall = 64;

static MatrixView viewOf(const float *data, int64_t columns) {
  return {data, columns, 1};
}

/// Calls `body(first, size)` for the blocks of [0, count), so that a block from
/// each end go together: the rows of a triangle are the same work for all
/// threads.
static void forEachBlock(int64_t count, unsigned threads,
                         llvm::function_ref<void(int64_t, int64_t)> body) {
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  auto work = [&](int64_t block) {
    body(block * kBlock, std::min(kBlock, count - block * kBlock));
  };
  parallelFor(0, (blocks + 1) / 2, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      work(i);
      if (blocks - 1 - i != i)
        work(blocks - 1 - i);
    }
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void lqc::addProduct(llvm::ArrayRef<float> left, int64_t leftColumns,
                     llvm::ArrayRef<float> right, int64_t rightColumns,
                     int64_t tokens, llvm::MutableArrayRef<float> product,
                     Precision precision, unsigned threads) {
  MatrixView l = viewOf(left.data(), leftColumns).transposed();
  parallelFor(0, leftColumns, threads, [&](int64_t begin, int64_t end) {
    addProduct(product.data() + begin * rightColumns, rightColumns,
               l.at(begin, 0), viewOf(right.data(), rightColumns),
               {end - begin, rightColumns, tokens}, 1, precision);
  });
}

void lqc::addGram(llvm::ArrayRef<float> rows, int64_t columns, int64_t tokens,
                  llvm::MutableArrayRef<float> gram, Precision precision,
                  unsigned threads) {
  MatrixView x = viewOf(rows.data(), columns);
  forEachBlock(columns, threads, [&](int64_t first, int64_t size) {
    addProduct(gram.data() + first * columns + first, columns,
               x.at(0, first).transposed(), x.at(0, first),
               {size, columns - first, tokens}, 1, precision);
  });
}

void lqc::mirrorUpper(llvm::MutableArrayRef<float> matrix, int64_t columns) {
  // Tile by tile: a column of a large matrix is a page for each element.
  for (int64_t row = 0; row < columns; row += kSmall)
    for (int64_t column = row; column < columns; column += kSmall)
      for (int64_t i = row; i < std::min(columns, row + kSmall); ++i)
        for (int64_t j = std::max(i + 1, column);
             j < std::min(columns, column + kSmall); ++j)
          matrix[j * columns + i] = matrix[i * columns + j];
}

void lqc::subtractProduct(llvm::ArrayRef<float> left, int64_t count,
                          int64_t inner, llvm::ArrayRef<float> right,
                          int64_t columns, ColumnRange range,
                          llvm::MutableArrayRef<float> target,
                          Precision precision) {
  addProduct(target.data() + range.begin, columns, viewOf(left.data(), inner),
             viewOf(right.data(), columns).at(0, range.begin),
             {count, range.end - range.begin, inner}, -1, precision);
}

/// target += left U^T for an upper triangular U (columns x columns), one
/// thread.
static void addByUpperTransposed(float *target, int64_t stride, MatrixView left,
                                 int64_t rows, MatrixView upper,
                                 int64_t columns) {
  for (int64_t j = 0; j < columns; j += kBlock)
    addProduct(target + j, stride, left.at(0, j), upper.at(j, j).transposed(),
               {rows, std::min(kBlock, columns - j), columns - j});
}

/// target += left U, one thread.
static void addByUpper(float *target, int64_t stride, MatrixView left,
                       int64_t rows, MatrixView upper, int64_t columns) {
  for (int64_t j = 0; j < columns; j += kBlock) {
    const int64_t size = std::min(kBlock, columns - j);
    addProduct(target + j, stride, left, upper.at(0, j),
               {rows, size, j + size});
  }
}

//===----------------------------------------------------------------------===//
// Factorisation
//===----------------------------------------------------------------------===//

namespace {
class Factoriser {
public:
  Factoriser(float *matrix, int64_t stride, unsigned threads)
      : matrix(matrix), stride(stride), threads(threads) {}

  /// The block of rows and columns [first, first + size).
  bool run(int64_t first, int64_t size);

private:
  bool runSmall(int64_t first, int64_t size);
  void joinHalves(int64_t first, int64_t head, int64_t tail,
                  llvm::MutableArrayRef<float> c);
  float *at(int64_t row, int64_t column) const {
    return matrix + row * stride + column;
  }
  MatrixView viewAt(int64_t row, int64_t column) const {
    return viewOf(at(row, column), stride);
  }

  float *matrix;
  const int64_t stride;
  const unsigned threads;
};
} // namespace

bool Factoriser::runSmall(int64_t first, int64_t size) {
  double r[kSmall][kSmall], u[kSmall][kSmall] = {};
  for (int64_t j = size - 1; j >= 0; --j)
    for (int64_t i = j; i >= 0; --i) {
      double sum = *at(first + i, first + j);
      for (int64_t k = j + 1; k < size; ++k)
        sum -= r[i][k] * r[j][k];
      if (i == j && !(sum > 0 && std::isfinite(sum)))
        return false;
      r[i][j] = i == j ? std::sqrt(sum) : sum / r[j][j];
    }
  for (int64_t j = 0; j < size; ++j) {
    u[j][j] = 1 / r[j][j];
    for (int64_t i = j - 1; i >= 0; --i) {
      double sum = 0;
      for (int64_t k = i + 1; k <= j; ++k)
        sum -= r[i][k] * u[k][j];
      u[i][j] = sum / r[i][i];
    }
  }
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j)
      *at(first + i, first + j) = float(u[i][j]);
  return true;
}

/// B = -U_A C U_D, and zeros below.
void Factoriser::joinHalves(int64_t first, int64_t head, int64_t tail,
                            llvm::MutableArrayRef<float> c) {
  const int64_t middle = first + head;
  forEachBlock(head, threads, [&](int64_t row, int64_t rows) {
    float *b = at(first + row, middle);
    for (int64_t i = 0; i < rows; ++i)
      std::fill_n(b + i * stride, tail, 0.0f);
    addByUpper(b, stride, viewOf(c.data() + row * tail, tail), rows,
               viewAt(middle, middle), tail);
  });
  llvm::fill(c, 0.0f);
  forEachBlock(head, threads, [&](int64_t row, int64_t rows) {
    addProduct(c.data() + row * tail, tail, viewAt(first + row, first + row),
               viewAt(first + row, middle), {rows, tail, head - row}, -1);
  });
  for (int64_t i = 0; i < head; ++i)
    std::copy_n(c.begin() + i * tail, tail, at(first + i, middle));
  for (int64_t i = 0; i < tail; ++i)
    std::fill_n(at(middle + i, first), head, 0.0f);
}

bool Factoriser::run(int64_t first, int64_t size) {
  if (size <= kSmall)
    return runSmall(first, size);
  const int64_t head = llvm::alignTo(size / 2, kSmall), tail = size - head;
  const int64_t middle = first + head;
  if (!run(middle, tail))
    return false;
  std::vector<float> c(head * tail);
  forEachBlock(head, threads, [&](int64_t row, int64_t rows) {
    addByUpperTransposed(c.data() + row * tail, tail,
                         viewAt(first + row, middle), rows,
                         viewAt(middle, middle), tail);
  });
  MatrixView view = viewOf(c.data(), tail);
  forEachBlock(head, threads, [&](int64_t row, int64_t rows) {
    addProduct(at(first + row, first + row), stride, view.at(row, 0),
               view.at(row, 0).transposed(), {rows, head - row, tail}, -1);
  });
  if (!run(first, head))
    return false;
  joinHalves(first, head, tail, c);
  return true;
}

bool lqc::inverseCholesky(llvm::MutableArrayRef<float> hessian, int64_t columns,
                          unsigned threads) {
  return Factoriser(hessian.data(), columns, threads).run(0, columns);
}

void lqc::multiplyByInverse(llvm::ArrayRef<float> upper, int64_t columns,
                            llvm::MutableArrayRef<float> rows, int64_t count,
                            unsigned threads) {
  MatrixView u = viewOf(upper.data(), columns);
  forEachBlock(count, threads, [&](int64_t first, int64_t size) {
    llvm::MutableArrayRef<float> part =
        rows.slice(first * columns, size * columns);
    std::vector<float> product(part.size());
    addByUpperTransposed(product.data(), columns, viewOf(part.data(), columns),
                         size, u, columns);
    llvm::fill(part, 0.0f);
    addByUpper(part.data(), columns, viewOf(product.data(), columns), size, u,
               columns);
  });
}
