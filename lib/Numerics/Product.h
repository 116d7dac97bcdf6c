//===- Product.h - products of matrices -------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nearly all time of calibration is spent in products. They are computed by
// tiles that stay in registers, on operands that are packed in the order in
// which a tile reads them (Goto and van de Geijn 2008), with the widest vectors
// that this machine has.
//
// An element of the result is the same however its matrix is cut into products
// of fewer rows or columns: so threads may share a product in any way.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_NUMERICS_PRODUCT_H
#define LQC_LIB_NUMERICS_PRODUCT_H

#include "lqc/Numerics/Dense.h"

namespace lqc {

/// Element (i, j) is at data[i * rowStride + j * columnStride]. One of the
/// strides is 1.
struct MatrixView {
  const float *data;
  int64_t rowStride, columnStride;

  MatrixView transposed() const { return {data, columnStride, rowStride}; }
  MatrixView at(int64_t row, int64_t column) const {
    return {data + row * rowStride + column * columnStride, rowStride,
            columnStride};
  }
};

/// How tiles are computed with one set of instructions.
struct TileKernel {
  const char *name;
  bool isSupported;      ///< by this machine
  int64_t rows, columns; ///< of a tile
  bool isPaired; ///< a word holds two bf16, of two neighbours along the depth
  /// A tile of the result: sums over `depth` words of packed factors, `left` of
  /// (depth, rows), `right` of (depth, columns), to `tile` (rows, columns).
  void (*function)(int64_t depth, const float *left, const float *right,
                   float *tile);
};

/// All of them.
llvm::ArrayRef<TileKernel> tileKernels();

/// The quickest on this machine.
const TileKernel &tileKernel(Precision precision);

/// A product's shape: `rows` x `inner` times `inner` x `columns`.
struct ProductShape {
  int64_t rows, columns, inner;
};

/// target += sign * left * right, for one thread. `target` is row-major with
/// rows of `stride`; it must not overlap the factors.
void addProduct(float *target, int64_t stride, MatrixView left,
                MatrixView right, ProductShape shape, float sign,
                const TileKernel &kernel);

/// The same with the quickest kernel.
inline void addProduct(float *target, int64_t stride, MatrixView left,
                       MatrixView right, ProductShape shape, float sign = 1,
                       Precision precision = Precision::Float) {
  addProduct(target, stride, left, right, shape, sign, tileKernel(precision));
}

} // namespace lqc

#endif // LQC_LIB_NUMERICS_PRODUCT_H
