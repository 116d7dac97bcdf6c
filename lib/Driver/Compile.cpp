//===- Compile.cpp - lqc compile ------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Budget.h"
#include "lib/Driver/EvalModel.h"
#include "lib/Driver/Evaluate.h"
#include "lib/Driver/Facts.h"
#include "lib/Driver/Model.h"
#include "lib/Driver/Paths.h"
#include "lib/Driver/Payload.h"
#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/MemoryStats.h"
#include "lqc/Support/OutputFile.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"
#include "lqc/Target/CPU/CodeGen.h"
#include "lqc/Target/Link/Link.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <chrono>

using namespace mlir;
using namespace lqc;

namespace {
/// What comes out of the link phase.
enum class Emit { Executable, Shared, Object, LLVM, Assembly };

/// One compilation. Members hold what later steps need.
class Compiler {
public:
  Compiler(const CompileOptions &options, unsigned threads,
           llvm::raw_ostream &out)
      : options(options), out(out), session(threads, options.remarks) {}

  llvm::Error run();

private:
  llvm::Error checkOptions();
  llvm::Error placeSidecar();
  llvm::Error checkEvaluate();
  llvm::Error checkOutput();
  llvm::Error checkTokenizer() const;
  bool emitsText() const {
    return emit == Emit::LLVM || emit == Emit::Assembly;
  }
  llvm::Error load();
  llvm::Error chooseTarget();
  llvm::Error runPhases();
  void keepFacts();
  llvm::Error writeLowered();
  llvm::Error emitText();
  llvm::Error link();
  llvm::Error prepare();
  llvm::Error checkGraphOptions() const;
  llvm::Error prepareEncoder();
  llvm::Error prepareTokenizer();
  llvm::Error readTokenizer(ModelAttr attribute);
  llvm::Error openPayload();
  llvm::Error writeSections(PayloadWriter &writer);
  llvm::Error writeTexts(PayloadWriter &writer, const Measurement *measured);
  llvm::Error measure(StringRef file);
  llvm::Error report();
  /// Runs `work` as a row of --stats.
  llvm::Error timed(StringRef what, llvm::function_ref<llvm::Error()> work);

  const CompileOptions &options;
  llvm::raw_ostream &out;
  PeakMemory memory;
  Session session;
  Plan plan;
  TargetAttr target; ///< if schedule runs
  Model model;
  std::string output;
  Emit emit = Emit::Executable;
  /// The module before lower: it knows the payload.
  OwningOpRef<ModuleOp> scheduled;
  std::optional<Payload> payload;
  /// For the executable; none: it takes token ids.
  std::optional<std::vector<char>> tokenizer;
  std::optional<Measurement> measurement; ///< of --evaluate
  runtime::GenerationDefaults generation;
  std::optional<runtime::EncoderDefaults> encoder;   ///< of a graph on text
  std::vector<std::pair<std::string, double>> times; ///< in seconds
};
} // namespace

llvm::Error Compiler::timed(StringRef what,
                            llvm::function_ref<llvm::Error()> work) {
  auto start = std::chrono::steady_clock::now();
  Progress progress(what, /*total=*/0);
  llvm::Error error = work();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  times.emplace_back(what, seconds.count());
  return error;
}

//===----------------------------------------------------------------------===//
// Before the work
//===----------------------------------------------------------------------===//

static llvm::Expected<Emit> parseEmit(StringRef text) {
  std::optional<Emit> emit = llvm::StringSwitch<std::optional<Emit>>(text)
                                 .Cases({"", "executable"}, Emit::Executable)
                                 .Case("shared", Emit::Shared)
                                 .Case("object", Emit::Object)
                                 .Case("llvm", Emit::LLVM)
                                 .Case("asm", Emit::Assembly)
                                 .Default(std::nullopt);
  if (!emit)
    return makeError("--emit must be executable, shared, object, llvm or asm, "
                     "got: {0}",
                     quote(text));
  return *emit;
}

/// The model's name, with what it is after the dot: NAME for an executable,
/// NAME.quantize.mlir for IR.
static std::string defaultOutput(const CompileOptions &options,
                                 const Plan &plan, Emit emit) {
  std::string name = modelName(options.model);
  if (plan.to != Phase::Link) {
    for (const PhaseInfo &info : phases())
      if (StringRef(name).ends_with(("." + info.name).str()))
        name.resize(name.size() - info.name.size() - 1);
    return name + "." + phaseName(plan.to).str() + ".mlir";
  }
  switch (emit) {
  case Emit::Executable:
    break;
  case Emit::Shared:
    return "lib" + name + ".so";
  case Emit::Object:
    return name + ".o";
  case Emit::LLVM:
    return name + ".ll";
  case Emit::Assembly:
    return name + ".s";
  }
  // The checkpoint is often a folder beside the executable.
  return llvm::sys::fs::is_directory(name) ? name + ".out" : name;
}

llvm::Error Compiler::checkOutput() {
  if (output == "-" && !emitsText() && plan.to >= Phase::Lower)
    return makeError("-o - is for the IR of phases up to schedule: there is "
                     "more than one file after {0}",
                     phaseName(plan.to));
  StringRef ending = llvm::sys::path::extension(output);
  if (emit == Emit::Shared || emit == Emit::Object)
    for (StringRef other : {".h", ".payload"})
      if (ending == other)
        return makeError("{0}: the output must not end in {1}, which is a file "
                         "beside it",
                         output, other);
  return output == "-" ? llvm::Error::success() : checkOutputFile(output);
}

/// What calibrated methods find is a part of IR; an executable has it inside.
llvm::Error Compiler::placeSidecar() {
  if (!plan.phases.quantize.needsStatistics())
    return llvm::Error::success();
  plan.keepsSidecar = plan.to < Phase::Lower;
  if (output == "-" && plan.keepsSidecar)
    return makeError("-o - is for IR alone: what calibration finds goes to a "
                     "file beside it");
  if (output == "-")
    return llvm::Error::success();
  SmallString<128> path(output);
  llvm::sys::path::replace_extension(path, plan.keepsSidecar ? "lqcw"
                                                             : "search.lqcw");
  plan.sidecar = std::string(path);
  return llvm::Error::success();
}

llvm::Error Compiler::checkOptions() {
  llvm::Expected<Plan> made = makePlan(session, options, Phase::Link);
  if (!made)
    return made.takeError();
  plan = *made;
  plan.calibration.tokenizer = options.tokenizer;
  llvm::Expected<Emit> parsed = parseEmit(options.emit);
  if (!parsed)
    return parsed.takeError();
  emit = *parsed;
  if (!options.emit.empty() && plan.to != Phase::Link)
    return makeError("--emit is for the link phase, which does not run from "
                     "{0} to {1}",
                     phaseName(plan.from), phaseName(plan.to));
  output = options.output.empty() ? defaultOutput(options, plan, emit)
                                  : options.output;
  if (llvm::Error error = checkOutput())
    return error;
  if (llvm::Error error = placeSidecar())
    return error;
  if (!options.cpu.empty() && !plan.runs(Phase::Schedule))
    return makeError("--cpu is for the schedule phase, which does not run from "
                     "{0} to {1}",
                     phaseName(plan.from), phaseName(plan.to));
  if (plan.runs(Phase::Schedule))
    if (llvm::Error error = chooseTarget())
      return error;
  if (llvm::Error error = checkTokenizer())
    return error;
  return checkEvaluate();
}

/// What is measured is an executable, against a model that is float still.
llvm::Error Compiler::checkEvaluate() {
  if (options.evaluate.empty())
    return llvm::Error::success();
  if (plan.to != Phase::Link)
    return makeError("--evaluate is for the link phase, which does not run "
                     "from {0} to {1}",
                     phaseName(plan.from), phaseName(plan.to));
  if (emit != Emit::Executable)
    return makeError("--evaluate is for executables, got: --emit={0}",
                     options.emit);
  if (!plan.runs(Phase::Quantize))
    return makeError("--evaluate compares with the model before quantize, "
                     "which IR after {0} does not have",
                     phaseName(plan.from));
  return checkText(options.evaluate);
}

llvm::Error Compiler::checkTokenizer() const {
  if (options.tokenizer.empty())
    return llvm::Error::success();
  std::vector<StringRef> families = tokenizerFamilies();
  if (options.tokenizer != "none" &&
      !llvm::is_contained(families, options.tokenizer))
    return makeError("--tokenizer must be one of none, {0}, got: {1}",
                     llvm::join(families, ", "), quote(options.tokenizer));
  if (plan.to != Phase::Link)
    return makeError("--tokenizer is for the link phase, which does not run "
                     "from {0} to {1}",
                     phaseName(plan.from), phaseName(plan.to));
  return llvm::Error::success();
}

llvm::Error Compiler::load() {
  llvm::Expected<Model> loaded = loadModel(session, options, plan);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  return checkNoInput(
      output, model,
      {options.calibrate.text, options.statistics, options.evaluate});
}

llvm::Error Compiler::chooseTarget() {
  llvm::Expected<TargetAttr> found =
      options.cpu.empty() || options.cpu == "native"
          ? hostTarget(session.context())
          : namedTarget(session.context(), options.cpu);
  if (!found)
    return found.takeError();
  target = *found;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------===//

/// Whether simplify found a decoder shows what is needed beside the weights.
llvm::Error Compiler::prepare() {
  if (plan.context && isGraph(*model.module))
    return makeError("{0}: --context is for language models, and this is a "
                     "graph without past keys and values",
                     options.model);
  if (plan.to != Phase::Link || emitsText())
    return llvm::Error::success();
  if (!isGraph(*model.module))
    return prepareTokenizer();
  if (llvm::Error error = checkGraphOptions())
    return error;
  return prepareEncoder();
}

llvm::Error Compiler::runPhases() {
  if (!plan.runs(Phase::Simplify))
    if (llvm::Error error = prepare())
      return error;
  for (const PhaseInfo &info : phases()) {
    if (!info.isPresent || !plan.runs(info.phase) || info.phase == Phase::Link)
      continue;
    // The target is a fact of the module from schedule on.
    if (info.phase == Phase::Schedule)
      (*model.module)->setAttr(kTargetAttrName, target);
    if (info.phase == Phase::Lower)
      scheduled = model.module->clone();
    if (llvm::Error error = timed(info.name, [&] {
          return runPhase(session, model, info.phase, plan, options);
        }))
      return error;
    if (info.phase == Phase::Simplify)
      if (llvm::Error error = prepare())
        return error;
  }
  keepFacts();
  return llvm::Error::success();
}

/// Lowering need not know what --info will say; the driver keeps it.
void Compiler::keepFacts() {
  if (!scheduled)
    return;
  for (NamedAttribute attribute : (*scheduled)->getDiscardableAttrs())
    if (!(*model.module)->hasAttr(attribute.getName()))
      (*model.module)->setAttr(attribute.getName(), attribute.getValue());
}

/// No lqc operation is left that could say how to make a weight: write the
/// bytes beside the IR.
llvm::Error Compiler::writeLowered() {
  SmallString<128> sidecar(output);
  llvm::sys::path::replace_extension(sidecar, ".lqcw");
  Payload weights =
      Payload::ofScheduled(*scheduled, model.root, session.threads());
  if (llvm::Error error = weights.writeSidecar(sidecar, *model.module))
    return error;
  // The sidecar's place is relative to the output's folder already.
  Attribute places = (*model.module)->getAttr(kPayloadAttrName);
  (*model.module)->removeAttr(kPayloadAttrName);
  std::string folder = llvm::sys::path::parent_path(output).str();
  rebasePaths(*model.module, model.root, folder);
  model.root = folder;
  (*model.module)->setAttr(kPayloadAttrName, places);
  if (llvm::Error error = writeModule(model, output)) {
    llvm::sys::fs::remove(sidecar);
    return error;
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The executable
//===----------------------------------------------------------------------===//

/// What is for language models alone.
llvm::Error Compiler::checkGraphOptions() const {
  if (emit == Emit::Shared || emit == Emit::Object)
    return makeError("{0}: --emit={1} is for language models: a graph becomes "
                     "an executable",
                     options.model, options.emit);
  if (!options.evaluate.empty())
    return makeError("{0}: --evaluate is for language models, and this is a "
                     "graph",
                     options.model);
  if (!options.tokenizer.empty() && !(*model.module)->hasAttr(kEncoderAttrName))
    return makeError("{0}: --tokenizer is for models of text, and this is a "
                     "graph of tensors",
                     options.model);
  return llvm::Error::success();
}

/// An encoder without its tokenizer is a graph like any other.
llvm::Error Compiler::prepareEncoder() {
  ModuleOp module = *model.module;
  if (options.tokenizer == "none")
    module->removeAttr(kEncoderAttrName);
  llvm::Expected<std::optional<runtime::EncoderDefaults>> found =
      encoderOf(module);
  if (!found)
    return prefixError(options.model, found.takeError());
  encoder = *found;
  ModelAttr attribute = module->getAttrOfType<ModelAttr>(kModelAttrName);
  if (!encoder)
    return llvm::Error::success();
  if (!attribute || attribute.getTokenizer().empty())
    return makeError("{0}: {1} must come with a tokenizer in {2}",
                     options.model, kEncoderAttrName, kModelAttrName);
  return readTokenizer(attribute);
}

llvm::Error Compiler::readTokenizer(ModelAttr attribute) {
  llvm::Expected<std::optional<std::vector<char>>> tables =
      buildTokenizer(attribute, model.root, options.tokenizer);
  if (!tables)
    return errorWithHint(llvm::toString(tables.takeError()),
                         encoder ? kNoTextHint : kNoTokenizerHint);
  tokenizer = std::move(*tables);
  return llvm::Error::success();
}

/// Before the long work, because a tokenizer that is not understood ends it.
llvm::Error Compiler::prepareTokenizer() {
  llvm::Expected<runtime::GenerationDefaults> found =
      generationOf(*model.module);
  if (!found)
    return prefixError(options.model, found.takeError());
  generation = *found;
  llvm::Expected<ModelAttr> attribute = modelAttribute(model, options.model);
  if (!attribute || options.tokenizer == "none")
    return attribute.takeError();
  if (attribute->getTokenizer().empty() && !options.tokenizer.empty())
    return makeError(
        "{0}: --tokenizer={1} is for {2}, which the model does not "
        "have",
        options.model, options.tokenizer,
        filesOfTokenizerFamily(options.tokenizer));
  return readTokenizer(*attribute);
}

static llvm::Error writeSection(PayloadWriter &writer, runtime::Section section,
                                ArrayRef<char> contents) {
  writer.beginSection(section);
  if (llvm::Error error = writer.write(contents))
    return error;
  return writer.endSection();
}

/// The sections that say what the executable is; they stand last.
llvm::Error Compiler::writeTexts(PayloadWriter &writer,
                                 const Measurement *measured) {
  uint64_t bytes = payload->bytes();
  std::string info = infoJson(*model.module, bytes, generation, measured);
  std::string summary = summaryText(*model.module, bytes, generation,
                                    encoder ? &*encoder : nullptr, measured);
  if (llvm::Error error = writeSection(writer, runtime::Info,
                                       ArrayRef(info.data(), info.size())))
    return error;
  return writeSection(writer, runtime::Summary,
                      ArrayRef(summary.data(), summary.size()));
}

llvm::Error Compiler::writeSections(PayloadWriter &writer) {
  if (llvm::Error error = payload->writeTo(writer))
    return error;
  if (llvm::Error error = writeSection(writer, runtime::TokenizerTables,
                                       tokenizer ? ArrayRef<char>(*tokenizer)
                                                 : ArrayRef<char>()))
    return error;
  ArrayRef<char> defaults(reinterpret_cast<const char *>(&generation),
                          isGraph(*model.module) ? 0 : sizeof(generation));
  if (llvm::Error error = writeSection(writer, runtime::Generation, defaults))
    return error;
  ArrayRef<char> text;
  if (encoder)
    text =
        ArrayRef(reinterpret_cast<const char *>(&*encoder), sizeof(*encoder));
  if (llvm::Error error = writeSection(writer, runtime::Encoder, text))
    return error;
  std::string tensors = payload->tensorTable();
  if (llvm::Error error =
          writeSection(writer, runtime::Tensors,
                       ArrayRef<char>(tensors.data(), tensors.size())))
    return error;
  // Last, because measuring writes them anew.
  return writeTexts(writer, nullptr);
}

/// Measures the finished executable `file` against the model without
/// quantization, and writes into it what came out.
llvm::Error Compiler::measure(StringRef file) {
  llvm::Expected<Measurement> measured =
      measureExecutable(options, file, output);
  if (!measured)
    return measured.takeError();
  auto writer = PayloadWriter::reopen(file, output, runtime::Info);
  if (!writer)
    return writer.takeError();
  if (llvm::Error error = writeTexts(**writer, &*measured))
    return error;
  measurement = std::move(*measured);
  return (*writer)->finish();
}

llvm::Error Compiler::openPayload() {
  if (scheduled) {
    payload = Payload::ofScheduled(*scheduled, model.root, session.threads());
    return llvm::Error::success();
  }
  llvm::Expected<Payload> lowered =
      Payload::ofLowered(*model.module, model.root, session.threads());
  if (!lowered)
    return prefixError(options.model, lowered.takeError());
  payload = std::move(*lowered);
  return llvm::Error::success();
}

llvm::Error Compiler::emitText() {
  return timed("code", [&]() -> llvm::Error {
    llvm::Expected<SmallVector<char, 0>> text =
        emit == Emit::LLVM ? printLLVM(*model.module)
                           : compileToAssembly(*model.module);
    if (!text)
      return text.takeError();
    return writeText(output, [&](llvm::raw_ostream &stream) {
      stream.write(text->data(), text->size());
    });
  });
}

llvm::Error Compiler::link() {
  if (llvm::Error error = openPayload())
    return error;
  SmallVector<char, 0> object;
  if (llvm::Error error = timed("code", [&]() -> llvm::Error {
        auto compiled = compileToObject(*model.module);
        if (!compiled)
          return compiled.takeError();
        object = std::move(*compiled);
        return llvm::Error::success();
      }))
    return error;
  auto sections = [&](PayloadWriter &writer) { return writeSections(writer); };
  auto measureFile = [&](StringRef file) {
    return timed("evaluate", [&] { return measure(file); });
  };
  LinkOptions linkOptions;
  if (!options.evaluate.empty())
    linkOptions.complete = measureFile;
  llvm::Error error = timed("link", [&] {
    return emit == Emit::Shared ? linkShared(object, sections, output)
           : emit == Emit::Object
               ? writeObjectFiles(object, sections, output)
               : linkExecutable(object, sections, output, linkOptions);
  });
  if (measurement) // it was a part of the link, and has a row of its own
    times.back().second -= times[times.size() - 2].second;
  return error;
}

//===----------------------------------------------------------------------===//
// After the work
//===----------------------------------------------------------------------===//

llvm::Error Compiler::report() {
  if (options.stats) {
    Table table({"phase", "seconds"});
    for (const auto &[name, seconds] : times)
      table.addRow({name, formatFixed(seconds, 3)});
    table.print(llvm::errs());
    llvm::errs() << "peak memory: " << formatBytes(memory.bytes())
                 << " (RssAnon)\n";
  }
  if (output == "-")
    return llvm::Error::success();
  if (model.budget) {
    printBudget(*model.budget, out);
    out << "\n";
  }
  if (std::optional<BitsReport> bits = bitsOf(*model.module)) {
    printBits(*bits, out);
    out << "\n";
  }
  if (measurement) {
    printQuality(*measurement, out);
    out << "\n";
  }
  uint64_t size = 0;
  if (std::error_code code = llvm::sys::fs::file_size(output, size))
    return makeError("{0}: {1}", output, code.message());
  out << "wrote " << output << " (" << formatBytes(size);
  if (payload)
    out << ", weights " << formatBytes(payload->bytes());
  out << ")\n";
  if (encoder)
    out << "embeds lines of text: " << encoderText(*encoder) << "\n";
  if (payload && !tokenizer && options.tokenizer != "none" &&
      !isGraph(*model.module))
    out << "no tokenizer was found: the model takes token ids\n";
  if (plan.to != Phase::Link || !payload || emit == Emit::Executable)
    return llvm::Error::success();
  out << "wrote " << replaceEnding(output, "h") << "\n";
  if (emit == Emit::Object) {
    out << "wrote " << replaceEnding(output, "payload") << "\n";
    llvm::Expected<std::string> runtime = findRuntime();
    if (!runtime)
      return runtime.takeError();
    out << "link with: c++ PROGRAM " << output << " " << *runtime
        << " -pthread -ldl -lm\n";
  }
  return llvm::Error::success();
}

llvm::Error Compiler::run() {
  if (llvm::Error error = checkOptions())
    return error;
  if (llvm::Error error = timed(plan.startsWithImport() ? "import" : "read",
                                [&] { return load(); }))
    return error;
  if (llvm::Error error = runPhases())
    return error;
  llvm::Error error =
      plan.to == Phase::Link ? (emitsText() ? emitText() : link())
      : plan.to == Phase::Lower
          ? timed("write", [&] { return writeLowered(); })
          : timed("write", [&] { return writeModule(model, output); });
  if (error)
    return error;
  return report();
}

llvm::Error lqc::compile(const CompileOptions &options,
                         llvm::raw_ostream &out) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  return Compiler(options, *threads, out).run();
}
