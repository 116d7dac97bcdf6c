//===- KeptColumns.h - GPTQ around columns that stay float ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Some columns P of a linear's weights are not rounded (its most salient input
// channels), the rest R is. As P may hold any number, it can take back what
// rounding R did wrong. With W the weights, Q the rounded ones, V what is kept
// and H the Hessian of the whole input (see Gptq.h), the error
//
//   tr(E H E^T),   E = (W_R - Q_R, W_P - V)
//
// is least, whatever Q_R is, for
//
//   V = W_P + (W_R - Q_R) H_RP inverse(H_PP)
//
// and what is left then depends on Q_R alone:
//
//   tr((W_R - Q_R) S (W_R - Q_R)^T),   S = H_RR - H_RP inverse(H_PP) H_PR
//
// So Q_R is found by GPTQ with the Schur complement S in place of H, which
// knows that P will answer, and V afterwards. That is what GPTQ's loop does if
// P comes last in its order and is not rounded; but here the fit of scales and
// the descent know of it too.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_KEPTCOLUMNS_H
#define LQC_NUMERICS_KEPTCOLUMNS_H

#include "lqc/Numerics/Gptq.h"

namespace lqc {

/// What the linears of one input share if it keeps columns.
struct KeptFactor {
  std::vector<int64_t> kept; ///< P, ascending
  HessianFactor whole;       ///< of H; its `hessian` is not needed and empty
  std::vector<float> answer; ///< H_:P inverse(H_PP) (columns, kept)
  HessianFactor rest;        ///< of S: channels of P count as never seen
};

/// Factorises H (columns, columns) around the columns `kept`. Errors: those of
/// factorise().
llvm::Expected<KeptFactor> factoriseKeeping(llvm::ArrayRef<int64_t> kept,
                                            llvm::ArrayRef<float> gram,
                                            int64_t columns,
                                            const GptqOptions &options);

struct KeptResult {
  QuantizedTensor codes;   ///< (rows, columns); those of zero in kept columns
  std::vector<float> kept; ///< V (rows, number of kept columns)
  double squaredError = 0; ///< as in GptqResult, for both together
};

/// Rounds `weights` (rows x columns, row-major) but for the kept columns, which
/// are fitted to the rest. Errors: those of gptq().
llvm::Expected<KeptResult> gptqKeeping(llvm::ArrayRef<float> weights,
                                       int64_t rows, const Scheme &scheme,
                                       const KeptFactor &factor,
                                       const InputMoments &moments,
                                       const GptqOptions &options);

/// The same for an input with one linear; also the errors of
/// factoriseKeeping().
llvm::Expected<KeptResult>
gptqKeeping(llvm::ArrayRef<int64_t> kept, llvm::ArrayRef<float> weights,
            int64_t rows, int64_t columns, const Scheme &scheme,
            const InputMoments &moments, const GptqOptions &options);

} // namespace lqc

#endif // LQC_NUMERICS_KEPTCOLUMNS_H
