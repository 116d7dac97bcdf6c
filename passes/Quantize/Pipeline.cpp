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

void lqc::buildSearchPipeline(OpPassManager &manager,
                              const QuantizeOptions &options,
                              SearchContext &search) {
  for (SearchMethod method : options.methods) {
    switch (method) {
    case SearchMethod::Gptq:
      manager.addPass(createGptqPass(search));
      break;
    }
  }
  // Here and not at the end, so that later layers are calibrated on what
  // rounded activations give.
  if (options.activations == ActivationType::Int8)
    manager.addPass(createQuantizeActivationsPass());
}

llvm::Expected<SmallVector<SearchMethod>>
lqc::parseSearchMethods(StringRef text) {
  SmallVector<SearchMethod> methods;
  if (text.empty())
    return methods;
  for (StringRef name : llvm::split(text, ',')) {
    if (name != "gptq")
      return makeError("must be gptq, got: {0}", quote(name));
    methods.push_back(SearchMethod::Gptq);
  }
  if (methods.size() > 1)
    return makeError("gptq must be given once, got: {0}", quote(text));
  return methods;
}
