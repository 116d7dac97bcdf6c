//===- DecoderMatch.h - the parts of a decoder ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SIMPLIFY_DECODERMATCH_H
#define LQC_PASSES_SIMPLIFY_DECODERMATCH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace lqc {

/// x cos + rotated(x) sin, on tensors of batch x heads x sequence x dimension.
struct MatchedRope {
  mlir::Value input;
  mlir::Value cosines, sines; ///< batch x sequence x dimension
};

/// One attention of a decoder: softmax(scale q k + mask) v, where k and v are
/// the past ones followed by the new ones.
struct MatchedAttention {
  mlir::Value queries;              ///< rows x (heads dimension), without rope
  mlir::Value keys, values;         ///< the new ones, rows x (heads dimension)
  mlir::Value pastKeys, pastValues; ///< batch x heads x past x dimension
  std::optional<MatchedRope> queryRope, keyRope;
  mlir::Value mask; ///< added to the scores, or i1; null: none
  double scale = 1;
  int64_t headDim = 0;
};

/// Matches `value`, a matrix of rows of heads side by side. Null: it is
/// something else.
std::optional<MatchedAttention> matchAttention(mlir::Value value);

/// Makes of each layer of @forward a function, as the importer of checkpoints
/// does. False, and nothing changed: layers do not follow each other, or one of
/// them reads what is inside another.
bool splitLayers(mlir::func::FuncOp forward);

} // namespace lqc

#endif // LQC_PASSES_SIMPLIFY_DECODERMATCH_H
