//===- Calibrate.cpp - walking a model's layers to measure them -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"

#include "lib/Calibrate/GraphRunner.h"
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
  LiveStatistics(StageRunner &runner, const CalibrationOptions &options)
      : runner(runner), options(options) {}

  /// Takes the statistics of a stage's input.
  llvm::Error measure(const Stage &stage, const CalibrationStage &description);
  /// Adds those of the same stage of the float model, run by `reference`.
  void measureDrift(const Stage &same, StageRunner &reference);
  const InputStatistics &current() const { return statistics; }

  llvm::Expected<const InputStatistics *> inputOf(StringRef weight) override {
    return llvm::is_contained(linears, weight) ? &statistics : nullptr;
  }
  llvm::Error divideChannels(StringRef weight, ArrayRef<float> scales) override;

private:
  StageRunner &runner;
  const CalibrationOptions &options;
  Stage stage;
  std::vector<std::string> linears;
  InputStatistics statistics;
};
} // namespace

/// Fails at the first number that is not finite.
static llvm::Error checkActivations(ArrayRef<float> rows, int64_t columns,
                                    StringRef input, int64_t sample) {
  for (auto [index, value] : llvm::enumerate(rows))
    if (!std::isfinite(value))
      return makeError("activations must be finite: the input of {0} is {1} in "
                       "channel {2} of row {3} of sample {4}",
                       quote(input), std::isnan(value) ? "nan" : "infinite",
                       int64_t(index) % columns, int64_t(index) / columns,
                       sample);
  return llvm::Error::success();
}

llvm::Error LiveStatistics::measure(const Stage &next,
                                    const CalibrationStage &description) {
  stage = next;
  linears = description.linears;
  statistics = InputStatistics(stage.columns, options.withGram);
  for (int64_t sample = 0; sample < runner.samples(); ++sample) {
    ArrayRef<float> rows = runner.rows(stage.input, sample);
    if (llvm::Error error =
            checkActivations(rows, stage.columns, description.input, sample))
      return error;
    statistics.add(rows, int64_t(rows.size()) / stage.columns, options.threads);
  }
  statistics.finish();
  return llvm::Error::success();
}

void LiveStatistics::measureDrift(const Stage &same, StageRunner &reference) {
  const int64_t columns = stage.columns;
  assert(same.columns == columns && "both models have the same stages");
  statistics.drift.resize(columns * columns);
  int64_t outputs = 0;
  if (stage.residual)
    outputs = cast<RankedTensorType>(stage.residual.getType()).getDimSize(1);
  statistics.residual.resize(outputs * columns);
  auto addDifference = [&](Value there, Value here, int64_t width,
                           int64_t sample, std::vector<float> &moments) {
    std::vector<float> difference = reference.rows(there, sample).vec();
    for (auto [wanted, now] : llvm::zip(difference, runner.rows(here, sample)))
      wanted -= now;
    addProduct(difference, width, runner.rows(stage.input, sample), columns,
               int64_t(difference.size()) / width, moments, Precision::BFloat,
               options.threads);
  };
  for (int64_t sample = 0; sample < runner.samples(); ++sample) {
    addDifference(same.input, stage.input, columns, sample, statistics.drift);
    if (outputs)
      addDifference(same.residual, stage.residual, outputs, sample,
                    statistics.residual);
  }
}

llvm::Error LiveStatistics::divideChannels(StringRef weight,
                                           ArrayRef<float> scales) {
  if (!llvm::is_contained(linears, weight))
    return llvm::Error::success();
  statistics.divideChannels(scales);
  runner.divideChannels(stage.input, scales);
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
static int64_t countStages(ModuleOp module, const IsWanted &wanted) {
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
/// Makes runners on the same data.
class Runners {
public:
  static llvm::Expected<Runners>
  create(MLIRContext *context, const CalibrationData &data, unsigned threads);

  std::unique_ptr<StageRunner>
  make(ModuleOp module, WeightStore &weights,
       Precision precision = Precision::Float) const {
    if (const GraphSamples *samples = std::get_if<GraphSamples>(&data))
      return std::make_unique<GraphRunner>(module, weights, *samples, threads,
                                           precision);
    return std::make_unique<ModelRunner>(module, weights, *jit, *pool,
                                         std::get<CalibrationWindows>(data),
                                         precision);
  }

private:
  Runners(const CalibrationData &data, unsigned threads)
      : data(data), threads(threads) {}

  const CalibrationData &data;
  const unsigned threads;
  std::unique_ptr<KernelJit> jit; ///< of a language model
  std::unique_ptr<lqc_pool> pool;
};
} // namespace

llvm::Expected<Runners> Runners::create(MLIRContext *context,
                                        const CalibrationData &data,
                                        unsigned threads) {
  Runners runners(data, threads);
  if (std::holds_alternative<GraphSamples>(data))
    return std::move(runners);
  auto jit = KernelJit::create(context);
  if (!jit)
    return jit.takeError();
  runners.jit = std::move(*jit);
  std::string error;
  runners.pool = lqc_pool::create(int(threads), error);
  if (!runners.pool)
    return makeError("{0}", error);
  return std::move(runners);
}

namespace {
/// The model as it was before the walk, run beside it.
struct FloatModel {
  FloatModel(ModuleOp original, const WeightStore &weights,
             const Runners &runners, unsigned threads)
      : module(original.clone()), store(*module, weights.root().str(), threads),
        runner(runners.make(*module, store, Precision::BFloat)) {}

  /// Runs up to the next stage, which may be long before its turn: nothing
  /// changes here.
  llvm::Error advance(llvm::function_ref<bool(StringRef)> isWanted) {
    llvm::Expected<Stage> next = runner->advance(
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
  std::unique_ptr<StageRunner> runner;
  Stage stage; ///< that it has run up to
};
} // namespace

llvm::Error lqc::walkStages(ModuleOp module, WeightStore &weights,
                            const CalibrationData &data,
                            const CalibrationOptions &options,
                            llvm::function_ref<bool(StringRef)> isWanted,
                            StageWork work) {
  llvm::Expected<Runners> runners =
      Runners::create(module.getContext(), data, options.threads);
  if (!runners)
    return runners.takeError();
  std::unique_ptr<StageRunner> runner = runners->make(module, weights);
  std::optional<FloatModel> reference;
  if (options.withDrift) {
    reference.emplace(module, weights, *runners, options.threads);
    if (llvm::Error error = reference->advance(isWanted))
      return error;
  }
  LiveStatistics live(*runner, options);
  LinearNames names{weights, {}};
  auto isNext = [&](LinearOp linear) { return names.isNext(linear, isWanted); };
  CalibrationStage description;
  description.count = countStages(module, isNext);
  for (;; ++description.index) {
    llvm::Expected<Stage> stage = runner->advance(isNext);
    if (!stage)
      return stage.takeError();
    if (!*stage)
      return llvm::Error::success();
    describe(*stage, names, description);
    if (llvm::Error error = live.measure(*stage, description))
      return error;
    if (reference) {
      live.measureDrift(reference->stage, *reference->runner);
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
