//===- LowerKernels.cpp - generate the code of kernels and steps ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"
#include "passes/Lower/CPU/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lqc {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "passes/Lower/CPU/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

using Emitter = LogicalResult (*)(KernelEmitter &);

/// The emitter for an operation, or null.
static Emitter emitterFor(StringRef operation) {
  return llvm::StringSwitch<Emitter>(operation)
      .Case(arith::AddFOp::getOperationName(), emitElementwise)
      .Case(AttentionOp::getOperationName(), emitAttention)
      .Case(CacheAppendOp::getOperationName(), emitCacheAppend)
      .Case(DepthwiseOp::getOperationName(), emitDepthwise)
      .Case(EmbeddingOp::getOperationName(), emitEmbedding)
      .Case(GatedActivationOp::getOperationName(), emitElementwise)
      .Case(LayerNormOp::getOperationName(), emitLayerNorm)
      .Cases({LinearOp::getOperationName(), IntegerLinearOp::getOperationName(),
              PatchesOp::getOperationName()},
             emitLinear)
      .Case(QuantizeOp::getOperationName(), emitQuantize)
      .Case(RmsNormOp::getOperationName(), emitRmsNorm)
      .Case(RopeOp::getOperationName(), emitRope)
      .Case(RotaryTableOp::getOperationName(), emitRotaryTable)
      .Case(SplitColumnsOp::getOperationName(), emitSplitColumns)
      .Default(nullptr);
}

namespace {
struct LowerKernelsPass : lqc::impl::LowerKernelsPassBase<LowerKernelsPass> {
  void runOnOperation() override;
};
} // namespace

static LogicalResult lowerKernel(KernelOp kernel, TargetAttr target) {
  Block &block = kernel.getBlock();
  Operation &op = *operationOf(kernel);
  Emitter emit = emitterFor(op.getName().getStringRef());
  // One operation, or a linear behind the patches that it alone reads; then
  // maybe an epilogue, and the terminator.
  int64_t most = isa<PatchesOp>(op) ? 3 : 2;
  bool mayHaveEpilogue =
      isa<PatchesOp, LinearOp, IntegerLinearOp, DepthwiseOp>(op);
  if (mayHaveEpilogue &&
      isa<linalg::GenericOp>(block.getTerminator()->getPrevNode()))
    ++most;
  int64_t count = llvm::count_if(block, [](Operation &one) {
    return !one.hasTrait<OpTrait::ConstantLike>();
  });
  if (!emit || count != most)
    return op.emitOpError(
        "is not a kernel that the CPU's code generator knows");
  KernelEmitter emitter(kernel, target);
  if (failed(emit(emitter)))
    return failure();
  emitter.finish();
  kernel.erase();
  return success();
}

void LowerKernelsPass::runOnOperation() {
  ModuleOp module = getOperation();
  TargetAttr target = module->getAttrOfType<TargetAttr>(kTargetAttrName);
  if (!target) {
    module.emitError("has no lqc.target to generate code for");
    return signalPassFailure();
  }
  SmallVector<KernelFacts> kernels; // in the order of the module
  for (KernelOp kernel :
       llvm::make_early_inc_range(module.getOps<KernelOp>())) {
    // What a graph's kernel costs depends on sizes that are not known here.
    kernels.push_back(
        {kernel.getSymName().str(), KernelUnits::of(kernel),
         isGraph(module) ? KernelCost() : KernelCost::of(kernel)});
    if (failed(lowerKernel(kernel, target)))
      return signalPassFailure();
  }
  lowerGraphDispatches(module, kernels);
  if (failed(lowerSteps(module, kernels)))
    return signalPassFailure();
  for (WeightOp weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
    weight.erase();
  module->removeAttr(kModelAttrName);
}
