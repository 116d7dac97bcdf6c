//===- Phases.cpp - the one list of phases --------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Phases.h"

#include "lqc/Support/Error.h"
#include "passes/Lower/CPU/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Simplify/Passes.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lqc;

static constexpr PhaseInfo kPhases[] = {
    {Phase::Import, "import",
     "model-level ops, weights as symbols, one function per decoder layer",
     true},
    {Phase::Simplify, "simplify",
     "constants folded, equal weights shared, unused ones dropped", true},
    {Phase::Prune, "prune", "fewer experts, rows or heads", false},
    {Phase::Quantize, "quantize",
     "every weight and activation to be quantized carries its scheme", true},
    {Phase::Schedule, "schedule",
     "kernels, steps, layouts and the arena: nothing left to decide", true},
    {Phase::Lower, "lower", "the LLVM dialect, no lqc operation", true},
    {Phase::Link, "link", "one executable: code, runtime and weights", true},
};

llvm::ArrayRef<PhaseInfo> lqc::phases() { return kPhases; }

StringRef lqc::phaseName(Phase phase) { return kPhases[int(phase)].name; }

llvm::Expected<Phase> lqc::parsePhase(StringRef name) {
  std::string present;
  for (const PhaseInfo &info : kPhases) {
    if (!info.isPresent)
      continue;
    if (info.name == name)
      return info.phase;
    present += (present.empty() ? "" : ", ") + info.name.str();
  }
  bool isKnown = llvm::any_of(
      kPhases, [&](const PhaseInfo &info) { return info.name == name; });
  return makeError("{0}; phases that are: {1}",
                   isKnown ? "phase '" + name.str() +
                                 "' is not in this version of LQC"
                           : "no phase is called " + quote(name),
                   present);
}

static void buildPhase(OpPassManager &manager, Phase phase,
                       const PhaseOptions &options) {
  switch (phase) {
  case Phase::Simplify:
    return buildSimplifyPipeline(manager, options.context);
  case Phase::Quantize:
    return buildQuantizePipeline(manager, options.quantize);
  case Phase::Schedule:
    return buildSchedulePipeline(manager);
  case Phase::Lower:
    return buildLowerCPUPipeline(manager);
  case Phase::Import:
  case Phase::Prune:
  case Phase::Link:
    return;
  }
}

void lqc::buildPipeline(OpPassManager &manager, Phase from, Phase to,
                        const PhaseOptions &options) {
  for (const PhaseInfo &info : kPhases)
    if (info.phase > from && info.phase <= to)
      buildPhase(manager, info.phase, options);
}
