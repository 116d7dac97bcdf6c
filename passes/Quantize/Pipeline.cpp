//===- Pipeline.cpp - the quantize phase ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "passes/Quantize/Search.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace lqc;

void lqc::buildQuantizePipeline(OpPassManager &manager,
                                const QuantizeOptions &options) {
  manager.addPass(createQuantizeWeightsPass(options.weights));
  // After the weights, because their schemes decide which inputs are rounded.
  // Static scales were chosen with the weights; what is left has no statistics.
  if (options.activations == ActivationType::Int8)
    manager.addPass(createQuantizeActivationsPass());
}

void lqc::buildSchemeAssignment(OpPassManager &manager,
                                const QuantizeOptions &options) {
  AssignSchemesPassOptions assign;
  assign.scheme = options.weights.scheme;
  assign.overrides = options.weights.overrides;
  assign.strict = options.weights.strict;
  manager.addPass(createAssignSchemesPass(assign));
}

/// Rounds what is left at a stage. The ranges of AWQ are a part of the method.
static void addRounding(OpPassManager &manager, const QuantizeOptions &options,
                        SearchContext &search) {
  RoundWeightsPassOptions rounding;
  rounding.clip = options.uses(SearchMethod::Awq) ? Clip::least_squares
                                                  : options.weights.clip;
  manager.addPass(createRoundWeightsPass(rounding, search));
}

void lqc::buildSearchPipeline(OpPassManager &manager,
                              const QuantizeOptions &options,
                              SearchContext &search) {
  for (const SearchStep &step : options.methods) {
    switch (step.method) {
    case SearchMethod::SmoothQuant:
      manager.addPass(createSmoothquantPass(search));
      break;
    case SearchMethod::Awq:
      manager.addPass(createAwqPass(search));
      break;
    case SearchMethod::Protect:
      manager.addPass(createProtectSalientPass(search, step.percent));
      break;
    case SearchMethod::Gptq:
      manager.addPass(createGptqPass(search));
      break;
    }
  }
  addRounding(manager, options, search);
  // Here and not at the end, so that later layers are calibrated on what
  // rounded activations give.
  if (options.activations == ActivationType::F32)
    return;
  QuantizeActivationsPassOptions activations;
  if (options.activations == ActivationType::StaticInt8)
    activations.scales = ActivationScales::Static;
  manager.addPass(createQuantizeActivationsPass(activations, search));
}
