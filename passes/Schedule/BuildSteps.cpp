//===- BuildSteps.cpp - @forward becomes kernels and steps ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step is built in two passes over the model's operations. The first walks
// @forward and, through its calls, the layers, and records dispatches on
// virtual buffers; the second, when every buffer's life is known, plans the
// arena and writes the step.
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "passes/Schedule/ArenaPlan.h"
#include "passes/Schedule/KernelTable.h"
#include "passes/Schedule/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace lqc {
#define GEN_PASS_DEF_BUILDSTEPSPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
/// What a value of the model is in a step.
struct Operand {
  enum Kind { Argument, Buffer, Weight, Cache } kind;
  int64_t index;         ///< argument number, buffer number, or cache layer
  Type type;             ///< as the kernel sees it
  StringAttr weightName; ///< of a Weight
};

/// A dispatch on virtual buffers.
struct Dispatch {
  KernelOp kernel;
  SmallVector<Operand> operands;
  bool outputRows; ///< valid rows are the wanted rows, not the tokens
  Location loc;
};

/// Builds one step.
class StepBuilder {
public:
  StepBuilder(func::FuncOp forward, SymbolTable &symbols, KernelTable &kernels,
              StringRef name, int64_t rows)
      : forward(forward), symbols(symbols), kernels(kernels), name(name),
        rows(rows) {}

  LogicalResult build();

private:
  LogicalResult recordForward();
  LogicalResult recordBlock(Block &block);
  LogicalResult recordCall(func::CallOp call);
  LogicalResult recordKernel(Operation *op);
  /// The values between the last layer and the logits: computed for the wanted
  /// rows only. Returns where they start.
  Value findTail();
  void recordGather(Value value);
  Operand newBuffer(Type type);
  Operand operandFor(Operation *op, Value value);
  void useBuffer(const Operand &operand);
  RankedTensorType sized(Type type) const;
  StepOp writeStep();

  func::FuncOp forward;
  SymbolTable &symbols;
  KernelTable &kernels;
  StringRef name;
  int64_t rows;
  llvm::DenseMap<Value, Operand> operands;
  llvm::DenseSet<Operation *> tailOps;
  Value tailInput;
  Value logits;
  std::vector<Dispatch> dispatches;
  std::vector<ArenaBuffer> buffers;
};

struct BuildStepsPass : lqc::impl::BuildStepsPassBase<BuildStepsPass> {
  using BuildStepsPassBase::BuildStepsPassBase;
  void runOnOperation() override;
};
} // namespace

/// The type with `rows` instead of the dynamic dimension.
RankedTensorType StepBuilder::sized(Type type) const {
  RankedTensorType tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  for (int64_t &dim : shape)
    if (ShapedType::isDynamic(dim))
      dim = rows;
  return RankedTensorType::get(shape, tensor.getElementType(),
                               tensor.getEncoding());
}

Operand StepBuilder::newBuffer(Type type) {
  RankedTensorType tensor = sized(type);
  ArenaBuffer buffer;
  buffer.bytes = BufferType::get(tensor.getContext(), tensor).getBytes();
  buffer.first = buffer.last = dispatches.size();
  buffers.push_back(buffer);
  return {Operand::Buffer, int64_t(buffers.size()) - 1, tensor, {}};
}

void StepBuilder::useBuffer(const Operand &operand) {
  if (operand.kind == Operand::Buffer)
    buffers[operand.index].last = dispatches.size();
}

//===----------------------------------------------------------------------===//
// First pass: record dispatches
//===----------------------------------------------------------------------===//

/// The operand that carries an operation's rows, if its result's row depends on
/// the same row of that operand alone.
static Value rowOperand(Operation *op) {
  if (isa_and_nonnull<LinearOp, RmsNormOp, LayerNormOp, QuantizeOp>(op))
    return op->getOperand(0);
  return {};
}

Value StepBuilder::findTail() {
  Value value = logits;
  while (Value input = rowOperand(value.getDefiningOp())) {
    tailOps.insert(value.getDefiningOp());
    value = input;
  }
  return value;
}

/// The rows of `value` whose logits are wanted, as a buffer of their own.
void StepBuilder::recordGather(Value value) {
  Operand source = operands.lookup(value);
  OpBuilder builder(forward.getContext());
  Operand indices{Operand::Argument,
                  StepOp::Outputs,
                  RankedTensorType::get({rows}, builder.getI32Type()),
                  {}};
  KernelOp kernel = kernels.get("embedding", {indices.type, source.type},
                                {source.type}, {}, forward.getLoc());
  useBuffer(source);
  Operand result = newBuffer(source.type);
  dispatches.push_back(
      {kernel, {indices, source, result}, true, value.getLoc()});
  operands[value] = result;
}

Operand StepBuilder::operandFor(Operation *op, Value value) {
  Operand operand = operands.lookup(value);
  if (operand.kind != Operand::Cache)
    return operand;
  operand.index = cast<IntegerAttr>(op->getAttr("layer")).getInt();
  return operand;
}

LogicalResult StepBuilder::recordKernel(Operation *op) {
  Dispatch dispatch{{}, {}, tailOps.contains(op), op->getLoc()};
  if (dispatch.outputRows && rowOperand(op) == tailInput)
    recordGather(tailInput);
  SmallVector<Type> inputs, results;
  for (Value value : op->getOperands()) {
    dispatch.operands.push_back(operandFor(op, value));
    inputs.push_back(dispatch.operands.back().type);
    useBuffer(dispatch.operands.back());
  }
  for (Value result : op->getResults()) {
    Operand operand = result == logits ? Operand{Operand::Argument,
                                                 StepOp::Logits,
                                                 sized(result.getType()),
                                                 {}}
                                       : newBuffer(result.getType());
    operands[result] = operand;
    dispatch.operands.push_back(operand);
    results.push_back(operand.type);
  }
  if (isa<LinearOp>(op) && !packedOf(inputs[1]))
    return op->emitOpError("matrix must be packed: run lqc-pack-weights first");
  dispatch.kernel = kernels.get(op, inputs, results);
  if (!dispatch.kernel)
    return op->emitOpError("has no kernel: the CPU cannot run it");
  dispatches.push_back(std::move(dispatch));
  return success();
}

LogicalResult StepBuilder::recordCall(func::CallOp call) {
  func::FuncOp callee = symbols.lookup<func::FuncOp>(call.getCallee());
  if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock())
    return call.emitOpError("must call a function with one block");
  Block &block = callee.getBody().front();
  for (auto [argument, value] :
       llvm::zip(block.getArguments(), call.getOperands()))
    operands[argument] = operands.lookup(value);
  if (failed(recordBlock(block)))
    return failure();
  for (auto [result, value] :
       llvm::zip(call.getResults(), block.getTerminator()->getOperands()))
    operands[result] = operands.lookup(value);
  return success();
}

LogicalResult StepBuilder::recordBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    LogicalResult result = success();
    if (GetWeightOp read = dyn_cast<GetWeightOp>(op))
      operands[read] = {Operand::Weight, 0, read.getType(),
                        read.getWeightAttr().getAttr()};
    else if (func::CallOp call = dyn_cast<func::CallOp>(op))
      result = recordCall(call);
    else
      result = recordKernel(&op);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult StepBuilder::recordForward() {
  Block &block = forward.getBody().front();
  StepOp::Argument order[] = {StepOp::Tokens, StepOp::Positions, StepOp::Slots};
  for (auto [argument, number] :
       llvm::zip(block.getArguments().take_front(3), order))
    operands[argument] = {
        Operand::Argument, number, sized(argument.getType()), {}};
  BlockArgument cache = block.getArgument(3);
  operands[cache] = {Operand::Cache, 0, cache.getType(), {}};
  logits = block.getTerminator()->getOperand(0);
  tailInput = findTail();
  if (tailInput == logits)
    return forward.emitOpError("must return the logits of a linear");
  return recordBlock(block);
}

//===----------------------------------------------------------------------===//
// Second pass: write the step
//===----------------------------------------------------------------------===//

StepOp StepBuilder::writeStep() {
  MLIRContext *context = forward.getContext();
  OpBuilder builder(context);
  builder.setInsertionPoint(forward);
  Location loc = forward.getLoc();
  uint64_t arenaBytes = planArena(buffers);
  StepOp step = StepOp::create(builder, loc, name, arenaBytes);
  Block &block = step.getBody().emplaceBlock();

  Type ids = BufferType::get(
      context, RankedTensorType::get({rows}, builder.getI32Type()));
  Type logitsType = BufferType::get(context, sized(logits.getType()));
  Type cacheType = forward.getArgumentTypes()[3];
  for (Type type : {ids, ids, ids, ids, logitsType, cacheType,
                    Type(builder.getIndexType()), Type(builder.getIndexType())})
    block.addArgument(type, loc);

  builder.setInsertionPointToEnd(&block);
  llvm::DenseMap<int64_t, Value> slices, layers;
  llvm::DenseMap<StringAttr, Value> weights;
  auto valueOf = [&](const Operand &operand, Location at) -> Value {
    switch (operand.kind) {
    case Operand::Argument:
      return block.getArgument(operand.index);
    case Operand::Buffer: {
      Value &slice = slices[operand.index];
      if (!slice)
        slice = ArenaSliceOp::create(
            builder, at,
            BufferType::get(context, cast<RankedTensorType>(operand.type)),
            buffers[operand.index].offset);
      return slice;
    }
    case Operand::Weight: {
      Value &weight = weights[operand.weightName];
      if (!weight)
        weight = GetWeightOp::create(builder, at, operand.type,
                                     operand.weightName.getValue());
      return weight;
    }
    case Operand::Cache: {
      Value &layer = layers[operand.index];
      if (!layer)
        layer = CacheLayerOp::create(builder, at, cacheType,
                                     block.getArgument(StepOp::Cache),
                                     operand.index);
      return layer;
    }
    }
    llvm_unreachable("every kind of operand has a value");
  };
  for (Dispatch &dispatch : dispatches) {
    SmallVector<Value> values;
    for (const Operand &operand : dispatch.operands)
      values.push_back(valueOf(operand, dispatch.loc));
    Value count = step.getStepArgument(dispatch.outputRows ? StepOp::OutputCount
                                                           : StepOp::Count);
    DispatchOp::create(builder, dispatch.loc, TypeRange(),
                       FlatSymbolRefAttr::get(dispatch.kernel), count, values);
  }
  return step;
}

LogicalResult StepBuilder::build() {
  if (failed(recordForward()))
    return failure();
  writeStep();
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static LogicalResult verifyForward(func::FuncOp forward) {
  ArrayRef<Type> arguments = forward.getArgumentTypes();
  if (forward.getBody().hasOneBlock() && arguments.size() == 4 &&
      isa<CacheType>(arguments[3]) && forward.getNumResults() == 1)
    return success();
  return forward.emitOpError(
      "must take tokens, positions, slots and a cache and return the logits");
}

void BuildStepsPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (isGraph(module))
    return;
  SymbolTable symbols(module);
  func::FuncOp forward = symbols.lookup<func::FuncOp>(kForwardName);
  if (!forward) {
    module.emitError("has no function @forward to schedule");
    return signalPassFailure();
  }
  if (failed(verifyForward(forward)))
    return signalPassFailure();

  KernelTable kernels(forward, symbols);
  std::pair<StringRef, int64_t> steps[] = {{"decode", 1}, {"prefill", chunk}};
  for (auto [name, rows] : steps)
    if (failed(StepBuilder(forward, symbols, kernels, name, rows).build()))
      return signalPassFailure();
  for (func::FuncOp function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    function.erase();
}
