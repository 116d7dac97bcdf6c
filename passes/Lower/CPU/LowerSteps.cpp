//===- LowerSteps.cpp - steps become calls of the runtime -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Payload.h"
#include "passes/Lower/CPU/Constants.h"
#include "passes/Lower/CPU/KernelEmitter.h"

#include "lqc/Runtime/Model.h"

#include <cstddef>

using namespace mlir;
using namespace lqc;

/// Bytes of weights or activations that are worth waking a thread for.
static constexpr int64_t kGrainBytes = 1 << 15;

KernelUnits KernelUnits::of(KernelOp kernel) {
  KernelUnits result{int64_t(kernel.getUnits()), kernel.getUnitRows(), 1};
  bool perRow = result.rows == 1;
  uint64_t bytes = 0; // of one unit
  for (BlockArgument argument : kernel.getBlock().getArguments()) {
    RankedTensorType type = dyn_cast<RankedTensorType>(argument.getType());
    if (type && packedOf(type))
      bytes += perRow ? 0 : weightBytes(type) / result.units;
    else if (type && type.getRank() == 2 && perRow)
      bytes += type.getDimSize(1) * 4 / result.units;
  }
  // What is read of the image and multiplied, place by place.
  if (DepthwiseOp op = dyn_cast<DepthwiseOp>(operationOf(kernel)))
    bytes = *result.rows * op.getWeight().getType().getNumElements();
  if (!isa<AttentionOp>(kernel.getBlock().front()))
    result.grain =
        std::max<int64_t>(1, kGrainBytes / std::max<uint64_t>(1, bytes));
  return result;
}

Value KernelUnits::countFor(ImplicitLocOpBuilder &b, Value count) const {
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  };
  if (!rows)
    return constant(units);
  if (*rows > 1)
    count = LLVM::SDivOp::create(
        b, LLVM::AddOp::create(b, count, constant(*rows - 1)), constant(*rows));
  return LLVM::MulOp::create(b, count, constant(units));
}

namespace {
/// Writes the LLVM function of one step.
struct StepLowering {
  StepLowering(StepOp step, const llvm::StringMap<KernelUnits> &units,
               const llvm::StringMap<uint64_t> &weightOffsets)
      : step(step), b(step.getLoc(), step.getContext()), units(units),
        weightOffsets(weightOffsets),
        pointer(LLVM::LLVMPointerType::get(step.getContext())) {}

  void lower();

  Value field(size_t offset, Type type);
  Value offsetFrom(Value base, int64_t bytes);
  Value lowerOperand(Operation *op);
  void lowerDispatch(DispatchOp dispatch);
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  }

  StepOp step;
  ImplicitLocOpBuilder b;
  const llvm::StringMap<KernelUnits> &units;
  const llvm::StringMap<uint64_t> &weightOffsets;
  Type pointer;
  Value stepPointer, arguments, arena, weights, cache, pool;
  llvm::DenseMap<Value, Value> lowered;
};
} // namespace

Value StepLowering::offsetFrom(Value base, int64_t bytes) {
  if (!bytes)
    return base;
  return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{constant(bytes)});
}

Value StepLowering::field(size_t offset, Type type) {
  return LLVM::LoadOp::create(b, type, offsetFrom(stepPointer, offset));
}

/// An arena slice, a weight, or one layer of the cache, as an address.
Value StepLowering::lowerOperand(Operation *op) {
  if (ArenaSliceOp slice = dyn_cast<ArenaSliceOp>(op))
    return offsetFrom(arena, slice.getOffset());
  if (GetWeightOp read = dyn_cast<GetWeightOp>(op))
    return offsetFrom(weights, weightOffsets.lookup(read.getWeight()));
  CacheLayerOp layer = cast<CacheLayerOp>(op);
  return offsetFrom(cache,
                    layer.getLayer() * CacheGeometry(layer.getType()).layer);
}

void StepLowering::lowerDispatch(DispatchOp dispatch) {
  for (auto [index, operand] : llvm::enumerate(dispatch.getOperands_()))
    LLVM::StoreOp::create(b, lowered.lookup(operand),
                          offsetFrom(arguments, index * 8));
  const KernelUnits &work = units.at(dispatch.getKernel());
  Value rows = lowered.lookup(dispatch.getRows());
  func::FuncOp kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      step, dispatch.getKernelAttr());
  Value function = func::ConstantOp::create(b, kernel.getFunctionType(),
                                            dispatch.getKernelAttr());
  function =
      UnrealizedConversionCastOp::create(b, pointer, function).getResult(0);
  LLVM::CallOp::create(b, TypeRange(), "lqc_dispatch",
                       ValueRange{pool, function, arguments, rows,
                                  work.countFor(b, rows),
                                  constant(work.grain)});
}

void StepLowering::lower() {
  b.setInsertionPoint(step);
  LLVM::LLVMFuncOp function = LLVM::LLVMFuncOp::create(
      b, ("lqc_" + step.getSymName()).str(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer}));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  stepPointer = entry->getArgument(0);

  int64_t most = 1;
  for (DispatchOp dispatch : step.getBlock().getOps<DispatchOp>())
    most = std::max<int64_t>(most, dispatch.getOperands_().size());
  arguments = LLVM::AllocaOp::create(b, pointer, pointer, constant(most));
  arena = field(offsetof(lqc_step, arena), pointer);
  weights = field(offsetof(lqc_step, weights), pointer);
  cache = field(offsetof(lqc_step, cache), pointer);
  pool = field(offsetof(lqc_step, pool), pointer);
  std::pair<StepOp::Argument, size_t> pointers[] = {
      {StepOp::Tokens, offsetof(lqc_step, tokens)},
      {StepOp::Positions, offsetof(lqc_step, positions)},
      {StepOp::Slots, offsetof(lqc_step, slots)},
      {StepOp::Outputs, offsetof(lqc_step, outputs)},
      {StepOp::Logits, offsetof(lqc_step, logits)}};
  for (auto [argument, offset] : pointers)
    lowered[step.getStepArgument(argument)] = field(offset, pointer);
  lowered[step.getStepArgument(StepOp::Cache)] = cache;
  lowered[step.getStepArgument(StepOp::Count)] =
      field(offsetof(lqc_step, count), b.getI64Type());
  lowered[step.getStepArgument(StepOp::OutputCount)] =
      field(offsetof(lqc_step, output_count), b.getI64Type());

  for (Operation &op : step.getBlock()) {
    if (DispatchOp dispatch = dyn_cast<DispatchOp>(op))
      lowerDispatch(dispatch);
    else
      lowered[op.getResult(0)] = lowerOperand(&op);
  }
  LLVM::ReturnOp::create(b, ValueRange());
}

//===----------------------------------------------------------------------===//
// lqc_model
//===----------------------------------------------------------------------===//

namespace {
/// What lqc_model says, taken from the steps before they go.
struct ModelFacts {
  int64_t vocabulary, context, chunk, arenaBytes, cacheBytes, weightsBytes;
  std::string features;
};
} // namespace

static ModelFacts factsOf(StepOp decode, StepOp prefill, TargetAttr target) {
  auto tensorOf = [](StepOp step, StepOp::Argument argument) {
    return cast<BufferType>(step.getStepArgument(argument).getType())
        .getTensor();
  };
  CacheType cache =
      cast<CacheType>(decode.getStepArgument(StepOp::Cache).getType());
  ModelFacts facts;
  facts.vocabulary = tensorOf(decode, StepOp::Logits).getDimSize(1);
  facts.context = cache.getPositions();
  facts.chunk = tensorOf(prefill, StepOp::Tokens).getDimSize(0);
  facts.arenaBytes = std::max(decode.getArenaBytes(), prefill.getArenaBytes());
  facts.cacheBytes = cache.getSlotBytes();
  facts.features = featureList(target);
  return facts;
}

/// One element of the table: struct lqc_kernel.
static Value createKernel(ImplicitLocOpBuilder &b, Type type, StringRef text,
                          const KernelFacts &kernel, ModuleOp module) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  func::FuncOp function = module.lookupSymbol<func::FuncOp>(kernel.name);
  Value address = func::ConstantOp::create(
      b, function.getFunctionType(),
      FlatSymbolRefAttr::get(b.getContext(), kernel.name));
  const KernelCost &cost = kernel.cost;
  SmallVector<Value> values = {
      LLVM::AddressOfOp::create(b, pointer, text),
      UnrealizedConversionCastOp::create(b, pointer, address).getResult(0)};
  for (int64_t number :
       {cost.weightBytes, cost.rowBytes, cost.seenBytes, cost.rowMultiplyAdds,
        cost.seenMultiplyAdds, int64_t(cost.integer)})
    values.push_back(LLVM::ConstantOp::create(b, b.getI64Type(),
                                              b.getI64IntegerAttr(number)));
  return aggregate(b, type, values);
}

/// The table that lqc_model.kernels points to; returns the name of its symbol.
static StringRef createKernelTable(ImplicitLocOpBuilder &b,
                                   ArrayRef<KernelFacts> kernels) {
  ModuleOp module = cast<ModuleOp>(b.getInsertionBlock()->getParentOp());
  SmallVector<StringRef> names;
  for (const KernelFacts &kernel : kernels)
    names.push_back(createText(b, "lqc_name_" + kernel.name, kernel.name));
  SmallVector<Type> fields(8, b.getI64Type());
  fields[0] = fields[1] = LLVM::LLVMPointerType::get(b.getContext());
  Type element = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  Type type = LLVM::LLVMArrayType::get(element, kernels.size());
  OpBuilder::InsertionGuard guard(b);
  createConstant(b, type, LLVM::Linkage::Private, "lqc_kernels");
  SmallVector<Value> values;
  for (auto [kernel, name] : llvm::zip_equal(kernels, names))
    values.push_back(createKernel(b, element, name, kernel, module));
  LLVM::ReturnOp::create(b, aggregate(b, type, values));
  return "lqc_kernels";
}

static void createModel(ModuleOp module, const ModelFacts &facts,
                        ArrayRef<KernelFacts> kernels) {
  ImplicitLocOpBuilder b(module.getLoc(), module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  StringRef features = createText(b, "lqc_features", facts.features);
  StringRef table = createKernelTable(b, kernels);

  SmallVector<Type> fields(7, i64);
  fields.append(4, pointer);
  fields.push_back(i64);
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  OpBuilder::InsertionGuard guard(b);
  createConstant(b, type, LLVM::Linkage::External, "lqc_model");
  SmallVector<Value> values;
  for (int64_t number :
       {int64_t(LQC_MODEL_VERSION), facts.vocabulary, facts.context,
        facts.chunk, facts.arenaBytes, facts.cacheBytes, facts.weightsBytes})
    values.push_back(
        LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(number)));
  for (StringRef name :
       {StringRef("lqc_decode"), StringRef("lqc_prefill"), features, table})
    values.push_back(LLVM::AddressOfOp::create(b, pointer, name));
  values.push_back(
      LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(kernels.size())));
  LLVM::ReturnOp::create(b, aggregate(b, type, values));
}

static void declareDispatch(ModuleOp module) {
  ImplicitLocOpBuilder b(module.getLoc(), module.getContext());
  b.setInsertionPointToStart(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  LLVM::LLVMFuncOp::create(
      b, "lqc_dispatch",
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, pointer, pointer, i64, i64, i64}));
}

LogicalResult lqc::lowerSteps(ModuleOp module, ArrayRef<KernelFacts> kernels) {
  StepOp decode = module.lookupSymbol<StepOp>("decode");
  StepOp prefill = module.lookupSymbol<StepOp>("prefill");
  // Kernels alone, as tests and benchmarks have them.
  if (!decode && !prefill)
    return success();
  if (!decode || !prefill)
    return module.emitError("must have both steps, @decode and @prefill");

  TargetAttr target = module->getAttrOfType<TargetAttr>(kTargetAttrName);
  ModelFacts facts = factsOf(decode, prefill, target);
  SmallVector<PayloadWeight> payload = planPayload(module);
  facts.weightsBytes = payloadBytes(payload);
  llvm::StringMap<uint64_t> offsets;
  for (PayloadWeight &entry : payload)
    offsets[entry.weight.getSymName()] = entry.offset;

  llvm::StringMap<KernelUnits> units;
  for (const KernelFacts &kernel : kernels)
    units[kernel.name] = kernel.units;
  declareDispatch(module);
  for (StepOp step : {decode, prefill}) {
    StepLowering(step, units, offsets).lower();
    step.erase();
  }
  createModel(module, facts, kernels);
  return success();
}
