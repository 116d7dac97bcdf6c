//===- BufferizeGraph.cpp - a graph's tensors become buffers --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Payload.h"
#include "passes/Lower/CPU/Graph.h"
#include "passes/Lower/CPU/Passes.h"

#include "mlir/Conversion/BufferizationToMemRef/BufferizationToMemRef.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace lqc {
#define GEN_PASS_DEF_BUFFERIZEGRAPHPASS
#include "passes/Lower/CPU/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct BufferizeGraphPass
    : lqc::impl::BufferizeGraphPassBase<BufferizeGraphPass> {
  void getDependentDialects(DialectRegistry &registry) const override;
  void runOnOperation() override;
};
} // namespace

static void buildPipeline(OpPassManager &manager) {
  // Results are written where they are wanted.
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  options.allowReturnAllocsFromLoops = true;
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  manager.addPass(createCanonicalizerPass());
  bufferization::buildBufferDeallocationPipeline(manager);
  manager.addPass(createConvertBufferizationToMemRefPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void BufferizeGraphPass::getDependentDialects(DialectRegistry &registry) const {
  BufferizeGraphPassBase::getDependentDialects(registry);
  OpPassManager manager(ModuleOp::getOperationName());
  buildPipeline(manager);
  manager.getDependentDialects(registry);
}

/// Every weight that is read becomes a global without a value, which says where
/// it lies in the payload.
static void convertWeights(ModuleOp module) {
  SmallVector<PayloadWeight> payload = planPayload(module);
  OpBuilder builder(module.getContext());
  module->setAttr(kWeightsBytesAttrName,
                  builder.getI64IntegerAttr(payloadBytes(payload)));
  llvm::StringMap<uint64_t> offsets;
  for (PayloadWeight &entry : payload)
    offsets[entry.weight.getSymName()] = entry.offset;
  for (WeightOp weight :
       llvm::make_early_inc_range(module.getOps<WeightOp>())) {
    auto found = offsets.find(weight.getSymName());
    if (found != offsets.end()) {
      builder.setInsertionPoint(weight);
      RankedTensorType type = weight.getTensorType();
      memref::GlobalOp global = memref::GlobalOp::create(
          builder, weight.getLoc(), weight.getSymName(),
          builder.getStringAttr("private"),
          MemRefType::get(type.getShape(), type.getElementType()),
          /*initial_value=*/Attribute(), /*constant=*/false,
          builder.getI64IntegerAttr(kWeightAlignment));
      global->setAttr(kOffsetAttrName,
                      builder.getI64IntegerAttr(found->second));
    }
    weight.erase();
  }
  module.walk([&](GetWeightOp read) {
    builder.setInsertionPoint(read);
    RankedTensorType type = read.getType();
    Value buffer = memref::GetGlobalOp::create(
        builder, read.getLoc(),
        MemRefType::get(type.getShape(), type.getElementType()),
        read.getWeight());
    read.replaceAllUsesWith(
        bufferization::ToTensorOp::create(builder, read.getLoc(), type, buffer,
                                          /*restrict=*/true)
            .getResult());
    read.erase();
  });
}

/// Every function, and every call, gets the call's context as first argument.
static void threadContext(ModuleOp module) {
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  SmallVector<func::CallOp> calls;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    (void)function.insertArgument(0, pointer, {}, function.getLoc());
    function.walk([&](func::CallOp call) { calls.push_back(call); });
  }
  for (func::CallOp call : calls)
    call->insertOperands(0,
                         call->getParentOfType<func::FuncOp>().getArgument(0));
}

void BufferizeGraphPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  convertWeights(module);
  Builder builder(&getContext());
  // The caller keeps its inputs.
  if (func::FuncOp main = module.lookupSymbol<func::FuncOp>(kMainName))
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      main.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                      builder.getBoolAttr(false));
  OpPassManager manager(ModuleOp::getOperationName());
  buildPipeline(manager);
  if (failed(runPipeline(manager, module)))
    return signalPassFailure();
  threadContext(module);
}
