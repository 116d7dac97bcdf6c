//===- SplitColumns.h - matrices with some columns apart --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_SPLITCOLUMNS_H
#define LQC_LIB_INTERPRETER_SPLITCOLUMNS_H

#include "RowSource.h"

namespace lqc {

/// Checks the indices of a split: they ascend and are columns. Errors: "column
/// indices must ascend and be below 64, got: 64 at element 3".
llvm::Error checkColumnIndices(llvm::ArrayRef<int64_t> indices,
                               int64_t columns);

/// One result of a split, which has `type`: what is kept, or the rest.
RowSourcePtr splitSource(mlir::RankedTensorType type, RowSourcePtr input,
                         std::vector<int64_t> indices, bool isKept);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_SPLITCOLUMNS_H
