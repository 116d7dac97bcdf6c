//===- UpstreamLinalg.cpp - linalg ----------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every structured operation (linalg.generic, linalg.matmul, linalg.conv_2d …)
// has a body, loops and indexing maps: one evaluator runs them all.
//
// Up to ScalarRegion::kCount iterations of the parallel loops are done side by
// side. For each of them the reduction loops run in order, and what the body
// yields is the last argument of the next iteration. With a reduction loop
// arithmetic on floats is in double and a result is rounded once, when it is
// stored: a lowering, which adds in another order and rounds each sum, agrees
// within a tolerance. Without one every operation rounds to its type, so that a
// body means the same as its operations one after another on tensors.
//
//===----------------------------------------------------------------------===//

#include "IndexingMap.h"
#include "ScalarRegion.h"
#include "TensorIndex.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <cmath>

using namespace lqc;
using namespace mlir;

using Shape = TensorValue::Shape;

//===----------------------------------------------------------------------===//
// Structured operations
//===----------------------------------------------------------------------===//

namespace {

/// The elements of an operand that some iterations touch.
struct Operand {
  TensorValue value;
  IndexingMap map;
  /// Of linear maps: what the parallel loops add, for each iteration of a
  /// block. Else the elements themselves.
  SmallVector<int64_t> places;
};

/// Runs one structured operation.
class StructuredRunner {
public:
  StructuredRunner(linalg::LinalgOp op, Frame &frame) : op(op), frame(frame) {}

  llvm::Error run();

private:
  llvm::Error findLoops();
  llvm::Error addOperands();
  void chooseOrder();
  llvm::Error runBlock(int64_t count);
  void locate(Operand &operand, int64_t count);
  llvm::Error loadInputs(int64_t count);
  void moveReductions(int64_t count);
  int64_t reductionOffset(const Operand &operand) const;
  int64_t inputs() { return op.getNumDpsInputs(); }

  linalg::LinalgOp op;
  Frame &frame;
  SmallVector<int64_t> loops; ///< iterations of each
  /// The loops whose iterations are independent, and the others.
  SmallVector<unsigned> parallel, reduction;
  SmallVector<int64_t> parallelSizes, reductionSizes;
  bool isSequential = false; ///< one iteration after another
  std::vector<Operand> operands;
  std::vector<ElementsBuilder> outputs;
  SmallVector<ScalarType> outputTypes;
  std::unique_ptr<ScalarRegion> region;
  /// Where each iteration of a block is, loop by loop. The reduction loops are
  /// kept up to date only if somebody looks.
  std::vector<SmallVector<int64_t, 8>> iterations;
  SmallVector<int64_t, 4> position; ///< of the reduction loops
  bool needsPositions = false;      ///< somebody looks
};

} // namespace

llvm::Error StructuredRunner::findLoops() {
  SmallVector<int64_t> sizes;
  for (OpOperand &operand : op->getOpOperands())
    llvm::append_range(sizes, frame.get(operand.get()).shape());
  AffineMap map = op.getShapesToLoopsMap();
  if (!map)
    return opError(op, "the operands' shapes must give the loops' sizes");
  llvm::append_range(loops, map.compose(sizes));
  return llvm::Error::success();
}

llvm::Error StructuredRunner::addOperands() {
  for (OpOperand &operand : op->getOpOperands()) {
    const TensorValue &value = frame.get(operand.get());
    llvm::Expected<IndexingMap> map = IndexingMap::create(
        op.getMatchingIndexingMap(&operand), value.shape(), loops);
    if (!map)
      return opError(op, "operand {0}: {1}", operand.getOperandNumber(),
                     llvm::toString(map.takeError()));
    operands.push_back({value, std::move(*map), {}});
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    llvm::Expected<ScalarType> type = scalarTypeOf(init.get().getType());
    if (!type)
      return type.takeError();
    outputTypes.push_back(*type);
    outputs.emplace_back(*type, frame.get(init.get()));
  }
  return llvm::Error::success();
}

/// Iterations may run side by side if every result has one element for each:
/// else they run one after another, as the dialect says.
void StructuredRunner::chooseOrder() {
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  for (auto [d, type] : llvm::enumerate(types))
    (type == utils::IteratorType::parallel ? parallel : reduction).push_back(d);
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    isSequential |=
        !map.isProjectedPermutation() || map.getNumResults() != parallel.size();
    for (unsigned d : reduction)
      isSequential |= map.isFunctionOfDim(d);
  }
  if (isSequential) {
    parallel.clear();
    reduction.clear();
    llvm::append_range(parallel, llvm::seq<unsigned>(0, loops.size()));
  }
  for (unsigned d : parallel)
    parallelSizes.push_back(loops[d]);
  for (unsigned d : reduction)
    reductionSizes.push_back(loops[d]);
}

/// What the parallel loops add to the place of an operand's elements.
void StructuredRunner::locate(Operand &operand, int64_t count) {
  operand.places.assign(count, operand.map.start());
  if (!operand.map.isLinear())
    return;
  for (int64_t i = 0; i < count; ++i)
    for (unsigned d : parallel)
      operand.places[i] += operand.map.coefficients()[d] * iterations[i][d];
}

int64_t StructuredRunner::reductionOffset(const Operand &operand) const {
  int64_t offset = 0;
  for (auto [d, index] : llvm::zip(reduction, position))
    offset += operand.map.coefficients()[d] * index;
  return offset;
}

void StructuredRunner::moveReductions(int64_t count) {
  if (!needsPositions)
    return;
  for (int64_t k = 0; k < count; ++k)
    for (auto [d, index] : llvm::zip(reduction, position))
      iterations[k][d] = index;
}

template <typename T>
static void readElements(const std::vector<T> &from, ArrayRef<int64_t> places,
                         int64_t offset, Scalar *to) {
  for (auto [i, place] : llvm::enumerate(places)) {
    if constexpr (std::is_same_v<T, int64_t>)
      to[i].integer = from[place + offset];
    else
      to[i].number = from[place + offset];
  }
}

static void readElements(const TensorValue &value, ArrayRef<int64_t> places,
                         int64_t offset, Scalar *to) {
  if (value.kind() == TensorValue::Kind::Integer)
    readElements(value.integers(), places, offset, to);
  else if (value.kind() == TensorValue::Kind::Double)
    readElements(value.doubles(), places, offset, to);
  else
    readElements(value.floats(), places, offset, to);
}

/// Gives the body the elements of one iteration of the reduction loops.
llvm::Error StructuredRunner::loadInputs(int64_t count) {
  for (int64_t i = 0; i < inputs(); ++i) {
    Operand &operand = operands[i];
    if (!op.payloadUsesValueFromOperand(&op->getOpOperand(i)))
      continue;
    if (!operand.map.isLinear())
      for (int64_t k = 0; k < count; ++k)
        operand.places[k] = operand.map.element(iterations[k]);
    int64_t offset = operand.map.isLinear() ? reductionOffset(operand) : 0;
    readElements(operand.value, operand.places, offset, region->argument(i));
  }
  for (auto [d, slot] : region->indices())
    for (int64_t k = 0; k < count; ++k)
      slot[k].integer = iterations[k][d];
  return llvm::Error::success();
}

/// All iterations of the reduction loops, for `count` of the parallel ones.
llvm::Error StructuredRunner::runBlock(int64_t count) {
  for (Operand &operand : operands)
    locate(operand, count);
  SmallVector<SmallVector<int64_t>> places(outputs.size());
  for (size_t o = 0; o < outputs.size(); ++o) {
    const IndexingMap &map = operands[inputs() + o].map;
    for (int64_t k = 0; k < count; ++k) {
      places[o].push_back(map.element(iterations[k]));
      region->argument(inputs() + o)[k] = outputs[o].get(places[o].back());
    }
  }
  position.assign(reduction.size(), 0);
  int64_t steps = ShapedType::getNumElements(reductionSizes);
  for (int64_t step = 0; step < steps; ++step) {
    moveReductions(count);
    if (llvm::Error error = loadInputs(count))
      return error;
    if (llvm::Error error = region->run(count))
      return error;
    for (size_t o = 0; o < outputs.size(); ++o)
      std::copy_n(region->yielded(o), count, region->argument(inputs() + o));
    advance(position, reductionSizes);
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    Scalar *values = region->argument(inputs() + o);
    roundScalars(values, count, outputTypes[o]);
    for (int64_t k = 0; k < count; ++k)
      outputs[o].set(places[o][k], values[k]);
  }
  return llvm::Error::success();
}

llvm::Error StructuredRunner::run() {
  if (op->getNumResults() != static_cast<unsigned>(op.getNumDpsInits()))
    return opError(op, "must be on tensors");
  if (llvm::Error error = findLoops())
    return error;
  if (llvm::Error error = addOperands())
    return error;
  chooseOrder();
  int64_t total = ShapedType::getNumElements(parallelSizes);
  if (total > 0) {
    llvm::Expected<std::unique_ptr<ScalarRegion>> body =
        ScalarRegion::create(*op.getBlock(), frame, !reduction.empty());
    if (!body)
      return body.takeError();
    region = std::move(*body);
    needsPositions = !region->indices().empty() ||
                     llvm::any_of(operands, [](const Operand &operand) {
                       return !operand.map.isLinear();
                     });
  }
  int64_t block = isSequential ? 1 : ScalarRegion::kCount;
  iterations.assign(block, SmallVector<int64_t, 8>(loops.size(), 0));
  SmallVector<int64_t> current(parallel.size(), 0);
  for (int64_t first = 0; first < total; first += block) {
    int64_t count = std::min(block, total - first);
    for (int64_t k = 0; k < count; ++k) {
      for (auto [d, index] : llvm::zip(parallel, current))
        iterations[k][d] = index;
      advance(current, parallelSizes);
    }
    if (llvm::Error error = runBlock(count))
      return error;
  }
  for (auto [result, init, elements] :
       llvm::zip(op->getResults(), op.getDpsInits(), outputs))
    frame.set(result, elements.take(Shape(frame.get(init).shape())));
  return llvm::Error::success();
}

static llvm::Error runStructured(Operation *op, Frame &frame) {
  return StructuredRunner(cast<linalg::LinalgOp>(op), frame).run();
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// exp(x - max) / sum, in double. A row of minus infinity gives NaN.
static void softmaxRow(MutableArrayRef<double> row) {
  double most = -INFINITY, sum = 0;
  for (double value : row)
    most = std::isnan(value) ? value : std::max(most, value);
  for (double &value : row)
    sum += value = std::exp(value - most);
  for (double &value : row)
    value /= sum;
}

static llvm::Error softmax(linalg::SoftmaxOp op, Frame &frame) {
  if (op->getNumResults() != 1)
    return opError(op, "must be on tensors");
  llvm::Expected<ScalarType> type =
      scalarTypeOf(op.getOutputOperandType().getElementType());
  if (!type)
    return type.takeError();
  const TensorValue &input = frame.get(op.getInput());
  if (!type->format || input.kind() == TensorValue::Kind::Integer)
    return opError(op, "elements must be floats");
  ArrayRef<int64_t> shape = input.shape();
  int64_t length = shape[op.getDimension()];
  int64_t step = stridesOf(shape)[op.getDimension()];
  ElementsBuilder elements(*type, input.elements());
  std::vector<double> row(length);
  for (int64_t i = 0, rows = length ? input.elements() / length : 0; i < rows;
       ++i) {
    int64_t first = i / step * step * length + i % step;
    for (int64_t k = 0; k < length; ++k)
      row[k] = scalarAt(input, first + k * step).number;
    softmaxRow(row);
    for (int64_t k = 0; k < length; ++k) {
      Scalar result;
      result.number = roundNumber(row[k], *type->format);
      elements.set(first + k * step, result);
    }
  }
  frame.set(op->getResult(0), elements.take(Shape(shape)));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// Adds those that have no function of their own.
template <typename... Ops> static void addStructuredOps(OpTable &table) {
  (table.try_emplace(Ops::getOperationName(), runStructured), ...);
}

void lqc::addUpstreamLinalgOps(OpTable &table) {
  addStructuredOps<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
      >(table);
  addOp<linalg::SoftmaxOp>(table, softmax);
}
