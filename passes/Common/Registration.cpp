//===- Registration.cpp - passes and pipelines for lqc-opt ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Phases.h"
#include "passes/Lower/CPU/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Simplify/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace lqc;

namespace {
/// The options of every phase, as pipelines of lqc-opt take them.
struct PipelineOptions : public PassPipelineOptions<PipelineOptions> {
  Option<std::string> from{*this, "from",
                           llvm::cl::desc("the phase that is done already"),
                           llvm::cl::init("import")};
  Option<std::string> to{*this, "to", llvm::cl::desc("the last phase to run"),
                         llvm::cl::init("lower")};
  Option<std::string> scheme{*this, "scheme",
                             llvm::cl::desc("scheme of the layers' linears")};
  Option<std::string> embedding{*this, "embedding",
                                llvm::cl::desc("scheme of embedding tables")};
  Option<std::string> head{*this, "head",
                           llvm::cl::desc("scheme of linears outside layers")};
  ListOption<std::string> overrides{
      *this, "overrides",
      llvm::cl::desc("GLOB=SCHEME or GLOB=float, the last match counts")};
  Option<Clip> clip{
      *this, "clip", llvm::cl::desc("how a group's range is chosen"),
      llvm::cl::init(Clip::none),
      llvm::cl::values(clEnumValN(Clip::none, "none", "the full range"),
                       clEnumValN(Clip::least_squares, "least_squares",
                                  "the range of least squared error"))};
  Option<bool> strict{
      *this, "strict",
      llvm::cl::desc("a weight that cannot take its scheme is an error"),
      llvm::cl::init(false)};
  Option<ActivationType> activations{
      *this, "activations",
      llvm::cl::desc("inputs of linears with integer weights"),
      llvm::cl::init(ActivationType::Int8),
      llvm::cl::values(clEnumValN(ActivationType::F32, "f32", "as they are"),
                       clEnumValN(ActivationType::Int8, "int8",
                                  "rounded token by token, in groups"))};

  PhaseOptions phaseOptions() const {
    PhaseOptions options;
    options.quantize.weights.scheme = scheme;
    options.quantize.weights.embedding = embedding;
    options.quantize.weights.head = head;
    options.quantize.weights.overrides.assign(overrides.begin(),
                                              overrides.end());
    options.quantize.weights.clip = clip;
    options.quantize.weights.strict = strict;
    options.quantize.activations = activations;
    return options;
  }
};
} // namespace

using ErrorHandler = function_ref<LogicalResult(const Twine &)>;

static LogicalResult buildStretch(OpPassManager &manager, StringRef text,
                                  ErrorHandler emitError) {
  PipelineOptions options;
  if (failed(options.parseFromString(text)))
    return failure();
  llvm::Expected<Phase> from = parsePhase(options.from);
  if (!from)
    return emitError(llvm::toString(from.takeError()));
  llvm::Expected<Phase> to = parsePhase(options.to);
  if (!to)
    return emitError(llvm::toString(to.takeError()));
  buildPipeline(manager, *from, *to, options.phaseOptions());
  return success();
}

static void
visitOptions(function_ref<void(const mlir::detail::PassOptions &)> visit) {
  visit(PipelineOptions());
}

/// --lqc-NAME for one phase.
static void registerPhase(const PhaseInfo &info) {
  Phase phase = info.phase;
  auto build = [phase](OpPassManager &manager, StringRef text,
                       ErrorHandler) -> LogicalResult {
    PipelineOptions options;
    if (failed(options.parseFromString(text)))
      return failure();
    buildPipeline(manager, Phase(int(phase) - 1), phase,
                  options.phaseOptions());
    return success();
  };
  registerPassPipeline(("lqc-" + info.name).str(), info.description, build,
                       visitOptions);
}

void lqc::registerPassesAndPipelines() {
  registerSimplifyPasses();
  registerQuantizePasses();
  registerSchedulePasses();
  registerLowerCPUPasses();
  for (const PhaseInfo &info : phases())
    if (info.isPresent && info.phase != Phase::Import &&
        info.phase != Phase::Link)
      registerPhase(info);
  registerPassPipeline("lqc-pipeline", "the phases behind `from` up to `to`",
                       buildStretch, visitOptions);
}
