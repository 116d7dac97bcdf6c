//===- Quantized.cpp - parts of quantized matrices ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quantized.h"

#include "lqc/Support/Error.h"

using namespace lqc;

/// Columns [first, first + count) of rows of `width`, appended to `to`.
template <typename T>
static void appendPart(const std::vector<T> &from, int64_t width, int64_t row,
                       int64_t first, int64_t count, std::vector<T> &to) {
  const T *start = from.data() + row * width + first;
  to.insert(to.end(), start, start + count);
}

llvm::Expected<QuantizedTensor>
lqc::sliceQuantized(const QuantizedTensor &tensor, int64_t firstRow,
                    int64_t rows, int64_t firstColumn, int64_t columns) {
  int64_t group = tensor.scheme.groupColumns(tensor.columns);
  // What shares a super scale stays together. The last super group of a row may
  // be a short one, so it must not end up before another.
  int64_t unit = group;
  if (tensor.scheme.isTwoLevel())
    unit *= std::min(tensor.scheme.superGroups, tensor.groups());
  bool isWholeRow = firstColumn == 0 && columns == tensor.columns;
  if (!isWholeRow &&
      (tensor.scheme.groupSize == 0 || firstColumn % unit || columns % unit))
    return makeError("a quantized tensor can only be cut between groups of {0} "
                     "columns, got: columns {1} to {2}",
                     unit, firstColumn, firstColumn + columns);
  QuantizedTensor result;
  result.scheme = tensor.scheme;
  result.rows = rows;
  result.columns = columns;
  int64_t firstGroup = firstColumn / group, groups = columns / group;
  int64_t firstSuper = firstColumn / unit, supers = result.supers();
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    appendPart(tensor.codes, tensor.columns, row, firstColumn, columns,
               result.codes);
    appendPart(tensor.scales, tensor.groups(), row, firstGroup, groups,
               result.scales);
    if (!tensor.zeros.empty())
      appendPart(tensor.zeros, tensor.groups(), row, firstGroup, groups,
                 result.zeros);
    if (supers)
      appendPart(tensor.superScales, tensor.supers(), row, firstSuper, supers,
                 result.superScales);
    if (!tensor.superOffsets.empty())
      appendPart(tensor.superOffsets, tensor.supers(), row, firstSuper, supers,
                 result.superOffsets);
  }
  return result;
}

template <typename T>
static void append(const std::vector<T> &from, std::vector<T> &to) {
  to.insert(to.end(), from.begin(), from.end());
}

QuantizedTensor lqc::concatRows(llvm::ArrayRef<const QuantizedTensor *> parts) {
  QuantizedTensor result = *parts.front();
  for (const QuantizedTensor *part : parts.drop_front()) {
    result.rows += part->rows;
    append(part->codes, result.codes);
    append(part->scales, result.scales);
    append(part->zeros, result.zeros);
    append(part->superScales, result.superScales);
    append(part->superOffsets, result.superOffsets);
  }
  return result;
}
