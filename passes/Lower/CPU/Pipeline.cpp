//===- Pipeline.cpp - the lower phase for CPUs ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lqc::buildLowerCPUPipeline(OpPassManager &manager) {
  // A graph's passes leave a decoder as it is.
  manager.addPass(createBufferizeGraphPass());
  manager.addPass(createDispatchLoopsPass());
  manager.addPass(createLowerGraphPass());
  manager.addPass(createGuardArithmeticPass());
  manager.addPass(createLowerKernelsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  // Before math-to-llvm, because that makes calls of the C library of whatever
  // is no instruction.
  manager.addPass(createExpandMathPass());
  // Addresses are the same for every column of a loop.
  manager.addPass(createLoopInvariantCodeMotionPass());
  // What a graph has besides: addresses of views, index arithmetic.
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  // What has no instruction.
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(arith::createArithExpandOpsPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  // Last, because the others convert what is inside functions.
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
}
