//===- DecoderTables.cpp - what masks and rotary tables contain -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/DecoderTables.h"

#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Support/Error.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

/// Scores below this are as good as minus infinity.
static constexpr float kMasked = -1e4f;

//===----------------------------------------------------------------------===//
// Running a part of the graph
//===----------------------------------------------------------------------===//

/// A function that takes what the graph takes and returns `values`, and has
/// only the operations that these need.
static func::FuncOp cloneSlice(func::FuncOp graph, ArrayRef<Value> values) {
  IRMapping mapping;
  func::FuncOp slice = cast<func::FuncOp>(graph->clone(mapping));
  Block &block = slice.getBody().front();
  SmallVector<Value> results;
  for (Value value : values)
    results.push_back(mapping.lookup(value));
  block.getTerminator()->setOperands(results);
  slice.setFunctionType(FunctionType::get(graph.getContext(),
                                          slice.getArgumentTypes(),
                                          TypeRange(ValueRange(results))));
  slice.removeResAttrsAttr();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isa<cf::AssertOp>(op) || isOpTriviallyDead(&op))
      op.erase();
  return slice;
}

/// The argument's value: `past` tokens came before, `sequence` come now.
static TensorValue makeInput(Type type, DecoderInput input, int64_t past,
                             int64_t sequence) {
  TensorValue::Shape shape(cast<RankedTensorType>(type).getShape());
  int64_t &length = shape[input == DecoderInput::Past ? 2 : 1];
  length = input == DecoderInput::Past   ? past
           : input == DecoderInput::Mask ? past + sequence
                                         : sequence;
  if (ShapedType::isDynamic(shape[0]))
    shape[0] = 1;
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  if (input == DecoderInput::Past)
    return TensorValue::ofFloats(shape, std::vector<float>(count));
  std::vector<int64_t> numbers(count, input == DecoderInput::Mask);
  if (input == DecoderInput::Positions)
    for (auto [i, number] : llvm::enumerate(numbers))
      number = past + int64_t(i) % sequence;
  return TensorValue::ofIntegers(shape, std::move(numbers));
}

llvm::Expected<SmallVector<TensorValue>>
lqc::evaluateTables(func::FuncOp graph, ArrayRef<Value> values,
                    const DecoderInputs &inputs, int64_t past,
                    int64_t sequence) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(graph.getLoc());
  func::FuncOp slice = cloneSlice(graph, values);
  module->push_back(slice);
  if (!slice.getOps<GetWeightOp>().empty())
    return makeError("depends on a weight");
  SmallVector<TensorValue> arguments;
  for (auto [type, input] : llvm::zip_equal(slice.getArgumentTypes(), inputs))
    arguments.push_back(makeInput(type, input, past, sequence));
  WeightStore store(*module, /*root=*/"", /*threads=*/1);
  Interpreter interpreter(*module, store);
  return interpreter.call(slice, arguments);
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Whether score (row, column) counts: 1, 0, or neither.
static std::optional<bool> isSeen(const TensorValue &mask, int64_t index) {
  if (mask.kind() == TensorValue::Kind::Integer)
    return mask.integers()[index] != 0;
  float number = mask.floats()[index];
  if (number == 0)
    return true;
  return number <= kMasked ? std::optional(false) : std::nullopt;
}

std::optional<std::string> lqc::checkCausal(func::FuncOp graph, Value mask,
                                            const DecoderInputs &inputs) {
  for (auto [past, sequence] : {std::pair(0, 1), {0, 5}, {3, 1}, {3, 4}}) {
    llvm::Expected<SmallVector<TensorValue>> found =
        evaluateTables(graph, mask, inputs, past, sequence);
    if (!found)
      return "its mask " + llvm::toString(found.takeError());
    const TensorValue &table = found->front();
    const int64_t total = past + sequence;
    ArrayRef<int64_t> shape = table.shape();
    if (shape.size() < 2 || shape.back() != total ||
        shape[shape.size() - 2] != sequence)
      return "its mask has no row a token and column a position";
    for (int64_t index = 0; index < table.elements(); ++index) {
      int64_t row = index / total % sequence, column = index % total;
      if (isSeen(table, index) != (column <= past + row))
        return llvm::formatv("its mask is not causal: token {0} and position "
                             "{1}",
                             past + row, column)
            .str();
    }
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Rotary tables
//===----------------------------------------------------------------------===//

/// A constant of the graph with these numbers, up to rounding: what the tables
/// are computed from, exactly.
static std::optional<std::vector<float>> findConstant(func::FuncOp graph,
                                                      ArrayRef<float> near) {
  std::optional<std::vector<float>> result;
  graph.walk([&](Operation *op) {
    DenseElementsAttr numbers;
    if (result || !matchPattern(op, m_Constant(&numbers)) ||
        !numbers.getElementType().isF32() ||
        numbers.getNumElements() != int64_t(near.size()))
      return;
    std::vector<float> values(numbers.value_begin<float>(),
                              numbers.value_end<float>());
    bool fits = llvm::all_of(llvm::zip(values, near), [](auto pair) {
      auto [value, other] = pair;
      return std::abs(value - other) <= 1e-5f * std::abs(other);
    });
    if (fits)
      result = std::move(values);
  });
  return result;
}

/// Whether row t of the tables is for position past + t, with tolerance.
static bool fitsTables(ArrayRef<float> frequencies, const TensorValue &cosines,
                       const TensorValue &sines, int64_t past,
                       int64_t sequence) {
  const int64_t half = frequencies.size();
  for (int64_t t = 0; t < sequence; ++t)
    for (int64_t i = 0; i < 2 * half; ++i) {
      float angle = float(past + t) * frequencies[i % half];
      int64_t index = t * 2 * half + i;
      if (std::abs(cosines.floats()[index] - std::cos(double(angle))) > 1e-4 ||
          std::abs(sines.floats()[index] - std::sin(double(angle))) > 1e-4)
        return false;
    }
  return true;
}

llvm::Expected<std::vector<float>>
lqc::rotaryFrequencies(func::FuncOp graph, Value cosines, Value sines,
                       const DecoderInputs &inputs) {
  std::vector<float> frequencies;
  for (auto [past, sequence] : {std::pair(0, 3), {100, 4}}) {
    llvm::Expected<SmallVector<TensorValue>> tables =
        evaluateTables(graph, {cosines, sines}, inputs, past, sequence);
    if (!tables)
      return makeError("its rotary embedding {0}",
                       llvm::toString(tables.takeError()));
    const TensorValue &c = (*tables)[0], &s = (*tables)[1];
    const int64_t columns = c.shape().empty() ? 0 : c.shape().back();
    if (columns % 2 || c.elements() != sequence * columns ||
        s.elements() != c.elements())
      return makeError("its rotary embedding has no row of angles a token");
    if (frequencies.empty()) {
      for (int64_t i = 0; i < columns / 2; ++i) // of position 1
        frequencies.push_back(
            std::atan2(s.floats()[columns + i], c.floats()[columns + i]));
      if (auto exact = findConstant(graph, frequencies))
        frequencies = std::move(*exact);
    }
    if (int64_t(frequencies.size()) * 2 != columns ||
        !fitsTables(frequencies, c, s, past, sequence))
      return makeError("its rotary embedding is no cosine and sine of position "
                       "times frequency");
  }
  return frequencies;
}
