//===- Calibrate.cpp - lqc calibrate --------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Calibration.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/OutputFile.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/GlobPattern.h"

using namespace mlir;
using namespace lqc;

namespace {
/// One run of lqc calibrate.
class Calibrator {
public:
  Calibrator(const CalibrateOptions &options, unsigned threads,
             llvm::raw_ostream &out)
      : options(options), out(out), session(threads, /*showRemarks=*/false) {}

  llvm::Error run();

private:
  llvm::Error checkOptions();
  llvm::Error load();
  llvm::Error measure();
  bool keepsHessian(const CalibrationStage &stage) const;
  void report() const;

  const CalibrateOptions &options;
  llvm::raw_ostream &out;
  Session session;
  CalibrationPlan plan;
  std::optional<llvm::GlobPattern> hessians;
  Model model;
  StatisticsTable table;
};
} // namespace

llvm::Error Calibrator::checkOptions() {
  if (options.calibrate.text.empty())
    return errorWithHint("lqc calibrate needs a text", "--text=FILE");
  if (options.output.empty() || options.output == "-")
    return errorWithHint("lqc calibrate needs a file to write",
                         "-o stats.safetensors");
  if (llvm::Error error = checkOutputFile(options.output))
    return error;
  llvm::Expected<CalibrationPlan> made = planCalibration(options.calibrate);
  if (!made)
    return made.takeError();
  plan = *made;
  if (options.keepHessians.empty())
    return llvm::Error::success();
  auto pattern = llvm::GlobPattern::create(options.keepHessians);
  if (!pattern)
    return prefixError("--keep-hessians", pattern.takeError());
  hessians = std::move(*pattern);
  return llvm::Error::success();
}

/// The float model, as methods find it: after simplify.
llvm::Error Calibrator::load() {
  ModelOptions modelOptions;
  modelOptions.model = options.model;
  modelOptions.context = options.context;
  modelOptions.compileTo = "simplify";
  llvm::Expected<Plan> phases =
      makePlan(session, modelOptions, Phase::Simplify);
  if (!phases)
    return phases.takeError();
  llvm::Expected<Model> loaded = loadModel(session, modelOptions, *phases);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  if (llvm::Error error =
          checkNoInput(options.output, model, {options.calibrate.text}))
    return error;
  return runPhase(session, model, Phase::Simplify, *phases, modelOptions);
}

bool Calibrator::keepsHessian(const CalibrationStage &stage) const {
  return hessians && llvm::any_of(stage.linears, [&](const std::string &name) {
           return hessians->match(name);
         });
}

llvm::Error Calibrator::measure() {
  llvm::Expected<CalibrationWindows> windows =
      readWindows(model, plan, options.model);
  if (!windows)
    return windows.takeError();
  WeightStore store(*model.module, model.root, session.threads());
  CalibrationOptions calibration;
  calibration.threads =
      session.threads() ? session.threads() : hardwareThreads();
  calibration.withGram = hessians.has_value();
  llvm::StringMap<uint64_t> bytes;
  uint64_t total = 0;
  (*model.module)->walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (!read || linear.readsKeptColumns() ||
        !linear->getParentOp()->hasAttr(kLayerAttrName))
      return;
    bytes[read.getWeight()] = weightBytes(linear.getWeight().getType());
    total += bytes[read.getWeight()];
  });
  Progress progress("calibrate", total);
  table.model = fingerprintOf(*model.module);
  auto work = [&](const CalibrationStage &stage, StatisticsSource &,
                  const InputStatistics &measured) {
    progress.setItem(stage.input);
    InputStatistics kept = measured;
    if (!keepsHessian(stage))
      kept.gram.clear();
    table.inputs.emplace(stage.input, std::move(kept));
    for (const std::string &linear : stage.linears) {
      table.readers[linear] = stage.input;
      progress.advance(bytes.lookup(linear));
    }
    return llvm::Error::success();
  };
  return walkStages(
      *model.module, store, *windows, calibration,
      [&](StringRef linear) { return bytes.contains(linear); }, work);
}

void Calibrator::report() const {
  int64_t hessianCount = llvm::count_if(table.inputs, [](const auto &input) {
    return !input.second.gram.empty();
  });
  int64_t tokens =
      table.inputs.empty() ? 0 : table.inputs.begin()->second.tokens;
  uint64_t size = 0;
  (void)llvm::sys::fs::file_size(options.output, size);
  out << "wrote " << options.output << " (" << table.inputs.size()
      << " inputs of " << table.readers.size() << " linears, " << hessianCount
      << " with Hessians, " << tokens << " tokens, " << formatBytes(size)
      << ")\n";
}

llvm::Error Calibrator::run() {
  if (llvm::Error error = checkOptions())
    return error;
  if (llvm::Error error = load())
    return error;
  if (llvm::Error error = measure())
    return error;
  if (llvm::Error error = writeStatistics(table, options.output))
    return error;
  report();
  return llvm::Error::success();
}

llvm::Error lqc::calibrate(const CalibrateOptions &options,
                           llvm::raw_ostream &out) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  return Calibrator(options, *threads, out).run();
}
