//===- GraphRunner.h - a graph, run as far as wanted ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs @main of a graph and stops as ModelRunner does: in the interpreter,
// which knows every operation that a graph may have, but for linears, which
// would take most of its time. Between two stops each sample goes through the
// operations on its own; of the values it has, those that are read behind the
// stop are kept. Patches of images, which are many times as large as these, are
// not: they are made again for whoever asks. Linears in the regions of other
// operations (a loop's body) are run with these, and are no stages.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_CALIBRATE_GRAPHRUNNER_H
#define LQC_LIB_CALIBRATE_GRAPHRUNNER_H

#include "lib/Calibrate/StageRunner.h"
#include "lqc/Calibrate/Calibrate.h"
#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Numerics/Dense.h"

namespace lqc {

class GraphRunner : public StageRunner {
public:
  /// Everything given must outlive the runner.
  GraphRunner(mlir::ModuleOp module, WeightStore &weights,
              const GraphSamples &data, unsigned threads,
              Precision precision = Precision::Float);

  llvm::Expected<Stage> advance(const IsWanted &isWanted) override;
  int64_t samples() const override { return int64_t(data.inputs.size()); }
  llvm::ArrayRef<float> rows(mlir::Value value, int64_t sample) override;
  void divideChannels(mlir::Value value, llvm::ArrayRef<float> scales) override;

private:
  /// Operations for the interpreter, and a linear behind them, or null.
  struct Part {
    llvm::SmallVector<mlir::Operation *> ops;
    LinearOp linear;
    std::optional<PackedFactor> factor;
  };

  llvm::Error start();
  Stage collect(const IsWanted &isWanted,
                llvm::SmallVectorImpl<mlir::Operation *> &ops);
  llvm::Error run(llvm::ArrayRef<mlir::Operation *> ops);
  llvm::Expected<std::vector<Part>>
  prepare(llvm::ArrayRef<mlir::Operation *> ops);
  llvm::Error runParts(llvm::ArrayRef<Part> parts, Interpreter &interpreter,
                       Interpreter::Bindings &bindings) const;
  bool isNeededLater(mlir::Value value) const;

  mlir::ModuleOp module;
  WeightStore &weights;
  const GraphSamples &data;
  const unsigned threads;
  const Precision precision;
  mlir::Block *block = nullptr; ///< of @main
  llvm::DenseSet<mlir::Operation *> done;
  std::vector<Interpreter::Bindings> values; ///< of each sample
  /// Patches that were asked for last, and of which sample.
  TensorValue patches;
  std::pair<mlir::Value, int64_t> patchesOf;
};

} // namespace lqc

#endif // LQC_LIB_CALIBRATE_GRAPHRUNNER_H
