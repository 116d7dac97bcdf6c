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
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
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

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

namespace {
/// lqc.dispatch reads its inputs and writes its destinations.
struct DispatchBufferization
    : bufferization::BufferizableOpInterface::ExternalModel<
          DispatchBufferization, DispatchOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    return !resultOf(op, operand);
  }
  bool bufferizesToMemoryWrite(Operation *op, OpOperand &operand,
                               const bufferization::AnalysisState &) const {
    return bool(resultOf(op, operand));
  }
  bufferization::AliasingValueList
  getAliasingValues(Operation *op, OpOperand &operand,
                    const bufferization::AnalysisState &) const {
    if (OpResult result = resultOf(op, operand))
      return {{result, bufferization::BufferRelation::Equivalent}};
    return {};
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const;

  /// What a destination becomes, or null for an input.
  static OpResult resultOf(Operation *op, OpOperand &operand) {
    unsigned first = op->getNumOperands() - op->getNumResults();
    unsigned number = operand.getOperandNumber();
    return number < first ? OpResult() : op->getResult(number - first);
  }
};
} // namespace

LogicalResult DispatchBufferization::bufferize(
    Operation *op, RewriterBase &rewriter,
    const bufferization::BufferizationOptions &options,
    bufferization::BufferizationState &state) const {
  // Kernels want rows one after another.
  auto isRowMajor = [](Value buffer) {
    return cast<MemRefType>(buffer.getType()).getLayout().isIdentity();
  };
  SmallVector<Value> operands(op->getOperands()), results;
  SmallVector<std::pair<Value, Value>> copies; // from, to
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    FailureOr<Value> buffer =
        bufferization::getBuffer(rewriter, operand.get(), options, state);
    if (failed(buffer))
      return failure();
    OpResult result = resultOf(op, operand);
    Value &used = operands[operand.getOperandNumber()];
    used = *buffer;
    if (result)
      results.push_back(*buffer);
    if (isRowMajor(*buffer))
      continue;
    MemRefType type = cast<MemRefType>(buffer->getType());
    FailureOr<Value> rowMajor = bufferization::castOrReallocMemRefValue(
        rewriter, *buffer,
        MemRefType::get(type.getShape(), type.getElementType()), options);
    if (failed(rowMajor))
      return failure();
    used = *rowMajor;
    if (result)
      copies.push_back({used, *buffer});
  }
  DispatchOp dispatch = cast<DispatchOp>(op);
  DispatchOp::create(rewriter, op->getLoc(), TypeRange(),
                     dispatch.getKernelAttr(), dispatch.getRows(),
                     ValueRange(operands).drop_front());
  for (auto [from, to] : copies)
    memref::CopyOp::create(rewriter, op->getLoc(), from, to);
  bufferization::replaceOpWithBufferizedValues(rewriter, op, results);
  return success();
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// Tensors to buffers, but for kernels, which say what is computed and not
/// where.
static LogicalResult bufferize(ModuleOp module) {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.setFunctionBoundaryTypeConversion(
      bufferization::LayoutMapOption::IdentityLayoutMap);
  options.allowReturnAllocsFromLoops = true;
  options.opFilter.denyOperation([](Operation *op) {
    return isa<KernelOp>(op) || op->getParentOfType<KernelOp>();
  });
  bufferization::BufferizationState state;
  return bufferization::runOneShotModuleBufferize(module, options, state);
}

/// What is left to do with the buffers.
static void buildPipeline(OpPassManager &manager) {
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
  registry.addExtension(+[](MLIRContext *context, LQCDialect *) {
    DispatchOp::attachInterface<DispatchBufferization>(*context);
  });
}

/// A weight's numbers, or its bytes if they are packed.
static MemRefType memoryType(RankedTensorType type) {
  if (packedOf(type))
    return MemRefType::get(int64_t(weightBytes(type)),
                           IntegerType::get(type.getContext(), 8));
  return MemRefType::get(type.getShape(), type.getElementType());
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
      memref::GlobalOp global = memref::GlobalOp::create(
          builder, weight.getLoc(), weight.getSymName(),
          builder.getStringAttr("private"), memoryType(weight.getTensorType()),
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
        builder, read.getLoc(), memoryType(type), read.getWeight());
    if (packedOf(type)) { // only kernels know what is in there
      read->replaceAllUsesWith(ValueRange{buffer});
      return read.erase();
    }
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
  // Results are written where they are wanted.
  OpPassManager before(ModuleOp::getOperationName());
  before.addPass(bufferization::createEmptyTensorEliminationPass());
  OpPassManager after(ModuleOp::getOperationName());
  buildPipeline(after);
  if (failed(runPipeline(before, module)) || failed(bufferize(module)) ||
      failed(runPipeline(after, module)))
    return signalPassFailure();
  threadContext(module);
}
