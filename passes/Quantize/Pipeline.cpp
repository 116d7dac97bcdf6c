//===- Pipeline.cpp - the quantize phase ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "lqc/Support/Error.h"
#include "passes/Quantize/Search.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

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
  if (options.uses(SearchMethod::SmoothQuant))
    manager.addPass(createSmoothquantPass(search));
  if (options.uses(SearchMethod::Awq))
    manager.addPass(createAwqPass(search));
  if (options.uses(SearchMethod::Gptq))
    manager.addPass(createGptqPass(search));
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

static constexpr std::pair<StringLiteral, SearchMethod> kMethodNames[] = {
    {"smoothquant", SearchMethod::SmoothQuant},
    {"awq", SearchMethod::Awq},
    {"gptq", SearchMethod::Gptq}};

static llvm::Expected<SearchMethod> parseSearchMethod(StringRef name) {
  for (auto [known, method] : kMethodNames)
    if (name == known)
      return method;
  return makeError("must be smoothquant, awq or gptq, or several of them "
                   "(awq,gptq), got: {0}",
                   quote(name));
}

llvm::Expected<SmallVector<SearchMethod>>
lqc::parseSearchMethods(StringRef text) {
  SmallVector<SearchMethod> methods;
  if (text.empty())
    return methods;
  for (StringRef name : llvm::split(text, ',')) {
    llvm::Expected<SearchMethod> method = parseSearchMethod(name);
    if (!method)
      return method.takeError();
    if (llvm::is_contained(methods, *method))
      return makeError("{0} must be given once, got: {1}", name, quote(text));
    methods.push_back(*method);
  }
  llvm::sort(methods);
  return methods;
}
