//===- Calibrate.h - walking a model's layers to measure them ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The live source of statistics. The layers are walked in order, and in each
// layer its stages: linears that read the same input (q, k and v; o; gate and
// up; down). A graph that is no language model is walked like one layer. At
// each stage
//
//   1. the layers so far are run, as they are by now, on all calibration
//      samples, up to the stage's input;
//   2. the input's statistics are taken;
//   3. the caller works on the stage (and may change its weights, or rescale
//      the input's channels);
//   4. the statistics are dropped.
//
// So a method sees what the already quantized linears really produce, each
// linear runs once, and memory is the activations of one layer and one Hessian
// (of a graph: the values that are read behind the stage).
//
//===----------------------------------------------------------------------===//

#ifndef LQC_CALIBRATE_CALIBRATE_H
#define LQC_CALIBRATE_CALIBRATE_H

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Statistics/Statistics.h"

#include <variant>

namespace lqc {

/// Token ids of `count` windows of `length` each.
struct CalibrationWindows {
  int64_t count = 0;
  int64_t length = 0;
  std::vector<int32_t> tokens; ///< (count, length)
};

/// `samples` windows of `length` tokens, drawn by `seed` from the whole text,
/// with replacement. A text shorter than `length` gives one window, itself.
/// Error if the text has no token.
llvm::Expected<CalibrationWindows> drawWindows(llvm::ArrayRef<int32_t> text,
                                               int64_t samples, int64_t length,
                                               uint64_t seed);

/// A text in two parts.
struct SplitText {
  std::vector<int32_t> kept, heldOut;
};

/// Holds out a tenth, in pieces of whole windows of `length` tokens from up to
/// 64 places that are spread over the text: its end alone may be of another
/// kind. Of a text too short for ten windows, the last tenth of its tokens.
SplitText holdOut(llvm::ArrayRef<int32_t> text, int64_t length);

/// Windows of `length` tokens without overlap, at most `most`, spread evenly
/// over the text; what does not fill a window is left out. A text shorter than
/// `length` gives one window, itself. Error if the text has no token.
llvm::Expected<CalibrationWindows> spreadWindows(llvm::ArrayRef<int32_t> text,
                                                 int64_t most, int64_t length);

/// What a graph is run on: for each sample a value for each argument of @main.
struct GraphSamples {
  std::vector<llvm::SmallVector<TensorValue>> inputs;
};

/// What a model is calibrated on: a language model on windows of text, any
/// other graph on samples of its inputs.
using CalibrationData = std::variant<CalibrationWindows, GraphSamples>;

/// One stage of the walk.
struct CalibrationStage {
  std::string input;                ///< name of the input: its first linear
  std::vector<std::string> linears; ///< checkpoint weights, in order
  int64_t layer = 0;
  int64_t index = 0, count = 0; ///< this stage, of all
};

struct CalibrationOptions {
  bool withGram = true;   ///< take second moments as well
  bool withDrift = false; ///< run the float model beside, for its moments too
  unsigned threads = 1;
};

/// What the caller does at a stage.
using StageWork = llvm::function_ref<llvm::Error(
    const CalibrationStage &, StatisticsSource &, const InputStatistics &)>;

/// Walks the stages of `module` (at the model level) on `data`. `isWanted`
/// says whether a linear, by the checkpoint's weight, makes a stage; it is
/// asked again after each stage, and each linear is given once. `work` may
/// change the module and must say so to the store (clear()).
///
/// Errors: those of `work`; "activations must be finite: ..."; weights that
/// cannot be read; this machine cannot run LQC's code; what the interpreter
/// says of a graph's operation.
llvm::Error walkStages(mlir::ModuleOp module, WeightStore &weights,
                       const CalibrationData &data,
                       const CalibrationOptions &options,
                       llvm::function_ref<bool(llvm::StringRef)> isWanted,
                       StageWork work);

} // namespace lqc

#endif // LQC_CALIBRATE_CALIBRATE_H
