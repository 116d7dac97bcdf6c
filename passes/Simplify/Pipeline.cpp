//===- Pipeline.cpp - the simplify phase ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lqc::buildSimplifyPipeline(OpPassManager &manager, int64_t context) {
  manager.addPass(createCanonicalizerPass());
  // Before raising, which compares values: x * x is a square of one value.
  manager.addPass(createCSEPass());
  manager.addPass(createRaisePass());
  // Before unused weights go, because it leaves most of the graph behind.
  manager.addPass(createRaiseDecoderPass({context}));
  // Before CSE, because two reads of one weight are equal and two reads of two
  // equal weights are not.
  manager.addPass(createShareWeightsPass());
  manager.addPass(createCSEPass());
  // Last, because the others drop uses.
  manager.addPass(createDropUnusedWeightsPass());
}
