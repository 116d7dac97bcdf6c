//===- Calibrate.cpp - lqc calibrate --------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Calibration.h"
#include "lib/Driver/CalibrationParts.h"
#include "lqc/Import/Safetensors/Checkpoint.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/OutputFile.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"
#include "passes/Quantize/SchemePolicy.h"

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
  uint64_t findLinears();
  llvm::Error openParts(const CalibrationData &data);
  llvm::Error addInput(const CalibrationStage &stage,
                       const InputStatistics &measured);
  llvm::Error measure();
  bool keepsHessian(const CalibrationStage &stage) const;
  llvm::Error report() const;

  const CalibrateOptions &options;
  llvm::raw_ostream &out;
  Session session;
  CalibrationPlan plan;
  std::optional<llvm::GlobPattern> hessians;
  Model model;
  llvm::StringMap<uint64_t> bytes; ///< of each weight that is measured
  std::optional<CalibrationParts> parts;
  CalibrationRecord record;
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
  modelOptions.compileFrom = options.compileFrom;
  // A plan needs some phase behind the first; it is not run.
  const bool isSimplified = options.compileFrom == phaseName(Phase::Simplify);
  modelOptions.compileTo = isSimplified ? "quantize" : "simplify";
  llvm::Expected<Plan> phases =
      makePlan(session, modelOptions, Phase::Simplify);
  if (!phases)
    return phases.takeError();
  llvm::Expected<Model> loaded = loadModel(session, modelOptions, *phases);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  if (llvm::Error error = checkNoInput(options.output, model,
                                       {options.model, options.calibrate.text}))
    return error;
  if (isSimplified)
    return llvm::Error::success();
  return runPhase(session, model, Phase::Simplify, *phases, modelOptions);
}

bool Calibrator::keepsHessian(const CalibrationStage &stage) const {
  return hessians && llvm::any_of(stage.linears, [&](const std::string &name) {
           return hessians->match(name);
         });
}

/// Bytes of each weight that is to be measured, and of all of them.
uint64_t Calibrator::findLinears() {
  uint64_t total = 0;
  SymbolTable symbols(*model.module);
  (*model.module)->walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (!read || linear.readsKeptColumns() || !isInLayer(linear))
      return;
    WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
    uint64_t size = weightBytes(linear.getWeight().getType());
    bytes[checkpointWeight(weight)] += size;
    total += size;
  });
  return total;
}

static void hashTokens(const CalibrationWindows &windows,
                       ContentHasher &hasher) {
  const char *tokens = reinterpret_cast<const char *>(windows.tokens.data());
  hasher.update(ArrayRef(tokens, windows.tokens.size() * sizeof(int32_t)));
}

/// Shapes and elements, in their order.
static void hashInputs(const GraphSamples &samples, ContentHasher &hasher) {
  auto update = [&](const auto &numbers) {
    const char *bytes = reinterpret_cast<const char *>(numbers.data());
    hasher.update(ArrayRef(bytes, numbers.size() * sizeof(numbers[0])));
  };
  for (ArrayRef<TensorValue> sample : samples.inputs)
    for (const TensorValue &input : sample) {
      update(input.shape());
      if (input.kind() == TensorValue::Kind::Integer)
        update(input.integers());
      else
        update(input.floats());
    }
}

/// What the data was, for a file that says so. Graphs have no length.
static CalibrationRecord recordOf(const CalibrationData &data,
                                  const CalibrationPlan &plan,
                                  StringRef hessians) {
  ContentHasher hasher;
  CalibrationRecord record;
  record.seed = plan.seed;
  record.hessians = hessians.str();
  if (const auto *windows = std::get_if<CalibrationWindows>(&data)) {
    hashTokens(*windows, hasher);
    record.samples = windows->count;
    record.length = windows->length;
  } else {
    const GraphSamples &samples = std::get<GraphSamples>(data);
    hashInputs(samples, hasher);
    record.samples = int64_t(samples.inputs.size());
  }
  record.text = hasher.digits();
  return record;
}

llvm::Error Calibrator::openParts(const CalibrationData &data) {
  record = recordOf(data, plan, options.keepHessians);
  llvm::Expected<CalibrationParts> opened = CalibrationParts::open(
      options.output, fingerprintOf(*model.module), record);
  if (!opened)
    return opened.takeError();
  parts.emplace(std::move(*opened));
  if (parts->count())
    out << "going on behind " << parts->count()
        << " inputs of an earlier run\n";
  return llvm::Error::success();
}

llvm::Error Calibrator::addInput(const CalibrationStage &stage,
                                 const InputStatistics &measured) {
  if (keepsHessian(stage))
    return parts->add(measured, stage.linears);
  InputStatistics kept = measured;
  kept.gram.clear();
  return parts->add(kept, stage.linears);
}

llvm::Error Calibrator::measure() {
  llvm::Expected<CalibrationData> data =
      readCalibrationData(model, plan, options.model);
  if (!data)
    return data.takeError();
  if (llvm::Error error = openParts(*data))
    return error;
  WeightStore store(*model.module, model.root, session.threads());
  CalibrationOptions calibration;
  calibration.threads =
      session.threads() ? session.threads() : hardwareThreads();
  calibration.withGram = hessians.has_value();
  Progress progress("calibrate", findLinears());
  for (const auto &entry : bytes)
    if (parts->contains(entry.first()))
      progress.advance(entry.second);
  auto work = [&](const CalibrationStage &stage, StatisticsSource &,
                  const InputStatistics &measured) {
    progress.setItem(stage.input);
    llvm::Error error = addInput(stage, measured);
    for (const std::string &linear : stage.linears)
      progress.advance(bytes.lookup(linear));
    return error;
  };
  return walkStages(
      *model.module, store, *data, calibration,
      [&](StringRef linear) {
        return bytes.contains(linear) && !parts->contains(linear);
      },
      work);
}
llvm::Error Calibrator::report() const {
  llvm::Expected<Checkpoint> file = Checkpoint::open(options.output);
  if (!file)
    return file.takeError();
  int64_t hessianCount =
      llvm::count_if(file->tensors(), [](const auto &tensor) {
        return StringRef(tensor.name).ends_with(".gram");
      });
  out << "wrote " << options.output << " (" << parts->count() << " inputs of "
      << bytes.size() << " linears, " << hessianCount << " with Hessians, "
      << (record.length
              ? std::to_string(record.samples * record.length) + " tokens, "
              : std::to_string(record.samples) + " samples, ")
      << formatBytes(file->files().front().contents.bytes().size()) << ")\n";
  return llvm::Error::success();
}

llvm::Error Calibrator::run() {
  if (llvm::Error error = checkOptions())
    return error;
  if (llvm::Error error = load())
    return error;
  if (llvm::Error error = measure()) {
    if (parts)
      parts->remove();
    return error;
  }
  if (llvm::Error error = parts->finish())
    return error;
  return report();
}

llvm::Error lqc::calibrate(const CalibrateOptions &options,
                           llvm::raw_ostream &out) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  return Calibrator(options, *threads, out).run();
}
