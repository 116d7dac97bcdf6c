//===- Control.cpp - If, Loop and Scan ------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"
#include "lib/Import/Onnx/Loops.h"
#include "lib/Import/Onnx/OpTable.h"

using namespace mlir;
using namespace lqc;

/// The values of a subgraph; none after an error.
static SmallVector<Tensor> subgraph(NodeBuilder &n,
                                    const onnx::GraphProto &graph,
                                    ArrayRef<Tensor> arguments) {
  if (n.failed())
    return {};
  size_t inputs = GraphImporter::inputCountOf(graph);
  if (inputs != arguments.size()) {
    n.fail("the subgraph must have {0} inputs, got: {1}", arguments.size(),
           inputs);
    return {};
  }
  llvm::Expected<SmallVector<Tensor>> results =
      n.graphImporter().importSubgraph(graph, arguments);
  if (results)
    return std::move(*results);
  n.failInside(results.takeError());
  return {};
}

static void buildIf(NodeBuilder &n) {
  const onnx::GraphProto *yes = n.graph("then_branch");
  const onnx::GraphProto *no = n.graph("else_branch");
  n.require(n.raw(0).element == OnnxType::Bool, "the condition must be bool");
  if (n.failed())
    return;
  SmallVector<Tensor> results;
  std::optional<SmallVector<int64_t>> known = n.knownIntegers(0);
  if (known && known->size() == 1)
    results = subgraph(n, known->front() ? *yes : *no, {});
  else
    results = buildChoice(
        n, n.extract(n.raw(0)), [&] { return subgraph(n, *yes, {}); },
        [&] { return subgraph(n, *no, {}); });
  for (auto [i, tensor] : llvm::enumerate(results))
    n.set(i, tensor);
}

/// Whether a bool is true for sure.
static bool isTrue(const Tensor &tensor) {
  return tensor.elements && tensor.elements->size() == 1 &&
         knownSize(tensor.elements->front()) == 1;
}

static Tensor truth(NodeBuilder &n) {
  return n.fromElements(n.sizes().constant(1), OnnxType::Bool,
                        /*isScalar=*/true);
}

static void buildLoop(NodeBuilder &n) {
  const onnx::GraphProto *graph = n.graph("body");
  SizeMath &s = n.sizes();
  Size limit = s.constant(INT64_MAX);
  if (n.has(0)) {
    Sizes given = n.elements(0);
    if (given.size() != 1)
      n.fail("the number of iterations must be a scalar");
    else
      limit = given.front();
  }
  Value goesOn;
  if (n.has(1) && !isTrue(n.raw(1))) {
    n.require(n.raw(1).element == OnnxType::Bool, "the condition must be bool");
    if (!n.failed())
      goesOn = n.extract(n.raw(1));
  }
  if (n.failed())
    return;
  SmallVector<Tensor> carried;
  for (unsigned i = 2; i < n.inputCount(); ++i)
    carried.push_back(n.raw(i));
  auto body = [&](Size number, ArrayRef<Tensor> values) {
    // Inside the body the condition is true.
    SmallVector<Tensor> arguments = {
        n.fromElements(number, OnnxType::Int64, /*isScalar=*/true), truth(n)};
    llvm::append_range(arguments, values);
    SmallVector<Tensor> results = subgraph(n, *graph, arguments);
    Iteration iteration;
    if (results.size() < 1 + carried.size())
      n.fail("the body must give a condition and what is carried, got: {0} "
             "values",
             results.size());
    if (n.failed())
      return iteration;
    if (!isTrue(results.front()))
      iteration.goesOn = n.extract(results.front());
    ArrayRef<Tensor> rest = ArrayRef(results).drop_front();
    iteration.carried.assign(rest.begin(), rest.begin() + carried.size());
    iteration.rows.assign(rest.begin() + carried.size(), rest.end());
    return iteration;
  };
  LoopResult result = lqc::runLoop(n, limit, goesOn, carried, body);
  if (n.failed())
    return;
  for (auto [i, tensor] : llvm::enumerate(result.carried))
    n.set(i, tensor);
  for (auto [i, tensor] : llvm::enumerate(result.collected))
    n.set(carried.size() + i, tensor);
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// An attribute with a number for each of `count`, 0 if it is left out.
static SmallVector<int64_t> numbersFor(NodeBuilder &n, StringRef name,
                                       size_t count) {
  SmallVector<int64_t> numbers =
      n.integers(name, SmallVector<int64_t>(count, 0));
  n.require(numbers.size() == count,
            (name + " must have a number for each tensor").str());
  numbers.resize(count, 0);
  return numbers;
}

/// The collected rows, last one first if the direction says so, moved to their
/// axis.
static Tensor placedRows(NodeBuilder &n, Tensor rows, int64_t axis,
                         bool isReversed) {
  axis = n.axis(axis, rows.rank());
  if (n.failed())
    return rows;
  if (isReversed) {
    Tensor source = n.built(rows);
    rows = n.compute(
        source.dims, source.element, [&](const Arith &f, ArrayRef<Value> at) {
          SizeMath &s = n.sizes();
          SmallVector<Value> from(at);
          Value last = s.value(s.sub(source.dims[0], s.constant(1)));
          from[0] =
              arith::SubIOp::create(f.builder(), f.location(), last, at[0]);
          return n.load(f, source, from);
        });
  }
  SmallVector<int64_t> permutation;
  for (int64_t d = 1; d <= axis; ++d)
    permutation.push_back(d);
  permutation.push_back(0);
  for (int64_t d = axis + 1; d < rows.rank(); ++d)
    permutation.push_back(d);
  return n.transpose(rows, permutation);
}

static void buildScan(NodeBuilder &n) {
  const onnx::GraphProto *graph = n.graph("body");
  int64_t count = n.requiredInteger("num_scan_inputs");
  n.require(count >= 1 && count <= int64_t(n.inputCount()),
            "num_scan_inputs must be at least 1 and at most the inputs");
  if (n.failed())
    return;
  size_t states = n.inputCount() - count;
  size_t rows = n.outputCount() > states ? n.outputCount() - states : 0;
  SmallVector<int64_t> axes = numbersFor(n, "scan_input_axes", count);
  SmallVector<int64_t> directions =
      numbersFor(n, "scan_input_directions", count);
  SmallVector<int64_t> rowAxes = numbersFor(n, "scan_output_axes", rows);
  SmallVector<int64_t> rowDirections =
      numbersFor(n, "scan_output_directions", rows);
  SmallVector<Tensor> carried, scanned;
  for (size_t i = 0; i < states; ++i)
    carried.push_back(n.raw(i));
  for (size_t i = 0; i < size_t(count); ++i) {
    scanned.push_back(n.input(states + i));
    n.require(scanned.back().rank() >= 1,
              "what is scanned must not be a scalar");
    axes[i] = n.axis(axes[i], scanned.back().rank());
  }
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Size length = scanned[0].dims[axes[0]];
  for (size_t i = 1; i < size_t(count); ++i)
    length = n.requireEqual(length, scanned[i].dims[axes[i]],
                            "the lengths of what is scanned");
  auto body = [&](Size number, ArrayRef<Tensor> values) {
    SmallVector<Tensor> arguments(values);
    for (auto [i, tensor] : llvm::enumerate(scanned)) {
      Size last = s.sub(s.sub(length, s.constant(1)), number);
      Tensor part = n.sliceAxis(tensor, axes[i], directions[i] ? last : number,
                                s.constant(1));
      arguments.push_back(n.squeeze(part, axes[i]));
    }
    SmallVector<Tensor> results = subgraph(n, *graph, arguments);
    Iteration iteration;
    if (!n.failed() && results.size() != states + rows)
      n.fail("the body must give {0} values, got: {1}", states + rows,
             results.size());
    if (n.failed())
      return iteration;
    iteration.carried.assign(results.begin(), results.begin() + states);
    iteration.rows.assign(results.begin() + states, results.end());
    return iteration;
  };
  LoopResult result = lqc::runLoop(n, length, {}, carried, body);
  if (n.failed())
    return;
  for (auto [i, tensor] : llvm::enumerate(result.carried))
    n.set(i, tensor);
  for (auto [i, tensor] : llvm::enumerate(result.collected))
    n.set(states + i, placedRows(n, tensor, rowAxes[i], rowDirections[i]));
}

ArrayRef<OnnxOp> lqc::controlOps() {
  static const OnnxOp kOps[] = {
      {"If",
       {1, 11, 13, 16, 19, 21, 23},
       1,
       1,
       buildIf,
       "branches give tensors of one rank"},
      {"Loop", {1, 11, 13, 16, 19, 21, 23}, 0, kAnyNumber, ::buildLoop},
      {"Scan", {9, 11, 16, 19, 21, 23}, 1, kAnyNumber, buildScan},
  };
  return kOps;
}
