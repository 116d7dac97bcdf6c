//===- FusedAttention.h - what ONNX Runtime's attentions share --*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_FUSEDATTENTION_H
#define LQC_LIB_IMPORT_ONNX_FUSEDATTENTION_H

#include "lib/Import/Onnx/Parts.h"

namespace lqc {

/// Queries, keys and values: (batch, tokens, heads * size) or (batch, heads,
/// tokens, size).
struct Heads {
  Tensor q, k, v;
};

/// Columns of `a` (batch, tokens, columns) that follow each other: three
/// numbers of them.
Heads splitColumns(NodeBuilder &n, const Tensor &a,
                   llvm::ArrayRef<int64_t> columns);

/// An attribute that must be given and positive.
int64_t positive(NodeBuilder &n, llvm::StringRef name);
/// The attribute `scale`, of which 0 is none, or 1 / sqrt(size of a head).
double scaleOf(NodeBuilder &n, const Tensor &q);

/// Places (batch, tokens) that begin with `first`.
Tensor placesFrom(NodeBuilder &n, Size batch, Size tokens, Size first);
/// Places (batch, tokens) of an input, or those that follow its only number;
/// checked to be below `positions`.
Tensor readPlaces(NodeBuilder &n, unsigned index, Size batch, Size tokens,
                  Size positions);
/// Whether inputs `index` and `index` + 1 are tables of cosines and sines.
bool checkTables(NodeBuilder &n, unsigned index, const Tensor &like);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_FUSEDATTENTION_H
