//===- ModelRunner.cpp - a model's layers, run as far as wanted -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/ModelRunner.h"

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Support/Error.h"

#include "llvm/Support/Process.h"

#include <cmath>
#include <numeric>
#include <sys/mman.h>

using namespace mlir;
using namespace lqc;

/// Bytes behind a weight that kernels may read.
static constexpr size_t kPadding = 64;

/// Gives the memory of rows back to the system. Only freed it would stay with
/// the heap, where a large matrix cannot have it.
static void release(std::vector<float> &rows) {
  const uintptr_t page = llvm::sys::Process::getPageSizeEstimate();
  const uintptr_t first = reinterpret_cast<uintptr_t>(rows.data());
  const uintptr_t begin = llvm::alignTo(first, page);
  const uintptr_t end =
      llvm::alignDown(first + rows.size() * sizeof(float), page);
  if (begin < end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
  rows = {};
}

/// A value's rows: of all windows if it is needed behind the stretch, else of
/// the window at work. A window has memory from when it is first written until
/// it is read for the last time.
struct ModelRunner::Slot {
  int64_t columns = 0;
  bool isKept = false;
  std::vector<std::vector<float>> windows;

  ~Slot() {
    for (std::vector<float> &rows : windows)
      release(rows);
  }
  std::vector<float> &at(int64_t window) {
    return windows[isKept ? window : 0];
  }
};

/// A kernel and what it works on.
struct ModelRunner::Step {
  Operation *op = nullptr;
  JitKernel kernel;
  SmallVector<Value> operands; ///< null: a weight, the next of `weights`
  SmallVector<std::shared_ptr<std::vector<char>>> weights;
  SmallVector<Type> inputs, results;
  std::vector<float> scales;          ///< of a quantization with static scales
  std::optional<PackedFactor> factor; ///< in place of the kernel
  std::vector<float> table;           ///< of an embedding whose rows are codes
};

static bool isNative(Operation *op) { return isa<EmbeddingOp, QuantizeOp>(op); }

ModelRunner::ModelRunner(ModuleOp module, WeightStore &weights, KernelJit &jit,
                         lqc_pool &pool, const CalibrationWindows &windows,
                         Precision precision)
    : module(module), weights(weights), jit(jit), pool(pool), windows(windows),
      precision(precision), positions(windows.length),
      sequence(windows.length, 0) {
  std::iota(positions.begin(), positions.end(), 0);
}

ModelRunner::ModelRunner(const ModelRunner &other)
    : module(other.module), weights(other.weights), jit(other.jit),
      pool(other.pool), windows(other.windows), precision(other.precision),
      frames(other.frames), isStarted(other.isStarted), done(other.done),
      aliases(other.aliases), namesOf(other.namesOf),
      substitutes(other.substitutes), positions(other.positions),
      sequence(other.sequence), cache(other.cache),
      tokenArgument(other.tokenArgument),
      positionArgument(other.positionArgument),
      slotArgument(other.slotArgument), cacheArgument(other.cacheArgument) {
  for (const auto &[value, slot] : other.slots)
    slots[value] = std::make_unique<Slot>(*slot);
}

ModelRunner::~ModelRunner() = default;

ArrayRef<float> ModelRunner::rows(Value value, int64_t window) {
  return slots.at(resolve(value))->at(window);
}

void ModelRunner::divideChannels(Value value, ArrayRef<float> scales) {
  for (int64_t window = 0; window < windows.count; ++window) {
    std::vector<float> &numbers = slots.at(resolve(value))->at(window);
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] /= scales[i % scales.size()];
  }
}

//===----------------------------------------------------------------------===//
// Walking through the functions
//===----------------------------------------------------------------------===//

llvm::Error ModelRunner::start() {
  if (isStarted)
    return llvm::Error::success();
  isStarted = true;
  func::FuncOp forward = module.lookupSymbol<func::FuncOp>(kForwardName);
  if (!forward || !forward.getBody().hasOneBlock() ||
      forward.getNumArguments() != 4)
    return makeError("the module must have a function @forward of tokens, "
                     "positions, slots and a cache");
  Block &block = forward.getBody().front();
  tokenArgument = block.getArgument(0);
  positionArgument = block.getArgument(1);
  slotArgument = block.getArgument(2);
  cacheArgument = block.getArgument(3);
  CacheType type = dyn_cast<CacheType>(cacheArgument.getType());
  if (!type)
    return makeError("the last argument of @forward must be a cache");
  if (windows.length > type.getPositions())
    return makeError("windows must be at most as long as the context, got: "
                     "{0} > {1}",
                     windows.length, type.getPositions());
  cache.resize(cast<CacheType>(sized(type)).getSlotBytes());
  frames.push_back({&block, {}});
  return llvm::Error::success();
}

/// Block arguments and results of calls stand for other values.
Value ModelRunner::resolve(Value value) const {
  while (Value other = aliases.lookup(value))
    value = other;
  return value;
}

void ModelRunner::enter(func::CallOp call, func::FuncOp callee) {
  Block &block = callee.getBody().front();
  for (auto [argument, operand] :
       llvm::zip(block.getArguments(), call.getOperands())) {
    aliases[argument] = resolve(operand);
    namesOf[resolve(operand)].push_back(argument);
  }
  done.insert(call);
  frames.push_back({&block, call});
}

void ModelRunner::leave() {
  Frame frame = frames.pop_back_val();
  Operation *terminator = frame.block->getTerminator();
  done.insert(terminator);
  for (auto [result, operand] :
       llvm::zip(frame.call.getResults(), terminator->getOperands())) {
    aliases[result] = resolve(operand);
    namesOf[resolve(operand)].push_back(result);
  }
}

/// Whether an operation that has not been run yet reads the value.
bool ModelRunner::isNeededLater(Value value) const {
  auto hasUser = [&](Value name) {
    return llvm::any_of(name.getUsers(),
                        [&](Operation *user) { return !done.contains(user); });
  };
  auto names = namesOf.find(value);
  return hasUser(value) ||
         (names != namesOf.end() && llvm::any_of(names->second, hasUser));
}

/// The operations up to the next stage, in order.
llvm::Expected<Stage> ModelRunner::collect(const IsWanted &isWanted,
                                           SmallVectorImpl<Operation *> &ops) {
  while (true) {
    Frame frame = frames.back();
    // Passes may erase a read of a weight and make another operation where it
    // was in memory: reads are never noted as done.
    auto next =
        llvm::find_if(frame.block->without_terminator(), [&](Operation &op) {
          return !isa<GetWeightOp>(op) && !done.contains(&op);
        });
    if (next == frame.block->without_terminator().end()) {
      if (!frame.call)
        return Stage();
      leave();
      continue;
    }
    Operation *op = &*next;
    if (LinearOp linear = dyn_cast<LinearOp>(op); linear && isWanted(linear))
      return stageAt(linear, isWanted);
    if (func::CallOp call = dyn_cast<func::CallOp>(op)) {
      func::FuncOp callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee || !callee.getBody().hasOneBlock())
        return makeError("@{0}: calls must be of functions with one block",
                         call.getCallee());
      enter(call, callee);
      continue;
    }
    done.insert(op);
    ops.push_back(op);
  }
}

llvm::Expected<Stage> ModelRunner::advance(const IsWanted &isWanted) {
  if (llvm::Error error = start())
    return std::move(error);
  SmallVector<Operation *> ops;
  llvm::Expected<Stage> stage = collect(isWanted, ops);
  if (!stage)
    return stage;
  if (!*stage) {
    slots.clear(); // nothing will read them
    return stage;
  }
  if (llvm::Error error = run(ops))
    return std::move(error);
  return stage;
}

void ModelRunner::substitute(LinearOp linear, std::vector<float> values) {
  substitutes[linear] = std::move(values);
}

/// In stretches from linear to linear, as only one stretch's weights are in
/// memory.
llvm::Error ModelRunner::finish(RowsSink take) {
  if (llvm::Error error = start())
    return error;
  llvm::DenseSet<Operation *> passed;
  auto isNext = [&](LinearOp linear) { return !passed.contains(linear); };
  while (true) {
    SmallVector<Operation *> ops;
    llvm::Expected<Stage> stage = collect(isNext, ops);
    if (!stage)
      return stage.takeError();
    if (!*stage) {
      Operation *end = frames.front().block->getTerminator();
      done.insert(end); // so that logits are of one window only
      return run(ops, take, resolve(end->getOperand(0)));
    }
    if (llvm::Error error = run(ops))
      return error;
    for (LinearOp linear : stage->linears)
      passed.insert(linear);
  }
}

//===----------------------------------------------------------------------===//
// Preparing a stretch
//===----------------------------------------------------------------------===//

/// The type that a kernel sees: rows of one window, plain floats, a cache of
/// one layer and one window.
Type ModelRunner::sized(Type type) const {
  if (CacheType cacheType = dyn_cast<CacheType>(type))
    return CacheType::get(type.getContext(), 1,
                          llvm::alignTo(windows.length, 8),
                          cacheType.getHeads(), cacheType.getHeadDim(),
                          cacheType.getElementType());
  RankedTensorType tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  for (int64_t &dim : shape)
    if (ShapedType::isDynamic(dim))
      dim = windows.length;
  return RankedTensorType::get(shape, tensor.getElementType());
}

/// Gives a result its memory.
void ModelRunner::place(Value value) {
  auto slot = std::make_unique<Slot>();
  slot->columns = cast<RankedTensorType>(value.getType()).getDimSize(1);
  slot->isKept = isNeededLater(value);
  slot->windows.resize(slot->isKept ? windows.count : 1);
  slots[value] = std::move(slot);
}

/// The values that nothing reads any more.
SmallVector<Value> ModelRunner::deadValues() const {
  SmallVector<Value> dead;
  for (auto &[value, slot] : slots)
    if (!slot->isKept || !isNeededLater(value))
      dead.push_back(value);
  return dead;
}

/// The float32 values of the weight of a linear.
llvm::Expected<std::vector<float>> ModelRunner::matrixOf(Operation *op,
                                                         WeightOp weight) {
  auto substitute = substitutes.find(op);
  if (substitute != substitutes.end())
    return std::move(substitute->second);
  llvm::Expected<TensorValue> value = readMatrix(weight, weights);
  if (!value)
    return value.takeError();
  return value->floats();
}

/// Matrices as packed float32, vectors as they are stored.
llvm::Error ModelRunner::addWeight(Operation *op, GetWeightOp read,
                                   Step &step) {
  llvm::Expected<WeightOp> found = weightOf(read, weights);
  if (!found)
    return found.takeError();
  WeightOp weight = *found;
  RankedTensorType type = weight.getTensorType();
  auto data = std::make_shared<std::vector<char>>();
  if (!isa<LinearOp>(op) || type.getRank() != 2) {
    llvm::Expected<WeightBytes> bytes = weights.get(weight);
    if (!bytes)
      return bytes.takeError();
    data->assign(bytes->bytes.begin(), bytes->bytes.end());
    step.inputs.push_back(type);
  } else {
    llvm::Expected<std::vector<float>> floats = matrixOf(op, weight);
    if (!floats)
      return floats.takeError();
    Layout layout{16, 1};
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    data->resize(packedBytes(sizeof(float), rows, columns, layout));
    pack({reinterpret_cast<const char *>(floats->data()), 4 * floats->size()},
         sizeof(float), rows, columns, layout, *data);
    step.inputs.push_back(RankedTensorType::get(
        type.getShape(), Float32Type::get(type.getContext()),
        PackedAttr::get(type.getContext(), 16, 1, SchemeAttr())));
  }
  data->resize(data->size() + kPadding);
  step.weights.push_back(std::move(data));
  step.operands.push_back(Value());
  return llvm::Error::success();
}

/// Whether `op` is a product that may be one of bf16 numbers, and is quicker
/// so.
bool ModelRunner::roundsFactors(Operation *op) const {
  LinearOp linear = dyn_cast<LinearOp>(op);
  return linear && precision == Precision::BFloat && multipliesBf16() &&
         !linear.getBias() && linear.getWeight().getDefiningOp<GetWeightOp>();
}

llvm::Error ModelRunner::packFactor(LinearOp op, Step &step) {
  GetWeightOp read = op.getWeight().getDefiningOp<GetWeightOp>();
  llvm::Expected<WeightOp> weight = weightOf(read, weights);
  if (!weight)
    return weight.takeError();
  llvm::Expected<TensorValue> value = readMatrix(*weight, weights);
  if (!value)
    return value.takeError();
  RankedTensorType type = weight->getTensorType();
  step.operands.push_back(resolve(op.getInput()));
  step.factor.emplace(value->floats(), type.getDimSize(0), type.getDimSize(1),
                      precision);
  return llvm::Error::success();
}

llvm::Error ModelRunner::addOperand(Operation *op, Value operand, Step &step) {
  if (GetWeightOp read = operand.getDefiningOp<GetWeightOp>())
    return addWeight(op, read, step);
  step.operands.push_back(resolve(operand));
  step.inputs.push_back(sized(operand.getType()));
  return llvm::Error::success();
}

llvm::Error ModelRunner::prepare(Operation *op, Step &step) {
  step.op = op;
  for (Value result : op->getResults())
    place(result);
  if (QuantizeOp quantize = dyn_cast<QuantizeOp>(op);
      quantize && quantize.getScales()) {
    llvm::Expected<std::vector<float>> scales = scalesOf(quantize);
    if (!scales)
      return scales.takeError();
    step.scales = std::move(*scales);
  }
  if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(op))
    return prepareEmbedding(embedding, step);
  if (isNative(op))
    return llvm::Error::success();
  if (roundsFactors(op))
    return packFactor(cast<LinearOp>(op), step);
  for (Value operand : op->getOperands())
    if (llvm::Error error = addOperand(op, operand, step))
      return error;
  for (Value result : op->getResults())
    step.results.push_back(sized(result.getType()));
  llvm::Expected<JitKernel> kernel = jit.get(op, step.inputs, step.results);
  if (!kernel)
    return kernel.takeError();
  step.kernel = *kernel;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Running it
//===----------------------------------------------------------------------===//

char *ModelRunner::address(Value value, int64_t window) {
  if (value == cacheArgument)
    return cache.data();
  if (value == tokenArgument)
    return reinterpret_cast<char *>(
        const_cast<int32_t *>(windows.tokens.data() + window * windows.length));
  if (value == positionArgument)
    return reinterpret_cast<char *>(positions.data());
  if (value == slotArgument)
    return reinterpret_cast<char *>(sequence.data());
  Slot &slot = *slots.at(value);
  std::vector<float> &rows = slot.at(window);
  rows.resize(windows.length * slot.columns);
  return reinterpret_cast<char *>(rows.data());
}

/// The table, which may be larger than all other weights, stays as it is
/// stored, unless its rows are codes.
llvm::Error ModelRunner::prepareEmbedding(EmbeddingOp op, Step &step) {
  GetWeightOp read = op.getTable().getDefiningOp<GetWeightOp>();
  WeightOp weight = read ? weights.find(read.getWeight()) : WeightOp();
  if (!weight || resolve(op.getIndices()) != tokenArgument)
    return makeError("the embedding must look up tokens in a weight");
  for (int32_t token : windows.tokens)
    if (token < 0 || token >= weight.getTensorType().getDimSize(0))
      return makeError("token ids must be below {0}, got: {1}",
                       weight.getTensorType().getDimSize(0), token);
  if (!weight.getTensorType().getEncoding())
    return llvm::Error::success();
  llvm::Expected<std::vector<float>> table = matrixOf(op, weight);
  if (!table)
    return table.takeError();
  step.table = std::move(*table);
  return llvm::Error::success();
}

llvm::Error ModelRunner::runEmbedding(EmbeddingOp op, const Step &step,
                                      int64_t window) {
  GetWeightOp read = op.getTable().getDefiningOp<GetWeightOp>();
  WeightOp weight = weights.find(read.getWeight());
  RankedTensorType type = weight.getTensorType();
  int64_t columns = type.getDimSize(1);
  RankedTensorType rowType =
      RankedTensorType::get({1, columns}, type.getElementType());
  uint64_t rowBytes = weightBytes(rowType);
  llvm::Expected<WeightBytes> bytes = weights.get(weight);
  if (!bytes)
    return bytes.takeError();
  float *out = reinterpret_cast<float *>(address(op.getResult(), window));
  for (int64_t t = 0; t < windows.length; ++t, out += columns) {
    int64_t token = windows.tokens[window * windows.length + t];
    if (!step.table.empty()) {
      llvm::copy(ArrayRef(step.table).slice(token * columns, columns), out);
      continue;
    }
    llvm::Expected<TensorValue> row = tensorFromBytes(
        bytes->bytes.slice(token * rowBytes, rowBytes), rowType);
    if (!row)
      return row.takeError();
    llvm::copy(row->floats(), out);
  }
  return llvm::Error::success();
}

/// The scales of static activations, which a calibrated method has found.
llvm::Expected<std::vector<float>> ModelRunner::scalesOf(QuantizeOp op) {
  GetWeightOp read = op.getScales().getDefiningOp<GetWeightOp>();
  WeightOp weight = read ? weights.find(read.getWeight()) : WeightOp();
  if (!weight)
    return makeError("static scales of activations must be a weight");
  llvm::Expected<TensorValue> value = readTensor(weight, weights);
  if (!value)
    return value.takeError();
  return value->floats();
}

/// Rounds activations as the shipped kernels do, and gives their values.
llvm::Error ModelRunner::runQuantize(QuantizeOp op, const Step &step,
                                     int64_t window) {
  int64_t columns = op.getType().getDimSize(1);
  const float *in =
      reinterpret_cast<float *>(address(resolve(op.getInput()), window));
  ArrayRef<float> rows(in, windows.length * columns);
  const Scheme &scheme = schemeOf(op.getType()).getValue();
  llvm::Expected<QuantizedTensor> codes =
      op.getScales()
          ? quantizeWith(step.scales, rows, windows.length, columns, scheme)
          : quantize(rows, windows.length, columns, scheme, ClipSearch::None,
                     pool.threads());
  if (!codes)
    return codes.takeError();
  std::vector<float> values = dequantize(*codes);
  llvm::copy(values,
             reinterpret_cast<float *>(address(op.getResult(), window)));
  return llvm::Error::success();
}

void ModelRunner::runProduct(const Step &step, int64_t window) {
  auto rowsOf = [&](Value value) {
    int64_t size = windows.length * slots.at(value)->columns;
    return MutableArrayRef<float>(
        reinterpret_cast<float *>(address(value, window)), size);
  };
  step.factor->multiply(rowsOf(step.operands.front()), windows.length,
                        rowsOf(step.op->getResult(0)), pool.threads());
}

llvm::Error ModelRunner::runStep(Step &step, int64_t window) {
  if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(step.op))
    return runEmbedding(embedding, step, window);
  if (QuantizeOp quantize = dyn_cast<QuantizeOp>(step.op))
    return runQuantize(quantize, step, window);
  if (step.factor) {
    runProduct(step, window);
    return llvm::Error::success();
  }
  SmallVector<void *> arguments;
  auto weight = step.weights.begin();
  for (Value operand : step.operands)
    arguments.push_back(operand ? address(operand, window)
                                : (*weight++)->data());
  for (Value result : step.op->getResults())
    arguments.push_back(address(result, window));
  int64_t count = windows.length;
  int64_t units = step.kernel.units * (step.kernel.perRow ? count : 1);
  pool.dispatch(step.kernel.function, arguments.data(), count, units,
                step.kernel.grain);
  return llvm::Error::success();
}

llvm::Error ModelRunner::run(ArrayRef<Operation *> ops, RowsSink take,
                             Value taken) {
  std::vector<Step> steps(ops.size());
  for (auto [op, step] : llvm::zip(ops, steps))
    if (llvm::Error error = prepare(op, step))
      return error;
  const SmallVector<Value> dead = deadValues();
  for (int64_t window = 0; window < windows.count; ++window) {
    for (Step &step : steps)
      if (llvm::Error error = runStep(step, window))
        return error;
    if (take) {
      const float *rows = reinterpret_cast<float *>(address(taken, window));
      int64_t size = windows.length * slots.at(taken)->columns;
      if (llvm::Error error = take(window, ArrayRef(rows, size)))
        return error;
    }
    for (Value value : dead)
      if (slots.at(value)->isKept)
        release(slots.at(value)->at(window));
  }
  for (Value value : dead)
    slots.erase(value);
  return llvm::Error::success();
}
