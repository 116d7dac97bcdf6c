//===- Pipeline.cpp - the schedule phase ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"

#include "mlir/Pass/PassManager.h"

void lqc::buildSchedulePipeline(mlir::OpPassManager &manager) {
  // Before the steps, because a kernel is made for the packed type.
  manager.addPass(createPackWeightsPass());
  // A module is a decoder or a graph; each pass knows its own.
  manager.addPass(createBuildStepsPass());
  manager.addPass(createDispatchModelOpsPass());
  manager.addPass(createFuseElementwisePass());
  // After what follows a kernel is one operation.
  manager.addPass(createFuseEpiloguesPass());
}
