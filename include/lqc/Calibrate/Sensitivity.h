//===- Sensitivity.h - what rounding a weight costs -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both functions run a model's layers on windows of text, as calibration does,
// to the logits, and compare those of two models: the KL divergence of the
// model's distribution from the reference's, in nats a token.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_CALIBRATE_SENSITIVITY_H
#define LQC_CALIBRATE_SENSITIVITY_H

#include "lqc/Calibrate/Calibrate.h"
#include "lqc/Numerics/Scheme.h"
#include "lqc/Quality/Quality.h"

namespace lqc {

/// A module at the model level and its weights.
struct RunnableModel {
  mlir::ModuleOp module;
  WeightStore &weights;
};

struct DivergenceOptions {
  unsigned threads = 1; ///< no result depends on it
  /// Called with the number of tokens that were compared; may be null.
  llvm::function_ref<void(uint64_t)> progress = nullptr;
};

/// The mean KL divergence of `candidate` from `reference` over all tokens of
/// the windows, and its interval with windows as independent blocks. Memory:
/// some hundred megabytes of the reference's logits at a time.
///
/// Errors: weights that cannot be read; "logits must be finite"; this machine
/// cannot run LQC's code.
llvm::Expected<Figure> measureDivergence(RunnableModel reference,
                                         RunnableModel candidate,
                                         const CalibrationWindows &windows,
                                         const DivergenceOptions &options);

/// What a weight of a layer loses in each of some schemes.
struct Sensitivity {
  std::string weight;     ///< its symbol
  std::vector<double> kl; ///< nats a token, for each scheme
};

struct SensitivityOptions {
  unsigned threads = 1; ///< no result depends on it
  /// The schemes a linear's weight could get, in any order; none: skip it.
  llvm::function_ref<llvm::SmallVector<Scheme>(LinearOp)> choicesOf;
  /// Called with the symbol of a weight that was worked on; may be null.
  llvm::function_ref<void(llvm::StringRef)> progress = nullptr;
};

/// For each linear of a layer with choices: the divergence that rounding its
/// weight alone, to the nearest codes of each scheme, causes.
///
/// The squared error of the linear's outputs follows from the weight and the
/// mean squares of its inputs:
///
///   E(s) = sum_rj (w_rj - q_rj(s))^2 mean x_j^2
///
/// (rounding errors of different columns are as good as independent, so the
/// rest of the second moments adds nothing). How much divergence an output
/// error causes is measured, by running the rest of the model with the weight
/// rounded to the scheme of largest error, and to one of about a sixteenth of
/// it. Between the two log KL is linear in log E, below KL is proportional to
/// E.
///
/// Errors as those of measureDivergence; weights that are not finite.
llvm::Expected<std::vector<Sensitivity>>
measureSensitivities(RunnableModel model, const CalibrationWindows &windows,
                     const SensitivityOptions &options);

} // namespace lqc

#endif // LQC_CALIBRATE_SENSITIVITY_H
