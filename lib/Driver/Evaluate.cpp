//===- Evaluate.cpp - lqc eval, and compile --evaluate --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Evaluate.h"

#include "lib/Driver/EvalModel.h"
#include "lib/Driver/Model.h"
#include "lqc/Runtime/Pool.h"
#include "lqc/Runtime/TokenFile.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/MappedFile.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"
#include "lqc/Support/TemporaryFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace lqc;
using llvm::StringRef;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

namespace {
struct TextOptions {
  std::string path;
  std::optional<int64_t> window, stride;
};
} // namespace

/// The tokens of the text, made by the tokenizer of the reference, or of the
/// candidate if it is alone.
static llvm::Expected<EvalText> readText(const TextOptions &options,
                                         const EvalModel &candidate,
                                         const EvalModel *reference) {
  const EvalModel &speaker = reference ? *reference : candidate;
  const int64_t context = std::min(candidate.context(), speaker.context());
  EvalText text{
      {}, runtime::Windows(0, context, options.window, options.stride), ""};
  std::string problem = text.windows.problem(context);
  if (problem.empty())
    runtime::readTokenFile(options.path, speaker.tokenizer(),
                           speaker.vocabulary(), text.tokens, problem);
  if (!problem.empty())
    return makeError("{0}", problem);
  text.windows.tokens = int64_t(text.tokens.size());
  return text;
}

/// The tokens as a .u32 file, which has room for every vocabulary.
static llvm::Expected<TemporaryFile>
writeTokens(llvm::ArrayRef<int32_t> tokens) {
  llvm::Expected<TemporaryFile> file = TemporaryFile::create("lqc-eval", "u32");
  if (!file)
    return file.takeError();
  std::error_code code;
  llvm::raw_fd_ostream stream(file->name(), code);
  if (!code) {
    stream.write(reinterpret_cast<const char *>(tokens.data()),
                 tokens.size() * sizeof(int32_t));
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return makeError("{0}: cannot write: {1}", file->name(), code.message());
  return file;
}

static llvm::Error checkVocabularies(const EvalModel &candidate,
                                     const EvalModel *reference) {
  if (!reference || candidate.vocabulary() == reference->vocabulary())
    return llvm::Error::success();
  return makeError("model and reference must have the same vocabulary, got: "
                   "{0} != {1}",
                   candidate.vocabulary(), reference->vocabulary());
}

/// Runs both models at the same time and compares their rows as they come.
static llvm::Expected<Quality> compare(EvalModel &candidate,
                                       EvalModel *reference, EvalText &text,
                                       unsigned threads) {
  unsigned processes =
      candidate.isProcess() + (reference && reference->isProcess());
  TemporaryFile tokenFile;
  if (processes) {
    llvm::Expected<TemporaryFile> written = writeTokens(text.tokens);
    if (!written)
      return written.takeError();
    tokenFile = std::move(*written);
    text.tokenFile = tokenFile.name();
  }
  unsigned share = std::clamp(threads / std::max(processes, 1u), 1u,
                              unsigned(runtime::kMaxThreads));
  llvm::Expected<std::unique_ptr<LogitSource>> q =
      candidate.logits(text, share);
  if (!q)
    return q.takeError();
  std::unique_ptr<LogitSource> p;
  if (reference) {
    llvm::Expected<std::unique_ptr<LogitSource>> started =
        reference->logits(text, share);
    if (!started)
      return started.takeError();
    p = std::move(*started);
  }
  Progress progress("eval", text.windows.predictions(), Progress::Unit::Tokens);
  auto advance = [&](uint64_t rows) { progress.advance(rows); };
  return measureQuality(**q, p.get(), text.tokens, text.windows,
                        {candidate.vocabulary(), threads, advance});
}

static llvm::Expected<Measurement> measure(EvalModel &candidate,
                                           EvalModel *reference,
                                           const TextOptions &options,
                                           unsigned threads) {
  if (llvm::Error error = checkVocabularies(candidate, reference))
    return std::move(error);
  llvm::Expected<EvalText> text = readText(options, candidate, reference);
  if (!text)
    return text.takeError();
  llvm::Expected<Quality> quality = compare(
      candidate, reference, *text, threads ? threads : hardwareThreads());
  if (!quality)
    return quality.takeError();
  llvm::Expected<MappedFile> file = MappedFile::open(options.path);
  if (!file)
    return file.takeError();
  return Measurement{std::move(*quality), text->windows,
                     contentHash(file->bytes())};
}

llvm::Error lqc::checkText(StringRef path) {
  return MappedFile::open(path).takeError();
}

llvm::Expected<Measurement>
lqc::measureExecutable(const CompileOptions &options, StringRef file,
                       StringRef name) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  CompileOptions asStored;
  asStored.model = options.model;
  asStored.compileFrom = options.compileFrom;
  asStored.context = options.context;
  asStored.threads = options.threads;
  asStored.cpu = options.cpu;
  llvm::Expected<std::unique_ptr<EvalModel>> reference =
      compileForEval(asStored, !runtime::isTokenFile(options.evaluate));
  if (!reference)
    return reference.takeError();
  llvm::Expected<std::unique_ptr<EvalModel>> candidate =
      openExecutable(file, name);
  if (!candidate)
    return candidate.takeError();
  return measure(**candidate, reference->get(),
                 {options.evaluate, std::nullopt, std::nullopt}, *threads);
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

json::Object lqc::qualityJson(const Measurement &measurement) {
  const Quality &quality = measurement.quality;
  json::Object result{{"tokens", quality.tokens},
                      {"window", measurement.windows.window},
                      {"stride", measurement.windows.stride}};
  json::Object intervals;
  auto add = [&](StringRef name, const Figure &figure) {
    result[name] = figure.value;
    if (figure.interval)
      intervals[name] =
          json::Array{figure.interval->low, figure.interval->high};
  };
  add("perplexity", quality.perplexity);
  if (const std::optional<Comparison> &comparison = quality.comparison) {
    add("reference_perplexity", comparison->referencePerplexity);
    add("kl", comparison->kl);
    result["kl_p99"] = comparison->klP99;
    add("top1", comparison->top1);
  }
  if (intervals.empty())
    return result;
  intervals["confidence_percent"] = 95;
  intervals["blocks"] = quality.blocks;
  result["intervals"] = std::move(intervals);
  return result;
}

void lqc::printQuality(const Measurement &measurement, llvm::raw_ostream &out) {
  const Quality &quality = measurement.quality;
  const runtime::Windows &windows = measurement.windows;
  Table table({"", "value", "95 % interval"});
  auto add = [&](StringRef name, const Figure &figure, unsigned digits) {
    std::string interval = "-";
    if (figure.interval)
      interval = formatFixed(figure.interval->low, digits) + " to " +
                 formatFixed(figure.interval->high, digits);
    table.addRow({name.str(), formatFixed(figure.value, digits), interval});
  };
  add("perplexity", quality.perplexity, 4);
  if (const std::optional<Comparison> &comparison = quality.comparison) {
    add("reference's perplexity", comparison->referencePerplexity, 4);
    add("KL divergence, nats a token", comparison->kl, 6);
    table.addRow(
        {"its 99th percentile", formatFixed(comparison->klP99, 6), "-"});
    add("top-1 agreement", comparison->top1, 4);
  }
  table.print(out);
  out << quality.tokens << " tokens in " << windows.count() << " windows of "
      << windows.window << ", stride " << windows.stride;
  if (quality.perplexity.interval)
    out << "; intervals from " << quality.blocks << " independent blocks";
  out << "\n";
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

namespace {
enum class Kind { Checkpoint, Ir, Executable };

struct Limits {
  std::optional<double> maxKl, maxPerplexity, minTop1;
};

/// Options after they were checked.
struct EvalPlan {
  Kind candidate = Kind::Checkpoint;
  std::optional<Kind> reference;
  TextOptions text;
  Limits limits;
  unsigned threads = 0; ///< 0: all

  bool has(Kind kind) const { return candidate == kind || reference == kind; }
};
} // namespace

static llvm::Expected<Kind> kindOf(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return makeError("{0}: {1}", path, code.message());
  StringRef ending = llvm::sys::path::extension(path);
  if (llvm::sys::fs::is_directory(status) || ending == ".onnx")
    return Kind::Checkpoint;
  return ending == ".mlir" || ending == ".mlirbc" ? Kind::Ir : Kind::Executable;
}

/// The first option that says how to make the candidate from its weights.
static StringRef makingOption(const EvalOptions &options) {
  StringRef quantize = givenQuantizeOption(options);
  if (!quantize.empty())
    return quantize;
  const std::pair<StringRef, bool> given[] = {
      {"--compile-from", !options.compileFrom.empty()},
      {"--strict", options.strict},
      {"--remarks", options.remarks}};
  for (auto [option, isGiven] : given)
    if (isGiven)
      return option;
  return "";
}

/// An option without effect is a misunderstanding: say so.
static llvm::Error checkEffects(const EvalOptions &options,
                                const EvalPlan &plan) {
  StringRef making = makingOption(options);
  if (plan.candidate == Kind::Executable && !making.empty())
    return makeError("{0} is for a model that eval compiles, got an "
                     "executable: {1}",
                     making, options.model);
  bool onlyExecutables = !plan.has(Kind::Checkpoint) && !plan.has(Kind::Ir);
  for (auto [option, isGiven] : {std::pair("--cpu", !options.cpu.empty()),
                                 {"--interpret", options.interpret}})
    if (isGiven && onlyExecutables)
      return makeError("{0} is for directories and .mlir files, got only "
                       "executables",
                       option);
  if (options.interpret && !options.cpu.empty())
    return makeError("--cpu and --interpret do not go together");
  if (!options.context.empty() && !plan.has(Kind::Checkpoint))
    return makeError("--context is for directories and .onnx files, got none");
  if (!options.referenceFrom.empty() && plan.reference != Kind::Ir)
    return makeError("--reference-from is for a .mlir file given as "
                     "--reference");
  if (plan.reference == Kind::Ir && options.referenceFrom.empty() &&
      !options.interpret)
    return errorWithHint(options.reference + ": for IR, the phase that it is "
                                             "after must be given",
                         "--reference-from=import");
  return llvm::Error::success();
}

/// Reads a number of at least 0, at most `maximum`; nothing if there is none.
static llvm::Expected<std::optional<double>>
parseLimit(StringRef option, StringRef text, double maximum) {
  if (text.empty())
    return std::nullopt;
  double value;
  if (!text.getAsDouble(value) && value >= 0 && value <= maximum)
    return value;
  return makeError("{0} must be a number {1}, got: {2}", option,
                   maximum == 1 ? "from 0 to 1" : "of at least 0", quote(text));
}

static llvm::Error parseLimits(const EvalOptions &options, Limits &limits) {
  const std::tuple<StringRef, StringRef, double, std::optional<double> &>
      rows[] = {
          {"--max-kl", options.maxKl, HUGE_VAL, limits.maxKl},
          {"--max-perplexity", options.maxPerplexity, HUGE_VAL,
           limits.maxPerplexity},
          {"--min-top1", options.minTop1, 1, limits.minTop1},
      };
  for (auto [option, text, maximum, target] : rows) {
    llvm::Expected<std::optional<double>> limit =
        parseLimit(option, text, maximum);
    if (!limit)
      return limit.takeError();
    target = *limit;
    if (*limit && option != "--max-perplexity" && options.reference.empty())
      return errorWithHint(option + " compares with a reference",
                           "--reference ./checkpoint");
  }
  return llvm::Error::success();
}

static llvm::Error parseTextOptions(const EvalOptions &options,
                                    TextOptions &text) {
  if (options.text.empty())
    return errorWithHint("lqc eval needs a text", "--text FILE");
  if (llvm::Error error = checkText(options.text))
    return error;
  text.path = options.text;
  for (auto [option, given, target] :
       {std::tuple("--window", &options.window, &text.window),
        {"--stride", &options.stride, &text.stride}}) {
    if (given->empty())
      continue;
    llvm::Expected<int64_t> number = parseNumber(option, *given, 1, INT32_MAX);
    if (!number)
      return number.takeError();
    *target = *number;
  }
  return llvm::Error::success();
}

static llvm::Expected<EvalPlan> makeEvalPlan(const EvalOptions &options) {
  EvalPlan plan;
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  plan.threads = *threads;
  if (llvm::Error error = parseTextOptions(options, plan.text))
    return std::move(error);
  if (llvm::Error error = parseLimits(options, plan.limits))
    return std::move(error);
  llvm::Expected<Kind> candidate = kindOf(options.model);
  if (!candidate)
    return candidate.takeError();
  plan.candidate = *candidate;
  if (!options.reference.empty()) {
    llvm::Expected<Kind> reference = kindOf(options.reference);
    if (!reference)
      return reference.takeError();
    plan.reference = *reference;
  }
  if (llvm::Error error = checkEffects(options, plan))
    return std::move(error);
  return plan;
}

/// The options by which a model is made: the candidate's own, or those that the
/// reference shares with it.
static CompileOptions modelOptions(const EvalOptions &options,
                                   const EvalPlan &plan, bool isReference) {
  CompileOptions result;
  if (!isReference)
    static_cast<ModelOptions &>(result) = options;
  if (isReference) {
    result.model = options.reference;
    result.compileFrom = options.referenceFrom;
    result.threads = options.threads;
  }
  Kind kind = isReference ? *plan.reference : plan.candidate;
  result.context = kind == Kind::Checkpoint ? options.context : "";
  result.cpu = options.cpu;
  return result;
}

static llvm::Expected<std::unique_ptr<EvalModel>>
prepare(const EvalOptions &options, const EvalPlan &plan, bool isReference) {
  // The reference makes the tokens, if there is one.
  bool wantsTokenizer = isReference == plan.reference.has_value() &&
                        !runtime::isTokenFile(plan.text.path);
  CompileOptions making = modelOptions(options, plan, isReference);
  if ((isReference ? *plan.reference : plan.candidate) == Kind::Executable)
    return openExecutable(making.model, making.model);
  return options.interpret ? interpretForEval(making, wantsTokenizer)
                           : compileForEval(making, wantsTokenizer);
}

/// The limits that are not met, as one line.
static std::string brokenLimits(const Quality &quality, const Limits &limits) {
  llvm::SmallVector<std::string> broken;
  auto say = [&](StringRef rule, double limit, double value) {
    broken.push_back(llvm::formatv("{0} {1}, got: {2}", rule,
                                   formatFixed(limit, 6),
                                   formatFixed(value, 6)));
  };
  auto atMost = [&](StringRef rule, std::optional<double> limit, double value) {
    if (limit && value > *limit)
      say(rule, *limit, value);
  };
  atMost("perplexity must be at most", limits.maxPerplexity,
         quality.perplexity.value);
  if (const std::optional<Comparison> &comparison = quality.comparison) {
    const double top1 = comparison->top1.value;
    atMost("KL divergence must be at most", limits.maxKl, comparison->kl.value);
    if (limits.minTop1 && top1 < *limits.minTop1)
      say("top-1 agreement must be at least", *limits.minTop1, top1);
  }
  return llvm::join(broken, "; ");
}

llvm::Expected<std::string> lqc::evaluate(const EvalOptions &options,
                                          llvm::raw_ostream &out) {
  llvm::Expected<EvalPlan> plan = makeEvalPlan(options);
  if (!plan)
    return plan.takeError();
  std::unique_ptr<EvalModel> reference;
  if (plan->reference) {
    llvm::Expected<std::unique_ptr<EvalModel>> prepared =
        prepare(options, *plan, /*isReference=*/true);
    if (!prepared)
      return prepared.takeError();
    reference = std::move(*prepared);
  }
  llvm::Expected<std::unique_ptr<EvalModel>> candidate =
      prepare(options, *plan, /*isReference=*/false);
  if (!candidate)
    return candidate.takeError();
  llvm::Expected<Measurement> measured =
      measure(**candidate, reference.get(), plan->text, plan->threads);
  if (!measured)
    return measured.takeError();
  if (options.json)
    out << llvm::formatv("{0:2}", json::Value(qualityJson(*measured))) << "\n";
  else
    printQuality(*measured, out);
  return brokenLimits(measured->quality, plan->limits);
}
