//===- Gptq.h - rounding weights by what their inputs look like -*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ (Frantar et al. 2022): of a linear with inputs x, the error that counts
// is E|(W - Q) x|^2 = tr((W - Q) H (W - Q)^T) with the Hessian H = sum x x^T.
// Columns are rounded one after the other, and what rounding column i did wrong
// is compensated in the columns that are still to come:
//
//   U = upper Cholesky factor of inverse(H + damping)
//   for i in order:  q_i = round(w_i);  e = (w_i - q_i) / U_ii
//                    w_j -= e * U_ij   for all j > i
//
// *Activation order*: columns with a large H_ii go first, while there are most
// columns left to compensate with. *Static groups*: scales are fitted to the
// original weights before the loop, so that columns of one group may be far
// apart in the order. The clip search weighs a column's squared error by H_ii.
//
// Two things go beyond the paper:
//
// *Drift.* What was rounded before has changed the input: the float model has y
// where the linear now sees x. What its outputs should be is W y; the weights
// that come nearest to that on the new inputs are
//
//   W + (W D + R) inverse(H + damping),   D = sum (y - x) x^T
//
// with R = sum (s - t) x^T if the output is added to a sum: s in the float
// model, t now (the residual stream). So a linear repairs what those before it
// did wrong (compare GPTAQ, Li et al. 2025). These weights are what is rounded.
//
// *Descent.* GPTQ never changes its mind. Afterwards `sweeps` rounds over the
// groups look for better codes, scales and zero points under the same objective
// (lib/Numerics/GroupDescent.h).
//
// Rows are independent of each other, so results do not depend on threads.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_GPTQ_H
#define LQC_NUMERICS_GPTQ_H

#include "lqc/Numerics/QuantizedTensor.h"

namespace lqc {

struct GptqOptions {
  /// Added to the diagonal, as a part of its mean.
  double damping = 0.05;
  bool activationOrder = true;
  ClipSearch clip = ClipSearch::LeastSquares;
  int sweeps = 4; ///< of the descent; 0: plain GPTQ
  unsigned threads = 1;
};

/// What is known of a linear's input, summed over the calibration tokens.
struct InputMoments {
  llvm::ArrayRef<float> gram;     ///< H (columns, columns), symmetric
  llvm::ArrayRef<float> drift;    ///< D (columns, columns); or empty
  llvm::ArrayRef<float> residual; ///< R (rows, columns); or empty
};

/// What the linears of one input share: the Hessian and its factor.
struct HessianFactor {
  std::vector<float> importance; ///< (columns): H_ii
  std::vector<int64_t> order;    ///< column of each place
  std::vector<float> hessian;    ///< H (columns, columns), damped
  std::vector<float> upper;      ///< U (columns, columns), in that order

  int64_t columns() const { return importance.size(); }
};

/// Damps and factorises H (columns, columns), for damping, order and threads of
/// `options`. Error: "the Hessian must be positive definite" if it is not even
/// with a thousand times the damping.
llvm::Expected<HessianFactor> factorise(llvm::ArrayRef<float> gram,
                                        int64_t columns,
                                        const GptqOptions &options);

/// weights += (weights D + R) inverse(H), see the top of this file; nothing
/// without drift. `weights` is rows x columns.
void correctDrift(llvm::MutableArrayRef<float> weights, int64_t rows,
                  const HessianFactor &factor, const InputMoments &moments,
                  unsigned threads);

struct GptqResult {
  QuantizedTensor codes;
  /// tr((W - Q) H (W - Q)^T), W the weights that were rounded: of all outputs,
  /// summed over the tokens; the damping counts as a little noise.
  double squaredError = 0;
};

/// Rounds `weights` (rows x columns, row-major), given the factor of the
/// moments' H.
///
/// A channel that was never anything but zero (H_ii = 0) gets weights of zero:
/// whatever they are, they do not count.
///
/// Errors, one clause: the dimensions do not fit the scheme; a weight or a
/// scale cannot be used (see quantize()).
llvm::Expected<GptqResult> gptq(llvm::ArrayRef<float> weights, int64_t rows,
                                const Scheme &scheme,
                                const HessianFactor &factor,
                                const InputMoments &moments,
                                const GptqOptions &options);

/// The same for an input with one linear; also the errors of factorise().
llvm::Expected<GptqResult> gptq(llvm::ArrayRef<float> weights, int64_t rows,
                                int64_t columns, const Scheme &scheme,
                                const InputMoments &moments,
                                const GptqOptions &options);

} // namespace lqc

#endif // LQC_NUMERICS_GPTQ_H
