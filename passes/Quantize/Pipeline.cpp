//===- Pipeline.cpp - the quantize phase ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;

void lqc::buildQuantizePipeline(OpPassManager &manager,
                                const QuantizeOptions &options) {
  manager.addPass(createQuantizeWeightsPass(options.weights));
  // After the weights, because their schemes decide which inputs are rounded.
  if (options.activations == ActivationType::Int8)
    manager.addPass(createQuantizeActivationsPass());
}
