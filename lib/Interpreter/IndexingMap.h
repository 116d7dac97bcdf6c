//===- IndexingMap.h - which element a loop touches -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_INDEXINGMAP_H
#define LQC_LIB_INTERPRETER_INDEXINGMAP_H

#include "mlir/IR/AffineMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace lqc {

/// An indexing map of a linalg operation, applied to a tensor of some shape.
///
/// Nearly all maps are sums of multiples of the loops. Then the number of the
/// element is one too, and what the outer loops add is the same for all
/// iterations of the inner ones. Maps with `floordiv` or `mod` are evaluated
/// for every iteration.
class IndexingMap {
public:
  /// Checks that no iteration leaves the tensor, and that a loop which alone is
  /// a dimension is as long as that. Errors: "dimension 0 must be 2, got: 3".
  static llvm::Expected<IndexingMap> create(mlir::AffineMap map,
                                            llvm::ArrayRef<int64_t> shape,
                                            llvm::ArrayRef<int64_t> loops);

  bool isLinear() const { return linear; }
  /// Of a linear map: element = sum of coefficients()[d] * loop d + start().
  llvm::ArrayRef<int64_t> coefficients() const { return coefs; }
  int64_t start() const { return constant; }

  /// The number of the element, for any map. It is in the tensor if the
  /// iteration is in the loops.
  int64_t element(llvm::ArrayRef<int64_t> iteration) const;

private:
  mlir::AffineMap map;
  llvm::SmallVector<int64_t, 4> strides;
  bool linear = true;
  llvm::SmallVector<int64_t, 8> coefs;
  int64_t constant = 0;
};

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_INDEXINGMAP_H
