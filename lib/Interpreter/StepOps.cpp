//===- StepOps.cpp - what steps and their buffers mean --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Buffers are real bytes. A dispatch reads the valid rows of its operands from
// them, runs the kernel's body on those, and writes the results to the valid
// rows of the destinations. A buffer that something else has overwritten reads
// as other numbers, one that was never written as NaN.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "llvm/ADT/ScopeExit.h"

#include <cstring>

using namespace lqc;
using namespace mlir;

namespace {

/// A piece of memory that holds a tensor.
struct Buffer {
  char *data = nullptr;
  RankedTensorType type;

  int64_t rows() const { return type.getRank() ? type.getDimSize(0) : 1; }
  uint64_t bytes() const {
    return BufferType::get(type.getContext(), type).getBytes();
  }
};

/// Runs one lqc.step.
class StepRunner {
public:
  StepRunner(Machine &machine, StepOp step) : machine(machine), step(step) {}

  llvm::Error run(const Machine::StepInputs &inputs,
                  std::vector<float> &logits);

private:
  llvm::Error addInput(StepOp::Argument argument, llvm::ArrayRef<int32_t> data);
  Buffer &addBuffer(Value value, RankedTensorType type);
  llvm::Error addSlice(ArenaSliceOp op);
  llvm::Error dispatch(DispatchOp op);
  llvm::Error checkOverlaps(DispatchOp op, KernelOp kernel) const;
  llvm::Expected<TensorValue> argumentOf(Value operand, BlockArgument argument,
                                         int64_t rows) const;

  Machine &machine;
  StepOp step;
  std::vector<char> arena;
  std::vector<std::vector<char>> memory; ///< of the step's arguments
  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Value, TensorValue> weights;
  llvm::DenseMap<Value, int64_t> counts;
};

} // namespace

/// What fresh memory holds: NaN as floats, -1 as integers.
static constexpr char kFreshByte = static_cast<char>(0xff);

//===----------------------------------------------------------------------===//
// Tensors in buffers
//===----------------------------------------------------------------------===//

/// Dynamically quantized activations; see activationRow().
static llvm::Expected<TensorValue>
loadQuantized(const Buffer &buffer, const Scheme &scheme, int64_t rows) {
  int64_t columns = buffer.type.getDimSize(1);
  ActivationRow parts = activationRow(scheme, columns);
  QuantizedTensor tensor;
  tensor.scheme = scheme;
  tensor.rows = rows;
  tensor.columns = columns;
  tensor.codes.resize(rows * columns);
  int64_t groups = tensor.groups();
  tensor.scales.resize(rows * groups);
  for (int64_t r = 0; r < rows; ++r) {
    const char *row = buffer.data + r * parts.bytes;
    std::memcpy(&tensor.scales[r * groups], row + parts.scales, groups * 4);
    std::vector<int32_t> sums(groups);
    for (int64_t c = 0; c < columns; ++c) {
      tensor.codes[r * columns + c] =
          static_cast<uint8_t>(row[c] + scheme.symmetricZero());
      sums[c / scheme.groupColumns(columns)] += row[c];
    }
    // Kernels trust the stored sums, so wrong ones would be wrong results.
    if (std::memcmp(sums.data(), row + parts.sums, groups * 4) != 0)
      return makeError("the sums of codes are not those of the codes: another "
                       "buffer overlaps this one, or nothing was written");
  }
  return TensorValue::ofQuantized(std::move(tensor));
}

static void storeQuantized(const QuantizedTensor &tensor,
                           const Buffer &buffer) {
  int64_t columns = tensor.columns, groups = tensor.groups();
  ActivationRow parts = activationRow(tensor.scheme, columns);
  for (int64_t r = 0; r < tensor.rows; ++r) {
    char *row = buffer.data + r * parts.bytes;
    std::memset(row, 0, parts.scales);
    std::vector<int32_t> sums(groups);
    for (int64_t c = 0; c < columns; ++c) {
      row[c] = static_cast<char>(tensor.codes[r * columns + c] -
                                 tensor.scheme.symmetricZero());
      sums[c / tensor.scheme.groupColumns(columns)] += row[c];
    }
    std::memcpy(row + parts.scales, &tensor.scales[r * groups], groups * 4);
    std::memcpy(row + parts.sums, sums.data(), groups * 4);
  }
}

/// The first `rows` rows of a buffer's type.
static RankedTensorType withRows(RankedTensorType type, int64_t rows) {
  llvm::SmallVector<int64_t> shape(type.getShape());
  if (!shape.empty())
    shape[0] = rows;
  return RankedTensorType::get(shape, type.getElementType());
}

static llvm::Error checkBuffered(SchemeAttr scheme) {
  if (!scheme || scheme.getValue().isActivation())
    return llvm::Error::success();
  return makeError("a buffer holds plain tensors or quantized activations, "
                   "got: {0}",
                   schemeName(scheme.getValue()));
}

static llvm::Expected<TensorValue> loadRows(const Buffer &buffer,
                                            int64_t rows) {
  SchemeAttr scheme = schemeOf(buffer.type);
  if (llvm::Error error = checkBuffered(scheme))
    return std::move(error);
  if (scheme)
    return loadQuantized(buffer, scheme.getValue(), rows);
  RankedTensorType type = withRows(buffer.type, rows);
  return tensorFromBytes({buffer.data, static_cast<size_t>(weightBytes(type))},
                         type);
}

static llvm::Error storeRows(const TensorValue &value, const Buffer &buffer,
                             int64_t rows) {
  SchemeAttr scheme = schemeOf(buffer.type);
  if (llvm::Error error = checkBuffered(scheme))
    return error;
  RankedTensorType type = withRows(buffer.type, rows);
  if (value.shape() != type.getShape())
    return makeError("results must have {0} valid rows, got: {1}", rows,
                     value.shape().empty() ? 0 : value.shape()[0]);
  if (scheme) {
    if (value.kind() != TensorValue::Kind::Quantized)
      return makeError("a tensor with a scheme must come from lqc.quantize");
    storeQuantized(value.quantized(), buffer);
    return llvm::Error::success();
  }
  llvm::Expected<std::vector<char>> bytes = bytesFromTensor(value, type);
  if (!bytes)
    return bytes.takeError();
  std::memcpy(buffer.data, bytes->data(), bytes->size());
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

/// Whether an argument is only looked up by index: all its rows are valid then,
/// however many indices there are.
static bool isTable(BlockArgument argument) {
  return llvm::all_of(argument.getUses(), [](OpOperand &use) {
    EmbeddingOp embedding = dyn_cast<EmbeddingOp>(use.getOwner());
    return embedding && use.get() == embedding.getTable() &&
           use.get() != embedding.getIndices();
  });
}

llvm::Expected<TensorValue> StepRunner::argumentOf(Value operand,
                                                   BlockArgument argument,
                                                   int64_t rows) const {
  auto weight = weights.find(operand);
  if (weight != weights.end())
    return weight->second;
  if (counts.contains(operand))
    return TensorValue::ofIntegers({}, {counts.lookup(operand)});
  const Buffer &buffer = buffers.find(operand)->second;
  if (isTable(argument))
    return loadRows(buffer, buffer.rows());
  if (rows > buffer.rows())
    return makeError("rows must fit the buffer's {0}, got: {1}", buffer.rows(),
                     rows);
  return loadRows(buffer, rows);
}

/// A destination may be an operand as well (in place), but not overlap one.
llvm::Error StepRunner::checkOverlaps(DispatchOp op, KernelOp kernel) const {
  auto operands = op.getOperands_();
  size_t inputs = kernel.getInputs().size();
  for (size_t d = inputs; d < operands.size(); ++d) {
    if (!buffers.contains(operands[d]))
      return opError(op, "destination {0} of @{1} must be a buffer", d,
                     op.getKernel());
    const Buffer &out = buffers.find(operands[d])->second;
    for (size_t i = 0; i < operands.size(); ++i) {
      auto found = buffers.find(operands[i]);
      if (i == d || found == buffers.end())
        continue;
      const Buffer &other = found->second;
      bool isSame =
          i < inputs && other.data == out.data && other.bytes() == out.bytes();
      bool isApart = other.data + other.bytes() <= out.data ||
                     out.data + out.bytes() <= other.data;
      if (!isSame && !isApart)
        return opError(op, "operands {0} and {1} of @{2} must not overlap", i,
                       d, op.getKernel());
    }
  }
  return llvm::Error::success();
}

/// The layer that the dispatch's cache begins with.
static int64_t firstLayerOf(DispatchOp op) {
  int64_t layer = 0;
  for (Value operand : op.getOperands_())
    while (CacheLayerOp view = operand.getDefiningOp<CacheLayerOp>()) {
      layer += view.getLayer();
      operand = view.getCache();
    }
  return layer;
}

llvm::Error StepRunner::dispatch(DispatchOp op) {
  int64_t rows = counts.lookup(op.getRows());
  machine.firstLayer = firstLayerOf(op);
  llvm::scope_exit restore([&] { machine.firstLayer = 0; });
  KernelOp kernel = machine.module.lookupSymbol<KernelOp>(op.getKernelAttr());
  if (llvm::Error error = checkOverlaps(op, kernel))
    return error;
  if (rows == 0)
    return llvm::Error::success();
  Frame frame(machine, 0);
  Block &body = kernel.getBlock();
  for (auto [operand, argument] :
       llvm::zip(op.getOperands_(), body.getArguments())) {
    if (isa<CacheType>(argument.getType()) || argument.use_empty())
      continue;
    llvm::Expected<TensorValue> value = argumentOf(operand, argument, rows);
    if (!value)
      return opError(op, "@{0}, operand {1}: {2}", op.getKernel(),
                     argument.getArgNumber(),
                     llvm::toString(value.takeError()));
    frame.set(argument, std::move(*value));
  }
  llvm::Expected<Machine::Values> results = machine.runBlock(body, frame);
  if (!results)
    return prefixError("@" + op.getKernel(), results.takeError());
  auto destinations = op.getOperands_().take_back(kernel.getDestinations());
  for (auto [value, destination] : llvm::zip(*results, destinations))
    if (llvm::Error error =
            storeRows(value, buffers.find(destination)->second, rows))
      return opError(op, "@{0}: {1}", op.getKernel(),
                     llvm::toString(std::move(error)));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Buffer &StepRunner::addBuffer(Value value, RankedTensorType type) {
  Buffer buffer{nullptr, type};
  memory.emplace_back(buffer.bytes(), kFreshByte);
  buffer.data = memory.back().data();
  return buffers[value] = buffer;
}

llvm::Error StepRunner::addInput(StepOp::Argument argument,
                                 llvm::ArrayRef<int32_t> data) {
  BlockArgument value = step.getStepArgument(argument);
  Buffer &buffer =
      addBuffer(value, cast<BufferType>(value.getType()).getTensor());
  if (static_cast<int64_t>(data.size()) > buffer.rows())
    return opError(step, "@{0} takes at most {1} tokens, got: {2}",
                   step.getSymName(), buffer.rows(), data.size());
  if (!data.empty()) // memcpy takes no null pointers
    std::memcpy(buffer.data, data.data(), data.size() * sizeof(int32_t));
  return llvm::Error::success();
}

llvm::Error StepRunner::addSlice(ArenaSliceOp op) {
  uint64_t end = op.getOffset() + op.getType().getBytes();
  if (end > arena.size())
    return opError(op, "slice must end within the arena's {0} bytes, got: {1}",
                   arena.size(), end);
  buffers[op] = {arena.data() + op.getOffset(), op.getType().getTensor()};
  return llvm::Error::success();
}

llvm::Error StepRunner::run(const Machine::StepInputs &inputs,
                            std::vector<float> &logits) {
  arena.assign(step.getArenaBytes(), kFreshByte);
  memory.reserve(StepOp::ArgumentCount);
  const std::pair<StepOp::Argument, llvm::ArrayRef<int32_t>> given[] = {
      {StepOp::Tokens, inputs.tokens},
      {StepOp::Positions, inputs.positions},
      {StepOp::Slots, inputs.slots},
      {StepOp::Outputs, inputs.outputs}};
  for (const auto &[argument, data] : given)
    if (llvm::Error error = addInput(argument, data))
      return error;
  BlockArgument out = step.getStepArgument(StepOp::Logits);
  Buffer result = addBuffer(out, cast<BufferType>(out.getType()).getTensor());
  counts[step.getStepArgument(StepOp::Count)] = inputs.tokens.size();
  counts[step.getStepArgument(StepOp::OutputCount)] = inputs.outputs.size();
  for (Operation &op : step.getBlock()) {
    if (GetWeightOp get = dyn_cast<GetWeightOp>(op)) {
      llvm::Expected<TensorValue> value = machine.weight(get);
      if (!value)
        return value.takeError();
      weights[get] = std::move(*value);
      continue;
    }
    if (isa<CacheLayerOp>(op))
      continue;
    ArenaSliceOp slice = dyn_cast<ArenaSliceOp>(op);
    if (llvm::Error error =
            slice ? addSlice(slice) : dispatch(cast<DispatchOp>(op)))
      return error;
  }
  llvm::Expected<TensorValue> rows = loadRows(result, inputs.outputs.size());
  if (!rows)
    return rows.takeError();
  logits = rows->floats();
  return llvm::Error::success();
}

/// A graph's dispatch: the kernel's body on the operands' values.
static llvm::Error dispatchOnTensors(DispatchOp op, Frame &frame) {
  KernelOp kernel =
      frame.machine.module.lookupSymbol<KernelOp>(op.getKernelAttr());
  Frame inside(frame.machine, 0);
  for (auto [operand, argument] :
       llvm::zip(op.getOperands_(), kernel.getBlock().getArguments()))
    if (!argument.use_empty())
      inside.set(argument, frame.get(operand));
  llvm::Expected<Machine::Values> results =
      frame.machine.runBlock(kernel.getBlock(), inside);
  if (!results)
    return prefixError("@" + op.getKernel(), results.takeError());
  for (auto [result, value] : llvm::zip(op.getResults(), *results))
    frame.set(result, std::move(value));
  return llvm::Error::success();
}

void lqc::addStepOps(OpTable &table) {
  addOp<DispatchOp>(table, dispatchOnTensors);
}

llvm::Error Machine::runStep(StepOp step, const StepInputs &inputs,
                             std::vector<float> &logits) {
  return StepRunner(*this, step).run(inputs, logits);
}
