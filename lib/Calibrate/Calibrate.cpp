//===- Calibrate.cpp - walking a model's layers to measure them -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"

#include "lib/Calibrate/ModelRunner.h"
#include "lqc/Numerics/Dense.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

namespace {
/// The statistics of the stage at work.
class LiveStatistics : public StatisticsSource {
public:
  LiveStatistics(ModelRunner &runner, const CalibrationWindows &windows,
                 const CalibrationOptions &options)
      : runner(runner), windows(windows), options(options) {}

  /// Takes the statistics of a stage's input.
  llvm::Error measure(const Stage &stage, const CalibrationStage &description);
  /// Adds those of the same stage of the float model, run by `reference`.
  void measureDrift(const Stage &same, ModelRunner &reference);
  const InputStatistics &current() const { return statistics; }

  llvm::Expected<const InputStatistics *> inputOf(StringRef weight) override {
    return llvm::is_contained(linears, weight) ? &statistics : nullptr;
  }
  llvm::Error divideChannels(StringRef weight, ArrayRef<float> scales) override;

private:
  ModelRunner &runner;
  const CalibrationWindows &windows;
  const CalibrationOptions &options;
  Stage stage;
  std::vector<std::string> linears;
  InputStatistics statistics;
};
} // namespace

/// Fails at the first number that is not finite.
static llvm::Error checkActivations(ArrayRef<float> rows, int64_t columns,
                                    StringRef input, int64_t window) {
  for (auto [index, value] : llvm::enumerate(rows))
    if (!std::isfinite(value))
      return makeError("activations must be finite: the input of {0} is {1} in "
                       "channel {2} of token {3} of window {4}",
                       quote(input), std::isnan(value) ? "nan" : "infinite",
                       int64_t(index) % columns, int64_t(index) / columns,
                       window);
  return llvm::Error::success();
}

llvm::Error LiveStatistics::measure(const Stage &next,
                                    const CalibrationStage &description) {
  stage = next;
  linears = description.linears;
  statistics = InputStatistics(stage.columns, options.withGram);
  for (int64_t window = 0; window < windows.count; ++window) {
    ArrayRef<float> rows = runner.rows(stage.input, window);
    if (llvm::Error error =
            checkActivations(rows, stage.columns, description.input, window))
      return error;
    statistics.add(rows, windows.length, options.threads);
  }
  statistics.finish();
  return llvm::Error::success();
}

void LiveStatistics::measureDrift(const Stage &same, ModelRunner &reference) {
  const int64_t columns = stage.columns;
  assert(same.columns == columns && "both models have the same stages");
  statistics.drift.resize(columns * columns);
  int64_t outputs = 0;
  if (stage.residual)
    outputs = cast<RankedTensorType>(stage.residual.getType()).getDimSize(1);
  statistics.residual.resize(outputs * columns);
  auto addDifference = [&](Value there, Value here, int64_t width,
                           int64_t window, std::vector<float> &moments) {
    std::vector<float> difference = reference.rows(there, window).vec();
    for (auto [wanted, now] : llvm::zip(difference, runner.rows(here, window)))
      wanted -= now;
    addProduct(difference, width, runner.rows(stage.input, window), columns,
               windows.length, moments, Precision::BFloat, options.threads);
  };
  for (int64_t window = 0; window < windows.count; ++window) {
    addDifference(same.input, stage.input, columns, window, statistics.drift);
    if (outputs)
      addDifference(same.residual, stage.residual, outputs, window,
                    statistics.residual);
  }
}

llvm::Error LiveStatistics::divideChannels(StringRef weight,
                                           ArrayRef<float> scales) {
  if (!llvm::is_contained(linears, weight))
    return llvm::Error::success();
  statistics.divideChannels(scales);
  for (int64_t window = 0; window < windows.count; ++window) {
    MutableArrayRef<float> rows = runner.rows(stage.input, window);
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i] /= scales[i % scales.size()];
  }
  return llvm::Error::success();
}

namespace {
/// Names linears by the checkpoint's weights; each is given once.
struct LinearNames {
  WeightStore &weights;
  llvm::StringSet<> visited;

  /// Empty: none, or only a part of one.
  StringRef of(LinearOp linear) const {
    if (linear.readsKeptColumns())
      return {};
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    WeightOp weight = read ? weights.find(read.getWeight()) : WeightOp();
    return weight ? checkpointWeight(weight) : StringRef();
  }
  bool isNext(LinearOp linear,
              llvm::function_ref<bool(StringRef)> isWanted) const {
    StringRef name = of(linear);
    return !name.empty() && !visited.contains(name) && isWanted(name);
  }
};
} // namespace

/// How many inputs the wanted linears read.
static int64_t countStages(ModuleOp module,
                           const ModelRunner::IsWanted &wanted) {
  llvm::DenseSet<Value> inputs;
  module.walk([&](LinearOp linear) {
    if (wanted(linear))
      inputs.insert(linear.getInput());
  });
  return inputs.size();
}

/// Names the linears of a stage, their layer and their input.
static void describe(const Stage &stage, const LinearNames &names,
                     CalibrationStage &description) {
  description.linears.clear();
  for (LinearOp linear : stage.linears)
    description.linears.push_back(names.of(linear).str());
  description.input = description.linears.front();
  func::FuncOp function =
      stage.linears.front()->getParentOfType<func::FuncOp>();
  if (IntegerAttr layer = function->getAttrOfType<IntegerAttr>(kLayerAttrName))
    description.layer = layer.getInt();
}

namespace {
/// The model as it was before the walk, run beside it.
struct FloatModel {
  FloatModel(ModuleOp original, const WeightStore &weights, KernelJit &jit,
             lqc_pool &pool, const CalibrationWindows &windows)
      : module(original.clone()),
        store(*module, weights.root().str(), pool.threads()),
        runner(*module, store, jit, pool, windows, Precision::BFloat) {}

  /// Runs up to the next stage, which may be long before its turn: nothing
  /// changes here.
  llvm::Error advance(llvm::function_ref<bool(StringRef)> isWanted) {
    llvm::Expected<Stage> next = runner.advance(
        [&](LinearOp linear) { return names.isNext(linear, isWanted); });
    if (!next)
      return next.takeError();
    stage = *next;
    for (LinearOp linear : stage.linears)
      names.visited.insert(names.of(linear));
    return llvm::Error::success();
  }

  OwningOpRef<ModuleOp> module;
  WeightStore store;
  LinearNames names{store, {}};
  ModelRunner runner;
  Stage stage; ///< that it has run up to
};
} // namespace

llvm::Error lqc::walkStages(ModuleOp module, WeightStore &weights,
                            const CalibrationWindows &windows,
                            const CalibrationOptions &options,
                            llvm::function_ref<bool(StringRef)> isWanted,
                            StageWork work) {
  auto jit = KernelJit::create(module.getContext());
  if (!jit)
    return jit.takeError();
  std::string poolError;
  std::unique_ptr<lqc_pool> pool =
      lqc_pool::create(int(options.threads), poolError);
  if (!pool)
    return makeError("{0}", poolError);
  ModelRunner runner(module, weights, **jit, *pool, windows);
  std::optional<FloatModel> reference;
  if (options.withDrift) {
    reference.emplace(module, weights, **jit, *pool, windows);
    if (llvm::Error error = reference->advance(isWanted))
      return error;
  }
  LiveStatistics live(runner, windows, options);
  LinearNames names{weights, {}};
  auto isNext = [&](LinearOp linear) { return names.isNext(linear, isWanted); };
  CalibrationStage description;
  description.count = countStages(module, isNext);
  for (;; ++description.index) {
    llvm::Expected<Stage> stage = runner.advance(isNext);
    if (!stage)
      return stage.takeError();
    if (!*stage)
      return llvm::Error::success();
    describe(*stage, names, description);
    if (llvm::Error error = live.measure(*stage, description))
      return error;
    if (reference) {
      live.measureDrift(reference->stage, reference->runner);
      // At once: its next input may be much narrower than this one.
      if (llvm::Error error = reference->advance(isWanted))
        return error;
    }
    for (const std::string &name : description.linears)
      names.visited.insert(name);
    if (llvm::Error error = work(description, live, live.current()))
      return error;
  }
}
