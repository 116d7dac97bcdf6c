//===- Machine.cpp - runs operations one after another --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "Types.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

using namespace lqc;
using namespace mlir;

/// Deeper calls are taken for endless ones.
static constexpr unsigned kMaxDepth = 256;

std::string lqc::placeOf(Operation *op) {
  std::string text;
  op->getLoc()->walk([&](Location location) {
    FileLineColLoc file = dyn_cast<FileLineColLoc>(location);
    if (!file)
      return WalkResult::advance();
    text = llvm::formatv("{0}:{1}:{2}: ", file.getFilename().getValue(),
                         file.getLine(), file.getColumn());
    return WalkResult::interrupt();
  });
  return text;
}

const OpTable &lqc::opTable() {
  static const OpTable table = [] {
    OpTable table;
    addWeightOps(table);
    addModelOps(table);
    addPatchesOp(table);
    addStepOps(table);
    addUpstreamArithOps(table);
    addUpstreamTensorOps(table);
    addUpstreamElementOps(table);
    addUpstreamLinalgOps(table);
    addUpstreamControlOps(table);
    return table;
  }();
  return table;
}

Machine::Machine(ModuleOp module, Find find, Fetch fetch, bool keepsWeights,
                 unsigned threads, int64_t slots)
    : module(module), threads(threads), find(std::move(find)),
      fetch(std::move(fetch)), keepsWeights(keepsWeights), slots(slots) {}

/// Every operand has a value, but for caches, which few operations know.
static llvm::Error checkOperands(Operation *op, const Frame &frame) {
  for (OpOperand &operand : op->getOpOperands()) {
    bool isCache = isa<CacheType>(operand.get().getType());
    bool takesCache = isa<CacheAppendOp, AttentionOp, func::CallOp>(op);
    if (isCache ? !takesCache : !frame.has(operand.get()))
      return opError(op, "operand {0} has no value here",
                     operand.getOperandNumber());
  }
  return llvm::Error::success();
}

llvm::Error Machine::execute(Operation *op, Frame &frame) {
  auto found = opTable().find(op->getName().getStringRef());
  if (found == opTable().end())
    return makeError("{0}the interpreter does not know {1}; what it knows is "
                     "listed in lib/Interpreter/Operations.md",
                     placeOf(op), op->getName().getStringRef());
  if (llvm::Error error = checkOperands(op, frame))
    return error;
  return found->second(op, frame);
}

llvm::Expected<TensorValue> Machine::weight(GetWeightOp op) {
  WeightOp weight = find(op.getWeight());
  if (!weight)
    return opError(op, "no weight is called @{0}", op.getWeight());
  auto known = weights.find(weight);
  if (known != weights.end())
    return known->second;
  llvm::Expected<WeightBytes> bytes = fetch(weight);
  if (!bytes)
    return bytes.takeError();
  llvm::Expected<TensorValue> value =
      tensorFromBytes(bytes->bytes, weight.getTensorType());
  if (!value)
    return prefixError("weight @" + weight.getSymName(), value.takeError());
  if (keepsWeights)
    weights[weight] = *value;
  return *value;
}

/// The operations of `value`'s block that it depends on, itself included.
static llvm::SetVector<Operation *> operationsFor(Value value) {
  llvm::SetVector<Operation *> result;
  result.insert(value.getDefiningOp());
  for (size_t i = 0; i < result.size(); ++i)
    result[i]->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        Operation *op = operand.getDefiningOp();
        if (op && op->getBlock() == value.getParentBlock())
          result.insert(op);
      }
    });
  return result;
}

llvm::Expected<TensorValue> Machine::evaluate(Value value) {
  Frame frame(*this, 0);
  llvm::SetVector<Operation *> needed = operationsFor(value);
  for (Operation &op : *value.getParentBlock())
    if (needed.contains(&op))
      if (llvm::Error error = execute(&op, frame))
        return std::move(error);
  return frame.get(value);
}

llvm::Expected<Machine::Values> Machine::runBlock(Block &block, Frame &frame) {
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = execute(&op, frame))
      return std::move(error);
  Values results;
  if (llvm::Error error = checkOperands(block.getTerminator(), frame))
    return std::move(error);
  for (Value operand : block.getTerminator()->getOperands())
    results.push_back(frame.get(operand));
  return results;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static bool hasKindOf(const TensorValue &value, Type type) {
  using Kind = TensorValue::Kind;
  if (SchemeAttr scheme = schemeOf(type))
    return value.kind() == Kind::Quantized &&
           value.quantized().scheme == scheme.getValue();
  if (integerBitsOf(type))
    return value.kind() == Kind::Integer;
  return value.kind() ==
         (floatFormatOf(type) == FloatFormat::F64 ? Kind::Double : Kind::Float);
}

/// Whether a value may stand for an argument; `fewerRows`: of a kernel.
static bool fits(const TensorValue &value, Type type, bool fewerRows) {
  if (!hasKindOf(value, type))
    return false;
  RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return value.shape().empty();
  if (static_cast<int64_t>(value.shape().size()) != tensor.getRank())
    return false;
  for (auto [i, pair] :
       llvm::enumerate(llvm::zip(value.shape(), tensor.getShape()))) {
    auto [size, expected] = pair;
    bool isValidRows = i == 0 && fewerRows && size <= expected;
    if (size != expected && !ShapedType::isDynamic(expected) && !isValidRows)
      return false;
  }
  return true;
}

static std::string describe(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

llvm::Expected<Machine::Values> Machine::call(Operation *callee,
                                              llvm::ArrayRef<TensorValue> args,
                                              unsigned depth) {
  KernelOp kernel = dyn_cast<KernelOp>(callee);
  std::string name = placeOf(callee) + "@" +
                     SymbolTable::getSymbolName(callee).getValue().str();
  if (callee->getRegion(0).empty())
    return makeError("{0}: a function without a body cannot be run", name);
  if (!callee->getRegion(0).hasOneBlock())
    return makeError("{0}: functions must have one block", name);
  if (depth > kMaxDepth)
    return makeError("{0}: calls must not be nested over {1} deep", name,
                     kMaxDepth);
  Frame frame(*this, depth);
  Block &block = callee->getRegion(0).front();
  llvm::SmallVector<BlockArgument> expected;
  for (BlockArgument argument : block.getArguments())
    if (!isa<CacheType>(argument.getType()))
      expected.push_back(argument);
  size_t least = expected.size();
  if (kernel)
    for (BlockArgument output : kernel.getOutputs())
      least -= output.use_empty();
  if (args.size() > expected.size() || args.size() < least)
    return makeError("{0}: must be called with {1} tensors, got: {2}", name,
                     expected.size(), args.size());
  for (auto [argument, value] : llvm::zip(expected, args)) {
    if (!fits(value, argument.getType(), bool(kernel)))
      return makeError(
          "{0}: argument {1} must be a {2}, got: shape [{3:$[, ]}]", name,
          argument.getArgNumber(), describe(argument.getType()),
          llvm::make_range(value.shape().begin(), value.shape().end()));
    frame.set(argument, value);
  }
  return runBlock(block, frame);
}

//===----------------------------------------------------------------------===//
// Cache
//===----------------------------------------------------------------------===//

llvm::Expected<LayerCache *> Machine::layerCache(CacheType type, int64_t layer,
                                                 int64_t slot) {
  if (slot < 0 || slot >= slots)
    return makeError("slot must be one of the cache's {0}, got: {1}", slots,
                     slot);
  layer += firstLayer;
  if (layer >= type.getLayers())
    return makeError("layer must be one of the cache's {0}, got: {1}",
                     type.getLayers(), layer);
  std::vector<LayerCache> &layers = caches[type];
  layers.resize(slots * type.getLayers());
  return &layers[slot * type.getLayers() + layer];
}
