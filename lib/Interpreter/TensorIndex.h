//===- TensorIndex.h - places of elements -----------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_TENSORINDEX_H
#define LQC_LIB_INTERPRETER_TENSORINDEX_H

#include "lqc/Support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

namespace lqc {

/// The number of the element with the indices index(0), index(1) … of a tensor.
template <typename Index>
llvm::Expected<int64_t> elementPlace(llvm::ArrayRef<int64_t> shape,
                                     Index index) {
  int64_t place = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t i = index(d);
    if (i < 0 || i >= shape[d])
      return makeError("index {0} must be less than {1}, got: {2}", d, shape[d],
                       i);
    place = place * shape[d] + i;
  }
  return place;
}

/// The elements between neighbours of each dimension.
inline llvm::SmallVector<int64_t, 4> stridesOf(llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t, 4> strides(shape.size(), 1);
  for (int64_t d = static_cast<int64_t>(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/// Moves to the next position of a box, the last dimension first. After the
/// last position it is at the first again.
inline void advance(llvm::MutableArrayRef<int64_t> position,
                    llvm::ArrayRef<int64_t> sizes) {
  for (size_t d = sizes.size(); d-- > 0;) {
    if (++position[d] < sizes[d])
      return;
    position[d] = 0;
  }
}

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_TENSORINDEX_H
