//===- Model.cpp - a model on its way through the phases ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Model.h"

#include "lib/Driver/Budget.h"
#include "lib/Driver/Calibration.h"
#include "lib/Driver/Facts.h"
#include "lib/Driver/Paths.h"
#include "lqc/Import/Onnx/Importer.h"
#include "lqc/Import/Onnx/TextFiles.h"
#include "lqc/Import/Safetensors/Importer.h"
#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/OutputFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

llvm::Error lqc::errorWithHint(const Twine &message, const Twine &hint) {
  return makeError("{0}\ntry: {1}", message.str(), hint.str());
}

llvm::Expected<int64_t> lqc::parseNumber(StringRef option, StringRef text,
                                         int64_t minimum, int64_t maximum) {
  int64_t value;
  if (text.getAsInteger(10, value) || value < minimum || value > maximum)
    return makeError("{0} must be a whole number from {1} to {2}, got: {3}",
                     option, minimum, maximum, quote(text));
  return value;
}

llvm::Expected<unsigned> lqc::parseThreads(StringRef text) {
  if (text.empty())
    return 0u;
  llvm::Expected<int64_t> number = parseNumber("--threads", text, 1, 1024);
  if (!number)
    return number.takeError();
  return unsigned(*number);
}

static llvm::Expected<Clip> parseClip(StringRef text) {
  if (text.empty() || text == "none")
    return Clip::none;
  if (text == "least-squares")
    return Clip::least_squares;
  return makeError("--clip must be none or least-squares, got: {0}",
                   quote(text));
}

static llvm::Expected<ActivationType> parseActivations(StringRef text) {
  if (text.empty() || text == "int8")
    return ActivationType::Int8;
  if (text == "static-int8")
    return ActivationType::StaticInt8;
  if (text == "f32")
    return ActivationType::F32;
  return makeError("--activations must be f32, int8 or static-int8, got: {0}",
                   quote(text));
}

static llvm::Expected<QuantizeOptions>
makeQuantizeOptions(Session &session, const ModelOptions &options) {
  QuantizeOptions result;
  const std::tuple<StringRef, StringRef, std::string &> schemes[] = {
      {"--quantize", options.quantize, result.weights.scheme},
      {"--embedding", options.embedding, result.weights.embedding},
      {"--head", options.head, result.weights.head}};
  for (auto [option, text, target] : schemes) {
    llvm::Expected<SchemeAttr> scheme =
        parseWeightScheme(session.context(), text);
    if (!scheme)
      return errorWithHint(
          option + ": " + llvm::toString(scheme.takeError()),
          option + "=int4-g64; lqc compile --help says what each means");
    target = text.str();
  }
  result.weights.overrides.assign(options.overrides.begin(),
                                  options.overrides.end());
  result.weights.strict = options.strict;
  llvm::Expected<Clip> clip = parseClip(options.clip);
  if (!clip)
    return clip.takeError();
  result.weights.clip = *clip;
  llvm::Expected<ActivationType> activations =
      parseActivations(options.activations);
  if (!activations)
    return activations.takeError();
  result.activations = *activations;
  llvm::Expected<SmallVector<SearchStep>> methods =
      parseSearchMethods(options.method);
  if (!methods)
    return prefixError("--method", methods.takeError());
  result.methods = std::move(*methods);
  return result;
}

/// The option that cannot do without statistics, or "".
static std::string calibratedOption(const ModelOptions &options) {
  if (std::string budget = givenBudget(options); !budget.empty())
    return budget;
  if (!options.method.empty())
    return "--method=" + options.method;
  return options.activations == "static-int8"
             ? "--activations=" + options.activations
             : "";
}

/// A method needs schemes to find codes for and something to find them by.
static llvm::Error checkMethod(const ModelOptions &options) {
  bool isCalibrated =
      !options.calibrate.text.empty() || !options.statistics.empty();
  std::string option = calibratedOption(options);
  if (option.empty()) {
    if (isCalibrated)
      return errorWithHint("--calibrate and --statistics are for calibrated "
                           "methods, and none is given",
                           "--method=gptq");
    return llvm::Error::success();
  }
  bool hasBudget = !givenBudget(options).empty();
  if (options.quantize.empty() && options.overrides.empty() && !hasBudget)
    return errorWithHint(option + " works on weights that get a scheme, and "
                                  "none is given",
                         "--quantize=int4-g64");
  if (!isCalibrated)
    return errorWithHint(option + " needs to know what the model's activations "
                                  "are",
                         "--calibrate=TEXT");
  if (hasBudget && !options.statistics.empty())
    return errorWithHint(option + " measures on a text: --statistics does not "
                                  "go with it",
                         "--calibrate=TEXT");
  if (!options.calibrate.text.empty() && !options.statistics.empty())
    return makeError("--calibrate and --statistics do not go together");
  return llvm::Error::success();
}

StringRef lqc::givenQuantizeOption(const ModelOptions &options) {
  const std::pair<StringRef, bool> given[] = {
      {"--quantize", !options.quantize.empty()},
      {"--bits-per-weight", !options.budget.bitsPerWeight.empty()},
      {"--max-kl", !options.budget.maxKl.empty()},
      {"--schemes", !options.budget.schemes.empty()},
      {"--quantize-override", !options.overrides.empty()},
      {"--embedding", !options.embedding.empty()},
      {"--head", !options.head.empty()},
      {"--clip", !options.clip.empty()},
      {"--method", !options.method.empty()},
      {"--activations", !options.activations.empty()}};
  for (auto [option, isGiven] : given)
    if (isGiven)
      return option;
  return "";
}

/// An option without effect is a misunderstanding: say so.
static llvm::Error checkQuantizeIsUsed(const ModelOptions &options,
                                       const Plan &plan) {
  StringRef option = givenQuantizeOption(options);
  if (plan.runs(Phase::Quantize) || option.empty())
    return llvm::Error::success();
  return makeError("{0} is for the quantize phase, which does not run from {1} "
                   "to {2}",
                   option, phaseName(plan.from), phaseName(plan.to));
}

/// What to give as a model instead of `file`, which is none.
static std::string modelHint(StringRef file) {
  StringRef name = llvm::sys::path::filename(file);
  if (name == "config.json" || name.ends_with(".safetensors")) {
    StringRef folder = llvm::sys::path::parent_path(file);
    return folder.empty() ? "its directory, ." : folder.str();
  }
  return "a directory with config.json, *.safetensors and tokenizer.json, or a "
         "file model.onnx";
}

/// The phase that NAME.PHASE.mlir is after, as compile names it; else import.
static StringRef phaseOfName(StringRef file) {
  StringRef stem = llvm::sys::path::stem(file);
  for (const PhaseInfo &info : phases())
    if (stem.ends_with(("." + info.name).str()))
      return info.name;
  return phaseName(Phase::Import);
}

void lqc::findModel(StringRef model, bool isFolder, Plan &plan) {
  if (isFolder)
    plan.onnxFile = onnxFileOf(model);
  else if (llvm::sys::path::extension(model) == ".onnx")
    plan.onnxFile = model.str();
  plan.isOnnx = !plan.onnxFile.empty();
  plan.isDirectory = isFolder && !plan.isOnnx;
}

/// Finds out what the model is and which phases it goes through.
static llvm::Error planPhases(const ModelOptions &options, Phase defaultTo,
                              Plan &plan) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(options.model, status))
    return errorWithHint(options.model + ": " + code.message(),
                         modelHint(options.model) + "; lqc downloads nothing");
  findModel(options.model, llvm::sys::fs::is_directory(status), plan);
  StringRef ending = llvm::sys::path::extension(options.model);
  const bool isIr = ending == ".mlir" || ending == ".mlirbc";
  if (!plan.startsWithImport() && !isIr)
    return errorWithHint(options.model +
                             ": a model must be a Hugging Face directory, an "
                             ".onnx file or a .mlir file",
                         modelHint(options.model));
  if (!plan.startsWithImport() && options.compileFrom.empty())
    return errorWithHint(options.model +
                             ": for IR, the phase that it is after must be "
                             "given",
                         "--compile-from=" + phaseOfName(options.model));
  plan.to = defaultTo;
  for (auto [text, phase] : {std::pair(&options.compileFrom, &plan.from),
                             std::pair(&options.compileTo, &plan.to)}) {
    if (text->empty())
      continue;
    llvm::Expected<Phase> parsed = parsePhase(*text);
    if (!parsed)
      return parsed.takeError();
    *phase = *parsed;
  }
  if (plan.startsWithImport() && plan.from != Phase::Import)
    return makeError("{0}: --compile-from={1} is for .mlir files: {2} starts "
                     "with import",
                     options.model, phaseName(plan.from),
                     plan.isOnnx && options.model == plan.onnxFile
                         ? "an .onnx file"
                         : "a directory");
  if (plan.from > plan.to || (plan.from == plan.to && !plan.startsWithImport()))
    return makeError("--compile-to={0} must come behind --compile-from={1}",
                     phaseName(plan.to), phaseName(plan.from));
  return llvm::Error::success();
}

llvm::Expected<Plan>
lqc::makePlan(Session &session, const ModelOptions &options, Phase defaultTo) {
  Plan plan;
  if (llvm::Error error = planPhases(options, defaultTo, plan))
    return error;
  if (llvm::Error error = checkQuantizeIsUsed(options, plan))
    return error;
  llvm::Expected<QuantizeOptions> quantize =
      makeQuantizeOptions(session, options);
  if (!quantize)
    return quantize.takeError();
  plan.phases.quantize = *quantize;
  llvm::Expected<BudgetPlan> budget = planBudget(session, options);
  if (!budget)
    return budget.takeError();
  plan.budget = *budget;
  if (plan.budget.isGiven()) // each weight gets its own
    plan.phases.quantize.weights.scheme.clear();
  if (llvm::Error error = checkMethod(options))
    return error;
  llvm::Expected<CalibrationPlan> calibration =
      planCalibration(options.calibrate);
  if (!calibration)
    return calibration.takeError();
  plan.calibration = *calibration;
  plan.calibration.statistics = options.statistics;
  plan.calibration.holdsOut = plan.budget.isGiven();
  if (options.context.empty())
    return plan;
  if (!plan.startsWithImport())
    return makeError("--context is for the import of a model: the IR of {0} "
                     "has one",
                     options.model);
  if (plan.isOnnx && !plan.runs(Phase::Simplify))
    return makeError(
        "--context is for the simplify phase, which finds decoders "
        "in graphs and does not run from {0} to {1}",
        phaseName(plan.from), phaseName(plan.to));
  llvm::Expected<int64_t> context =
      parseNumber("--context", options.context, 1, INT32_MAX);
  if (!context)
    return context.takeError();
  plan.context = plan.phases.context = *context;
  return plan;
}

/// True for a .mlir file that no phase is to be run on.
static bool runsAsItIs(const ModelOptions &options) {
  if (!llvm::sys::fs::is_regular_file(options.model) ||
      llvm::sys::path::extension(options.model) == ".onnx" ||
      !options.compileTo.empty())
    return false;
  return options.compileFrom.empty() ||
         options.compileFrom == phaseName(Phase::Quantize) ||
         options.compileFrom == phaseName(Phase::Schedule);
}

llvm::Expected<Plan> lqc::makeInterpretPlan(Session &session,
                                            ModelOptions options) {
  if (runsAsItIs(options)) {
    // A plan needs some phase behind the first; it is not run.
    options.compileFrom = phaseName(Phase::Schedule).str();
    options.compileTo = phaseName(Phase::Lower).str();
    llvm::Expected<Plan> plan = makePlan(session, options, Phase::Quantize);
    if (plan)
      plan->to = plan->from;
    return plan;
  }
  llvm::Expected<Plan> plan = makePlan(session, options, Phase::Quantize);
  if (plan && plan->to > Phase::Schedule)
    return makeError("--compile-to must be schedule or before to interpret, "
                     "got: {0}",
                     phaseName(plan->to));
  return plan;
}

//===----------------------------------------------------------------------===//
// Reading, running, writing
//===----------------------------------------------------------------------===//

llvm::Error lqc::checkNoInput(StringRef output, const Model &model,
                              ArrayRef<StringRef> files) {
  auto isOutput = [&](StringRef file) {
    return !file.empty() && llvm::sys::fs::equivalent(file, output);
  };
  if (output != "-" && (llvm::any_of(files, isOutput) ||
                        readsFile(*model.module, model.root, output)))
    return makeError("{0}: the output must not be a file that is read", output);
  return llvm::Error::success();
}

static llvm::Expected<Model> importDirectory(Session &session,
                                             const ModelOptions &options,
                                             const Plan &plan) {
  if (!llvm::sys::fs::exists(options.model + "/config.json"))
    return errorWithHint(options.model +
                             "/config.json: no such file or directory",
                         modelHint(options.model));
  llvm::Expected<OwningOpRef<ModuleOp>> module =
      importSafetensors(session.context(), options.model, {plan.context});
  if (!module)
    return module.takeError();
  if (llvm::Error error = recordInputs(**module, options.model))
    return error;
  return Model{std::move(*module), options.model};
}

static llvm::Expected<Model> importGraph(Session &session, const Plan &plan) {
  llvm::Expected<OwningOpRef<ModuleOp>> module =
      importOnnx(session.context(), plan.onnxFile, plan.context);
  if (!module)
    return module.takeError();
  if (llvm::Error error = recordGraphInput(**module, plan.onnxFile))
    return error;
  StringRef folder = llvm::sys::path::parent_path(plan.onnxFile);
  return Model{std::move(*module), folder.empty() ? "." : folder.str()};
}

llvm::Expected<Model> lqc::loadModel(Session &session,
                                     const ModelOptions &options,
                                     const Plan &plan) {
  if (plan.isDirectory)
    return importDirectory(session, options, plan);
  if (plan.isOnnx)
    return importGraph(session, plan);
  llvm::Expected<OwningOpRef<ModuleOp>> module = session.parse(options.model);
  if (!module)
    return module.takeError();
  StringRef folder = llvm::sys::path::parent_path(options.model);
  // The weight store reads below one folder only. The user named this file, so
  // the folder may be one that holds both it and the checkpoint.
  Model model = {std::move(*module), folder.empty() ? "." : folder.str()};
  std::string root = commonFolder(*model.module, model.root);
  rebasePaths(*model.module, model.root, root);
  model.root = root;
  return model;
}

/// Passes do not read weights and kernels do not check them: column indices,
/// which may come from any file, are looked at here.
static llvm::Error checkColumns(const Model &model, unsigned threads) {
  WeightStore store(model.module.get(), model.root, threads);
  SmallVector<SplitColumnsOp> splits;
  ModuleOp module = model.module.get();
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    llvm::append_range(splits, function.getOps<SplitColumnsOp>());
  for (SplitColumnsOp split : splits)
    if (auto columns = readColumns(split, store); !columns)
      return columns.takeError();
  return llvm::Error::success();
}

llvm::Error lqc::runPhase(Session &session, Model &model, Phase phase,
                          const Plan &plan, const ModelOptions &options) {
  if (phase == Phase::Schedule)
    if (llvm::Error error = checkColumns(model, session.threads()))
      return error;
  if (phase != Phase::Quantize)
    return session.runPhase(*model.module, phase, plan.phases);
  llvm::Error error = plan.budget.isGiven()
                          ? spendBudget(session, model, plan, options.model)
                          : quantize(session, model, plan, options.model);
  if (error)
    return error;
  ModelOptions spoken = options;
  if (plan.budget.isGiven())
    spoken.quantize = schemesText(plan.budget);
  recordQuantization(*model.module, spoken,
                     searchMethodsText(plan.phases.quantize.methods),
                     budgetText(plan.budget));
  return llvm::Error::success();
}

llvm::Error lqc::quantize(Session &session, Model &model, const Plan &plan,
                          StringRef name) {
  if (plan.phases.quantize.needsStatistics())
    if (llvm::Error error = searchCodes(session, model, plan, name))
      return error;
  return session.runPhase(*model.module, Phase::Quantize, plan.phases);
}

llvm::Expected<ModelAttr> lqc::modelAttribute(const Model &model,
                                              StringRef name) {
  if (isGraph(*model.module))
    return makeError("{0}: must be a language model, and this is a graph "
                     "without past keys and values",
                     name);
  if (ModelAttr attribute =
          (*model.module)->getAttrOfType<ModelAttr>(kModelAttrName))
    return attribute;
  return makeError("{0}: the module must have the attribute {1}", name,
                   kModelAttrName);
}

llvm::Expected<std::optional<std::vector<char>>>
lqc::buildTokenizer(ModelAttr attribute, StringRef root, StringRef family) {
  if (attribute.getTokenizer().empty())
    return std::nullopt;
  SpecialTokens special;
  if (attribute.getBos() >= 0)
    special.bos = attribute.getBos();
  special.eos.assign(attribute.getEos().asArrayRef().begin(),
                     attribute.getEos().asArrayRef().end());
  SmallString<128> folder(root);
  if (attribute.getTokenizer() != ".")
    llvm::sys::path::append(folder, attribute.getTokenizer());
  const int64_t vocabulary =
      attribute.getVocabulary() ? attribute.getVocabulary() : INT32_MAX;
  return buildTokenizerTables(folder, vocabulary, special, family);
}

llvm::Expected<std::optional<std::vector<char>>>
lqc::buildTokenizer(const Model &model, StringRef name) {
  llvm::Expected<ModelAttr> attribute = modelAttribute(model, name);
  if (!attribute)
    return attribute.takeError();
  return buildTokenizer(*attribute, model.root, /*family=*/"");
}

std::string lqc::modelName(StringRef path) {
  SmallString<128> absolute(path);
  (void)llvm::sys::fs::make_absolute(absolute);
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  StringRef name = llvm::sys::path::filename(absolute);
  for (StringRef ending : {".mlir", ".mlirbc", ".onnx"})
    if (name.consume_back(ending))
      break;
  return name.empty() || name == "/" ? "model" : name.str();
}

llvm::Error lqc::writeModule(const Model &model, StringRef path) {
  ModuleOp module = model.module.get();
  rebasePaths(module, model.root,
              path == "-" ? "." : llvm::sys::path::parent_path(path));
  return writeText(path,
                   [&](llvm::raw_ostream &stream) { module.print(stream); });
}

llvm::Error
lqc::writeText(StringRef path,
               llvm::function_ref<void(llvm::raw_ostream &)> write) {
  if (path == "-") {
    write(llvm::outs());
    return llvm::Error::success();
  }
  return writeOutputFile(path, write);
}
