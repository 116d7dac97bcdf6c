//===- Calibration.cpp - calibrated methods, from options to codes --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Calibration.h"

#include "lib/Driver/GraphSamples.h"
#include "lib/Driver/Paths.h"
#include "lqc/Interpreter/SearchResults.h"
#include "lqc/Runtime/TokenFile.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "passes/Quantize/Search.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

llvm::Expected<CalibrationPlan>
lqc::planCalibration(const CalibrationTextOptions &options) {
  CalibrationPlan plan;
  plan.text = options.text;
  plan.hasLength = !options.length.empty();
  const std::tuple<StringRef, StringRef, int64_t, int64_t, int64_t &>
      numbers[] = {{"--samples", options.samples, 1, 1 << 20, plan.samples},
                   {"--length", options.length, 1, 1 << 20, plan.length},
                   {"--seed", options.seed, 0, INT64_MAX, plan.seed}};
  for (auto [option, text, least, most, value] : numbers) {
    if (text.empty())
      continue;
    if (plan.text.empty())
      return makeError("{0} is about a calibration text, and there is none",
                       option);
    llvm::Expected<int64_t> number = parseNumber(option, text, least, most);
    if (!number)
      return number.takeError();
    value = *number;
  }
  if (!plan.text.empty() && !llvm::sys::fs::is_regular_file(plan.text) &&
      !llvm::sys::fs::is_directory(plan.text))
    return makeError("{0}: the calibration text must be a file", plan.text);
  return plan;
}

void lqc::warnIfFew(StringRef text, int64_t tokens) {
  // Fewer tokens than a small model has channels.
  constexpr int64_t kFewTokens = 512;
  if (tokens < kFewTokens)
    llvm::errs() << "lqc: warning: " << text << ": " << tokens
                 << " tokens are few to calibrate on: 10000 and more give "
                    "better codes\n";
}

namespace {
struct CalibrationText {
  std::vector<int32_t> tokens;
  int64_t length; ///< of windows
};
} // namespace

static llvm::Expected<CalibrationText>
readText(const Model &model, const CalibrationPlan &plan, StringRef name) {
  llvm::Expected<ModelAttr> attribute = modelAttribute(model, name);
  if (!attribute)
    return attribute.takeError();
  if (!llvm::sys::fs::is_regular_file(plan.text))
    return makeError("{0}: the calibration text must be a file", plan.text);
  std::optional<std::vector<char>> tables;
  std::unique_ptr<runtime::Tokenizer> tokenizer;
  std::string error;
  if (!runtime::isTokenFile(plan.text)) {
    auto built = buildTokenizer(model, name);
    if (!built)
      return built.takeError();
    tables = std::move(*built);
    if (tables)
      tokenizer =
          runtime::Tokenizer::open(tables->data(), tables->size(), error);
  }
  CalibrationText text;
  if (!error.empty() ||
      !runtime::readTokenFile(plan.text, tokenizer.get(),
                              attribute->getVocabulary(), text.tokens, error))
    return makeError("{0}", error);
  text.length = std::min(plan.length, attribute->getContextLength());
  return text;
}

llvm::Expected<CalibrationWindows> lqc::readWindows(const Model &model,
                                                    const CalibrationPlan &plan,
                                                    StringRef name) {
  llvm::Expected<CalibrationText> text = readText(model, plan, name);
  if (!text)
    return text.takeError();
  if (plan.holdsOut)
    text->tokens = holdOut(text->tokens, text->length).kept;
  llvm::Expected<CalibrationWindows> windows = drawWindows(
      text->tokens, plan.samples, text->length, uint64_t(plan.seed));
  if (!windows)
    return prefixError(plan.text, windows.takeError());
  if (!plan.holdsOut) // else it is read several times
    warnIfFew(plan.text, windows->count * windows->length);
  return windows;
}

llvm::Expected<CalibrationData>
lqc::readCalibrationData(const Model &model, const CalibrationPlan &plan,
                         StringRef name) {
  if (isGraph(*model.module))
    return readGraphSamples(model, plan, name);
  return readWindows(model, plan, name);
}

llvm::Expected<CalibrationWindows> lqc::readHeldOut(const Model &model,
                                                    const CalibrationPlan &plan,
                                                    StringRef name,
                                                    int64_t most) {
  llvm::Expected<CalibrationText> text = readText(model, plan, name);
  if (!text)
    return text.takeError();
  llvm::Expected<CalibrationWindows> windows = spreadWindows(
      holdOut(text->tokens, text->length).heldOut, most, text->length);
  if (windows) {
    warnIfFew(plan.text, int64_t(text->tokens.size()));
    return windows;
  }
  llvm::consumeError(windows.takeError());
  return makeError(
      "{0}: a tenth of the calibration text is held out to measure "
      "on, so it must have at least 10 tokens, got: {1}",
      plan.text, text->tokens.size());
}

//===----------------------------------------------------------------------===//
// Searching
//===----------------------------------------------------------------------===//

namespace {
/// One run of the calibrated methods over a model.
class CodeSearch {
public:
  CodeSearch(Session &session, Model &model, const Plan &plan, StringRef name)
      : session(session), model(model), plan(plan), name(name),
        store(*model.module, model.root, session.threads()),
        threads(session.threads() ? session.threads() : hardwareThreads()) {}

  llvm::Error run();

private:
  llvm::Error prepare();
  llvm::Error chooseSidecar();
  llvm::Error searchLive();
  llvm::Error searchFile();
  llvm::Error runMethods(StatisticsSource &source);
  llvm::Error finish();

  Session &session;
  Model &model;
  const Plan &plan;
  StringRef name;
  WeightStore store;
  unsigned threads;
  std::string sidecar;
  std::unique_ptr<SearchResults> results;
  llvm::StringMap<uint64_t> wanted; ///< bytes of each weight to be worked on
};
} // namespace

llvm::Error CodeSearch::chooseSidecar() {
  sidecar = plan.sidecar;
  if (plan.keepsSidecar)
    return llvm::Error::success();
  model.searchFile = std::make_shared<TemporaryFile>();
  if (!sidecar.empty()) {
    model.searchFile->own(sidecar);
    return llvm::Error::success();
  }
  llvm::Expected<TemporaryFile> file = TemporaryFile::create("lqc", "lqcw");
  if (!file)
    return file.takeError();
  sidecar = file->name();
  *model.searchFile = std::move(*file);
  return llvm::Error::success();
}

/// Says which weight gets which scheme, and opens the sidecar.
llvm::Error CodeSearch::prepare() {
  if (llvm::Error error = session.run(
          *model.module, "the choice of schemes", [&](OpPassManager &manager) {
            buildSchemeAssignment(manager, plan.phases.quantize);
          }))
    return error;
  SymbolTable symbols(*model.module);
  for (SearchTarget target : searchTargets(*model.module, symbols))
    wanted[target.source] = weightBytes(target.weight.getTensorType());
  if (llvm::Error error = chooseSidecar())
    return error;
  auto created = SearchResults::create(store, sidecar,
                                       kResultsPerLinear * wanted.size() + 1);
  if (!created)
    return created.takeError();
  results = std::move(*created);
  return llvm::Error::success();
}

llvm::Error CodeSearch::runMethods(StatisticsSource &source) {
  SearchContext context{source, store, *results, threads};
  llvm::Error error = session.run(
      *model.module, "the calibrated methods", [&](OpPassManager &manager) {
        buildSearchPipeline(manager, plan.phases.quantize, context);
      });
  store.clear(); // the module has changed
  return error;
}

llvm::Error CodeSearch::searchLive() {
  llvm::Expected<CalibrationData> data =
      readCalibrationData(model, plan.calibration, name);
  if (!data)
    return data.takeError();
  uint64_t total = 0;
  for (const auto &entry : wanted)
    total += entry.second;
  Progress progress("calibrate", total);
  CalibrationOptions options;
  options.threads = threads;
  options.withGram = plan.phases.quantize.needsGram();
  options.withDrift = plan.phases.quantize.uses(SearchMethod::Gptq);
  int64_t layer = -1;
  auto work = [&](const CalibrationStage &stage, StatisticsSource &source,
                  const InputStatistics &) {
    // What the layer before was made of has been run for the last time.
    if (stage.layer != layer)
      results->release();
    layer = stage.layer;
    progress.setItem(stage.input);
    llvm::Error error = runMethods(source);
    for (const std::string &linear : stage.linears)
      progress.advance(wanted.lookup(linear));
    return error;
  };
  return walkStages(
      *model.module, store, *data, options,
      [&](StringRef linear) { return wanted.contains(linear); }, work);
}

llvm::Error CodeSearch::searchFile() {
  auto source =
      FileStatistics::open(plan.calibration.statistics, *model.module);
  if (!source)
    return source.takeError();
  return runMethods(**source);
}

/// Makes the results references into the sidecar. It may lie outside the
/// model's folder: then the folder that both are in takes its place.
llvm::Error CodeSearch::finish() {
  std::string folder = llvm::sys::path::parent_path(sidecar).str();
  if (llvm::Error error = results->finish(
          *model.module,
          pathBetween(model.root, folder.empty() ? "." : folder)))
    return error;
  std::string root = commonFolder(*model.module, model.root);
  rebasePaths(*model.module, model.root, root);
  model.root = root;
  return llvm::Error::success();
}

llvm::Error CodeSearch::run() {
  if (llvm::Error error = prepare())
    return error;
  llvm::Error error =
      plan.calibration.statistics.empty() ? searchLive() : searchFile();
  if (error)
    return error;
  return finish();
}

llvm::Error lqc::searchCodes(Session &session, Model &model, const Plan &plan,
                             StringRef name) {
  return CodeSearch(session, model, plan, name).run();
}
