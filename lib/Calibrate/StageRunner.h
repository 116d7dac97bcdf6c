//===- StageRunner.h - a model, run as far as wanted ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a walk over the stages needs to know of how a model is run: layers of a
// language model by the kernels of executables (ModelRunner), any other graph
// by the interpreter (GraphRunner).
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_CALIBRATE_STAGERUNNER_H
#define LQC_LIB_CALIBRATE_STAGERUNNER_H

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Interpreter/WeightStore.h"

#include "llvm/Support/Error.h"

#include <functional>

namespace lqc {

/// Linears that read the same input, and that input.
struct Stage {
  llvm::SmallVector<LinearOp> linears; ///< in the order of the IR
  mlir::Value input;
  int64_t columns = 0;
  /// What the outputs of the one linear are added to, or null.
  mlir::Value residual;

  explicit operator bool() const { return !linears.empty(); }
};

using IsWanted = std::function<bool(LinearOp)>;

/// The stage of a linear that `isWanted`: with the wanted linears that read the
/// same input.
Stage stageAt(LinearOp linear, const IsWanted &isWanted);

/// The weight that is read. Error: "no weight is called @NAME".
llvm::Expected<WeightOp> weightOf(GetWeightOp read, WeightStore &weights);

/// The numbers of a matrix. Errors: those of the store; one that is not finite.
llvm::Expected<TensorValue> readMatrix(WeightOp weight, WeightStore &weights);

/// Runs a model on samples.
class StageRunner {
public:
  virtual ~StageRunner() = default;

  /// Runs all samples until a linear that `isWanted`, and gives its stage. An
  /// empty stage: there is none any more.
  virtual llvm::Expected<Stage> advance(const IsWanted &isWanted) = 0;

  virtual int64_t samples() const = 0;

  /// The rows of one sample of the stage's input or residual.
  virtual llvm::ArrayRef<float> rows(mlir::Value value, int64_t sample) = 0;

  /// Divides each channel of a value's rows by its scale.
  virtual void divideChannels(mlir::Value value,
                              llvm::ArrayRef<float> scales) = 0;
};

} // namespace lqc

#endif // LQC_LIB_CALIBRATE_STAGERUNNER_H
