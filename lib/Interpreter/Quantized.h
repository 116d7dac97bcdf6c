//===- Quantized.h - parts of quantized matrices ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_QUANTIZED_H
#define LQC_LIB_INTERPRETER_QUANTIZED_H

#include "lqc/Numerics/QuantizedTensor.h"

namespace lqc {

/// `rows` rows from row `firstRow`; columns likewise. Columns are cut between
/// groups: else an error.
llvm::Expected<QuantizedTensor> sliceQuantized(const QuantizedTensor &tensor,
                                               int64_t firstRow, int64_t rows,
                                               int64_t firstColumn,
                                               int64_t columns);

/// Matrices of one scheme and row length, one below the other.
QuantizedTensor concatRows(llvm::ArrayRef<const QuantizedTensor *> parts);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_QUANTIZED_H
