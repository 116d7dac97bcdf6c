//===- ModelRunner.h - a model's layers, run as far as wanted ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs @forward and its layers on calibration windows, operation by operation,
// and stops before each group of linears that somebody wants to work on:
//
//   stage = q, k, v of layer 0     <- advance() stops here; their input, for
//   all
//   ... the caller quantizes them     windows, is inputOf(stage)
//   stage = o of layer 0           <- advance() has run q, k, v as they are now
//
// Between two stops each window goes through all operations of that stretch on
// its own; only values that are needed behind the stop are kept for all windows
// (the residual stream and the stage's input), so memory follows one layer.
//
// The IR may change between stops: what has run stays as it was, operations
// behind the stop are looked up when it is their turn. Linears run on the
// float32 values of their weights, whatever the scheme (the reference
// dequantizer), and quantized activations as the float32 values of their codes.
// The float model that runs beside, which nobody ships, may do its products in
// bf16: what that adds to its outputs does not depend on their inputs.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_CALIBRATE_MODELRUNNER_H
#define LQC_LIB_CALIBRATE_MODELRUNNER_H

#include "lib/Calibrate/KernelJit.h"
#include "lib/Calibrate/StageRunner.h"
#include "lqc/Calibrate/Calibrate.h"
#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Numerics/Dense.h"
#include "lqc/Runtime/Pool.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lqc {

class ModelRunner : public StageRunner {
public:
  /// Takes the rows (windows.length) of a window.
  using RowsSink =
      llvm::function_ref<llvm::Error(int64_t window, llvm::ArrayRef<float>)>;

  /// Everything given must outlive the runner. With Precision::BFloat, linears
  /// may be products of bf16 numbers where the machine is quicker at those.
  ModelRunner(mlir::ModuleOp module, WeightStore &weights, KernelJit &jit,
              lqc_pool &pool, const CalibrationWindows &windows,
              Precision precision = Precision::Float);
  /// The same walk at the same stop, to go on in another way.
  ModelRunner(const ModelRunner &other);
  ~ModelRunner() override;

  llvm::Expected<Stage> advance(const IsWanted &isWanted) override;

  /// Lets `linear`, which has not been run yet, run on `values` (as many as its
  /// weight has) instead of its weight.
  void substitute(LinearOp linear, std::vector<float> values);

  /// Runs to the end and gives the logits, window by window; they are not kept.
  llvm::Error finish(RowsSink take);

  int64_t samples() const override { return windows.count; }
  llvm::ArrayRef<float> rows(mlir::Value value, int64_t window) override;
  void divideChannels(mlir::Value value, llvm::ArrayRef<float> scales) override;

private:
  /// Where the walk through the functions is.
  struct Frame {
    mlir::Block *block;
    mlir::func::CallOp call; ///< null for @forward
  };
  struct Step; // an operation ready to run
  struct Slot; // where a value's rows are

  llvm::Error start();
  llvm::Expected<Stage> collect(const IsWanted &isWanted,
                                llvm::SmallVectorImpl<mlir::Operation *> &ops);
  void enter(mlir::func::CallOp call, mlir::func::FuncOp callee);
  void leave();
  mlir::Value resolve(mlir::Value value) const;
  bool isNeededLater(mlir::Value value) const;

  llvm::Error run(llvm::ArrayRef<mlir::Operation *> ops, RowsSink take = {},
                  mlir::Value taken = {});
  llvm::Error prepare(mlir::Operation *op, Step &step);
  llvm::Error addOperand(mlir::Operation *op, mlir::Value operand, Step &step);
  llvm::Error addWeight(mlir::Operation *op, GetWeightOp read, Step &step);
  llvm::Expected<std::vector<float>> matrixOf(mlir::Operation *op,
                                              WeightOp weight);
  bool roundsFactors(mlir::Operation *op) const;
  llvm::Error packFactor(LinearOp op, Step &step);
  llvm::Error runStep(Step &step, int64_t window);
  void runProduct(const Step &step, int64_t window);
  llvm::Error prepareEmbedding(EmbeddingOp op, Step &step);
  llvm::Error runEmbedding(EmbeddingOp op, const Step &step, int64_t window);
  llvm::Expected<std::vector<float>> scalesOf(QuantizeOp op);
  llvm::Error runQuantize(QuantizeOp op, const Step &step, int64_t window);
  char *address(mlir::Value value, int64_t window);
  void place(mlir::Value value);
  llvm::SmallVector<mlir::Value> deadValues() const;
  mlir::Type sized(mlir::Type type) const;

  mlir::ModuleOp module;
  WeightStore &weights;
  KernelJit &jit;
  lqc_pool &pool;
  const CalibrationWindows &windows;
  const Precision precision;
  llvm::SmallVector<Frame> frames;
  bool isStarted = false;
  llvm::DenseSet<mlir::Operation *> done;
  llvm::DenseMap<mlir::Value, mlir::Value> aliases;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value, 2>> namesOf;
  llvm::DenseMap<mlir::Value, std::unique_ptr<Slot>> slots;
  llvm::DenseMap<mlir::Operation *, std::vector<float>> substitutes;
  std::vector<int32_t> positions, sequence; ///< (length): 0, 1, ... and zeros
  std::vector<char> cache;                  ///< one layer, one window
  mlir::Value tokenArgument, positionArgument, slotArgument, cacheArgument;
};

} // namespace lqc

#endif // LQC_LIB_CALIBRATE_MODELRUNNER_H
