//===- Recurrent.cpp - RNN, GRU and LSTM ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names are those of the specification. What does not depend on the state, the
// input times W plus the biases, is computed for all steps at once; the loop
// over time multiplies the state by R. A backward direction is a forward one on
// the input turned round.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Loops.h"
#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

namespace {
enum class CellKind { Rnn, Gru, Lstm };

using Function = ActivationFunction;

/// What all directions share.
struct Layer {
  CellKind kind;
  int64_t gates;  ///< rows of W for each hidden number
  Tensor x;       ///< (steps, batch, inputs)
  Tensor lengths; ///< of each sequence, int64 (batch); or none
  int64_t directions = 1;
  Size steps, batch, hidden;
  double clip = 0; ///< 0: none
  bool linearBeforeReset = false, inputForget = false;
  SmallVector<Function> activations; ///< for each direction, in order
};

/// The weights of one direction.
struct Weights {
  Tensor w, r; ///< (inputs or hidden, gates * hidden), transposed
  Tensor inputBias, stateBias; ///< (gates * hidden); or none
  Tensor peepholes[3];         ///< i, o, f of LSTM (hidden); or none
};

/// The state of one direction.
struct State {
  Tensor h, c; ///< (batch, hidden); c of LSTM
};
} // namespace

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

Function lqc::activationFunction(NodeBuilder &n, StringRef name,
                                 std::optional<double> alpha,
                                 std::optional<double> beta) {
  double a = alpha.value_or(llvm::StringSwitch<double>(name.lower())
                                .Case("leakyrelu", 0.01)
                                .Case("hardsigmoid", 0.2)
                                .Default(1));
  double b = beta.value_or(name.lower() == "hardsigmoid" ? 0.5 : 0);
  std::string lower = name.lower();
  if (lower == "sigmoid")
    return [](const Arith &f, Value x) { return f.sigmoid(x); };
  if (lower == "tanh")
    return [](const Arith &f, Value x) { return f.tanh(x); };
  if (lower == "relu")
    return [](const Arith &f, Value x) { return f.max(x, f.constant(0)); };
  if (lower == "affine")
    return [a, b](const Arith &f, Value x) {
      return f.add(f.mul(f.constant(a), x), f.constant(b));
    };
  if (lower == "leakyrelu")
    return [a](const Arith &f, Value x) {
      return f.select(f.less(x, f.constant(0)), f.mul(f.constant(a), x), x);
    };
  if (lower == "thresholdedrelu")
    return [a](const Arith &f, Value x) {
      return f.select(f.less(x, f.constant(a)), f.constant(0), x);
    };
  if (lower == "scaledtanh")
    return [a, b](const Arith &f, Value x) {
      return f.mul(f.constant(a), f.tanh(f.mul(f.constant(b), x)));
    };
  if (lower == "hardsigmoid")
    return [a, b](const Arith &f, Value x) {
      return f.clamp(f.add(f.mul(f.constant(a), x), f.constant(b)), 0, 1);
    };
  if (lower == "elu")
    return [a](const Arith &f, Value x) {
      Value below = f.mul(f.constant(a), f.sub(f.exp(x), f.constant(1)));
      return f.select(f.less(x, f.constant(0)), below, x);
    };
  if (lower == "softsign")
    return [](const Arith &f, Value x) {
      return f.div(x, f.add(f.constant(1), f.abs(x)));
    };
  if (lower == "softplus")
    return [](const Arith &f, Value x) { return f.log1p(f.exp(x)); };
  n.fail("activation must be one of the specification's, got: {0}",
         quote(name));
  return [](const Arith &, Value x) { return x; };
}

static void readActivations(NodeBuilder &n, Layer &layer,
                            ArrayRef<StringRef> defaults) {
  SmallVector<std::string> names = n.texts("activations");
  if (names.empty())
    for (int64_t d = 0; d < layer.directions; ++d)
      for (StringRef name : defaults)
        names.push_back(name.str());
  if (names.size() != defaults.size() * size_t(layer.directions))
    return n.fail("activations must be {0} for each direction, got: {1}",
                  defaults.size(), names.size());
  SmallVector<double> alphas = n.reals("activation_alpha"),
                      betas = n.reals("activation_beta");
  // The lists have numbers for those activations only that take some.
  size_t alpha = 0, beta = 0;
  for (StringRef name : names) {
    std::string lower = name.lower();
    bool takesBeta =
        lower == "affine" || lower == "scaledtanh" || lower == "hardsigmoid";
    bool takesAlpha = takesBeta || lower == "leakyrelu" ||
                      lower == "thresholdedrelu" || lower == "elu";
    auto next = [](ArrayRef<double> numbers, size_t &at, bool takes) {
      return takes && at < numbers.size() ? std::optional(numbers[at++])
                                          : std::nullopt;
    };
    std::optional<double> a = next(alphas, alpha, takesAlpha);
    layer.activations.push_back(
        activationFunction(n, name, a, next(betas, beta, takesBeta)));
  }
}

static int64_t directionsOf(NodeBuilder &n) {
  std::string direction = n.text("direction", "forward");
  n.require(direction == "forward" || direction == "reverse" ||
                direction == "bidirectional",
            "direction must be forward, reverse or bidirectional");
  return direction == "bidirectional" ? 2 : 1;
}

static std::optional<Layer> readLayer(NodeBuilder &n, CellKind kind,
                                      int64_t gates,
                                      ArrayRef<StringRef> activations) {
  Layer layer;
  layer.kind = kind;
  layer.gates = gates;
  layer.directions = directionsOf(n);
  layer.x = n.input(0);
  Tensor w = n.input(1), r = n.input(2);
  for (const Tensor *tensor : {&layer.x, &w, &r})
    n.requireRank(*tensor, 3, "X, W and R");
  n.requireSame(layer.x, w);
  n.requireSame(layer.x, r);
  n.requireFloat(layer.x);
  if (n.failed())
    return std::nullopt;
  if (n.integer("layout", 0) == 1)
    layer.x = n.transpose(layer.x, {1, 0, 2});
  SizeMath &s = n.sizes();
  layer.steps = layer.x.dims[0];
  layer.batch = layer.x.dims[1];
  layer.hidden = r.dims[2];
  if (n.hasAttribute("hidden_size"))
    layer.hidden = n.requireEqual(s.constant(n.integer("hidden_size", 0)),
                                  layer.hidden, "hidden_size and R's size");
  Size rows = s.mul(s.constant(gates), layer.hidden);
  for (const Tensor *tensor : {&w, &r}) {
    n.requireEqual(s.constant(layer.directions), tensor->dims[0],
                   "the number of directions");
    n.requireEqual(rows, tensor->dims[1], "the rows of W and R");
  }
  n.requireEqual(layer.x.dims[2], w.dims[2], "the inputs of X and W");
  layer.clip = n.real("clip", 0);
  layer.linearBeforeReset = n.integer("linear_before_reset", 0);
  layer.inputForget = n.integer("input_forget", 0);
  if (n.has(4)) {
    n.requireRank(n.raw(4), 1, "sequence_lens");
    n.require(isInteger(n.raw(4).element), "sequence_lens must be integers");
    if (n.failed())
      return std::nullopt;
    n.requireEqual(n.raw(4).dims[0], layer.batch,
                   "the sizes of sequence_lens and the batch");
    layer.lengths = n.built(n.cast(n.input(4), OnnxType::Int64));
  }
  readActivations(n, layer, activations);
  return n.failed() ? std::nullopt : std::optional(layer);
}

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

/// Element `index` of the first dimension.
static Tensor entry(NodeBuilder &n, const Tensor &tensor, Size index) {
  Tensor part = n.sliceAxis(tensor, 0, index, n.sizes().constant(1));
  return n.squeeze(part, int64_t(0));
}

/// Part `index` of the last dimension, of `size`.
static Tensor lastPart(NodeBuilder &n, const Tensor &tensor, int64_t index,
                       Size size, int64_t count = 1) {
  SizeMath &s = n.sizes();
  return n.sliceAxis(tensor, tensor.rank() - 1, s.mul(s.constant(index), size),
                     s.mul(s.constant(count), size));
}

static Weights readWeights(NodeBuilder &n, const Layer &layer,
                           int64_t direction) {
  SizeMath &s = n.sizes();
  Size d = s.constant(direction);
  Weights weights;
  weights.w = n.transpose(entry(n, n.input(1), d), {1, 0});
  weights.r = n.transpose(entry(n, n.input(2), d), {1, 0});
  if (n.has(3)) {
    n.requireRank(n.raw(3), 2, "B");
    if (n.failed())
      return weights;
    n.requireEqual(n.raw(3).dims[0], s.constant(layer.directions),
                   "the directions of B");
    n.requireEqual(n.raw(3).dims[1],
                   s.mul(s.constant(2 * layer.gates), layer.hidden),
                   "the size of B");
    if (n.failed())
      return weights;
    Tensor bias = entry(n, n.input(3), d);
    weights.inputBias = lastPart(n, bias, 0, layer.hidden, layer.gates);
    weights.stateBias =
        n.sliceAxis(bias, 0, s.mul(s.constant(layer.gates), layer.hidden),
                    s.mul(s.constant(layer.gates), layer.hidden));
  }
  if (layer.kind == CellKind::Lstm && n.has(7)) {
    n.requireRank(n.raw(7), 2, "P");
    if (n.failed())
      return weights;
    n.requireEqual(n.raw(7).dims[0], s.constant(layer.directions),
                   "the directions of P");
    n.requireEqual(n.raw(7).dims[1], s.mul(s.constant(3), layer.hidden),
                   "the size of P");
    if (n.failed())
      return weights;
    Tensor all = entry(n, n.input(7), d);
    for (int64_t i = 0; i < 3; ++i)
      weights.peepholes[i] = lastPart(n, all, i, layer.hidden);
  }
  return weights;
}

/// (batch, hidden) of a direction; zeros if it is not given.
static Tensor initialState(NodeBuilder &n, const Layer &layer, unsigned input,
                           int64_t direction) {
  SizeMath &s = n.sizes();
  Sizes dims = {layer.batch, layer.hidden};
  if (!n.has(input))
    return n.zeros(layer.x.element, dims);
  Tensor given = n.input(input);
  n.requireRank(given, 3, "an initial state");
  n.requireSame(layer.x, given);
  if (n.failed())
    return given;
  if (n.integer("layout", 0) == 1)
    given = n.transpose(given, {1, 0, 2});
  n.requireEqual(given.dims[0], s.constant(layer.directions),
                 "the directions of an initial state");
  for (int64_t d = 0; d < 2; ++d)
    n.requireEqual(given.dims[d + 1], dims[d], "the sizes of an initial state");
  Tensor state = entry(n, given, s.constant(direction));
  return n.failed() ? state : n.make(state.value, state.element, dims);
}

/// Steps in the other order; of each sequence, those that it has.
static Tensor turned(NodeBuilder &n, const Layer &layer, const Tensor &given) {
  Tensor a = n.built(given);
  return n.compute(a.dims, a.element, [&](const Arith &f, Numbers at) {
    SizeMath &s = n.sizes();
    Arith whole = f.of(OnnxType::Int64);
    Value length = layer.lengths ? n.load(f, layer.lengths, at[1])
                                 : whole.fromIndex(s.value(layer.steps));
    Value step = whole.fromIndex(at[0]);
    Value other = whole.sub(whole.sub(length, step), whole.integer(1));
    Value place = whole.select(whole.less(step, length), other, step);
    SmallVector<Value> from(at);
    from[0] = n.normalized(f, whole.toIndex(place), s.value(layer.steps));
    return n.load(f, a, from);
  });
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

namespace {
/// One direction of a layer.
struct Cell {
  NodeBuilder &n;
  const Layer &layer;
  Weights weights;
  ArrayRef<Function> functions;

  Tensor apply(const Function &function, const Tensor &x) const {
    return n.elementwise(x, x.element, [&](const Arith &f, Numbers numbers) {
      Value y = numbers[0];
      if (layer.clip > 0)
        y = f.clamp(y, -layer.clip, layer.clip);
      return function(f, y);
    });
  }
  Tensor gate(const Tensor &all, int64_t index) const {
    return lastPart(n, all, index, layer.hidden);
  }
  Tensor plus(const Tensor &x, const Tensor &bias) const {
    return bias ? n.add(x, bias) : x;
  }
  Tensor one(const Tensor &like) const { return n.scalar(1, like.element); }

  State rnn(const Tensor &x, const State &before) const;
  State gru(const Tensor &x, const State &before) const;
  State lstm(const Tensor &x, const State &before) const;
  State step(const Tensor &x, const State &before) const;
};
} // namespace

State Cell::rnn(const Tensor &x, const State &before) const {
  Tensor sum = plus(n.add(x, n.matmul(before.h, weights.r)), weights.stateBias);
  return {apply(functions[0], sum), {}};
}

State Cell::gru(const Tensor &x, const State &before) const {
  Tensor h = before.h;
  Tensor r = lastPart(n, weights.r, 0, layer.hidden, 2);
  Tensor bias = weights.stateBias;
  Tensor sums = n.add(lastPart(n, x, 0, layer.hidden, 2), n.matmul(h, r));
  if (bias)
    sums = n.add(sums, lastPart(n, bias, 0, layer.hidden, 2));
  Tensor update = apply(functions[0], gate(sums, 0));
  Tensor reset = apply(functions[0], gate(sums, 1));
  Tensor rh = gate(weights.r, 2);
  Tensor rbh = bias ? gate(bias, 2) : Tensor();
  Tensor state = layer.linearBeforeReset
                     ? n.mul(reset, plus(n.matmul(h, rh), rbh))
                     : plus(n.matmul(n.mul(reset, h), rh), rbh);
  Tensor fresh = apply(functions[1], n.add(gate(x, 2), state));
  Tensor kept = n.mul(update, h);
  return {n.add(n.mul(n.sub(one(update), update), fresh), kept), {}};
}

/// Gates in the order i, o, f, c.
State Cell::lstm(const Tensor &x, const State &before) const {
  Tensor sums =
      plus(n.add(x, n.matmul(before.h, weights.r)), weights.stateBias);
  auto peeped = [&](Tensor sum, int64_t index, const Tensor &c) {
    const Tensor &weight = weights.peepholes[index];
    return weight ? n.add(sum, n.mul(weight, c)) : sum;
  };
  Tensor in = apply(functions[0], peeped(gate(sums, 0), 0, before.c));
  Tensor forget = layer.inputForget
                      ? n.sub(one(in), in)
                      : apply(functions[0], peeped(gate(sums, 2), 2, before.c));
  Tensor fresh = apply(functions[1], gate(sums, 3));
  Tensor c = n.add(n.mul(forget, before.c), n.mul(in, fresh));
  Tensor out = apply(functions[0], peeped(gate(sums, 1), 1, c));
  Tensor shown = n.elementwise(c, c.element, [&](const Arith &f, Numbers y) {
    return functions[2](f, y[0]);
  });
  return {n.mul(out, shown), c};
}

State Cell::step(const Tensor &x, const State &before) const {
  switch (layer.kind) {
  case CellKind::Rnn:
    return rnn(x, before);
  case CellKind::Gru:
    return gru(x, before);
  case CellKind::Lstm:
    return lstm(x, before);
  }
  return before;
}

//===----------------------------------------------------------------------===//
// Directions
//===----------------------------------------------------------------------===//

namespace {
struct DirectionResult {
  Tensor all; ///< (steps, batch, hidden)
  State last;
};
} // namespace

/// Sequences that have ended keep their state.
static Tensor kept(NodeBuilder &n, const Tensor &runs, const Tensor &next,
                   const Tensor &before) {
  return n.elementwise(
      {runs, next, before}, next.element,
      [](const Arith &f, Numbers x) { return f.select(x[0], x[1], x[2]); });
}

static DirectionResult runDirection(NodeBuilder &n, const Layer &layer,
                                    int64_t direction, bool isBackward) {
  size_t functions = layer.activations.size() / layer.directions;
  Cell cell = {
      n, layer, readWeights(n, layer, direction),
      ArrayRef(layer.activations).slice(direction * functions, functions)};
  bool isLstm = layer.kind == CellKind::Lstm;
  SmallVector<Tensor> states = {initialState(n, layer, 5, direction)};
  if (isLstm)
    states.push_back(initialState(n, layer, 6, direction));
  if (n.failed())
    return {};
  Tensor x = isBackward ? turned(n, layer, layer.x) : layer.x;
  Tensor inputs =
      cell.plus(n.matmul(x, cell.weights.w), cell.weights.inputBias);
  if (n.failed())
    return {};
  auto body = [&](Size step, ArrayRef<Tensor> carried) {
    State before = {carried[0], isLstm ? carried[1] : Tensor()};
    State after = cell.step(entry(n, inputs, step), before);
    Tensor row = after.h;
    if (layer.lengths && !n.failed()) {
      Tensor number = n.fromElements(step, OnnxType::Int64, /*isScalar=*/true);
      Tensor runs = n.elementwise(
          {number, layer.lengths}, OnnxType::Bool,
          [](const Arith &f, Numbers y) { return f.less(y[0], y[1]); });
      runs = n.unsqueeze(runs, {1});
      row = kept(n, runs, after.h, n.scalar(0, row.element));
      after.h = kept(n, runs, after.h, before.h);
      if (isLstm)
        after.c = kept(n, runs, after.c, before.c);
    }
    Iteration iteration;
    iteration.carried = {after.h};
    if (isLstm)
      iteration.carried.push_back(after.c);
    iteration.rows = {row};
    return iteration;
  };
  LoopResult result = runLoop(n, layer.steps, {}, states, body);
  if (n.failed())
    return {};
  Tensor all = n.make(result.collected[0].value, layer.x.element,
                      {layer.steps, layer.batch, layer.hidden});
  return {isBackward ? turned(n, layer, all) : all,
          {result.carried[0], isLstm ? result.carried[1] : Tensor()}};
}

/// Puts directions together: (…, directions at `axis`, …).
static Tensor stacked(NodeBuilder &n, ArrayRef<Tensor> parts, int64_t axis) {
  SmallVector<Tensor> placed;
  for (const Tensor &part : parts)
    placed.push_back(n.unsqueeze(part, axis));
  return n.concat(placed, axis);
}

static void buildLayer(NodeBuilder &n, CellKind kind, int64_t gates,
                       ArrayRef<StringRef> activations) {
  std::optional<Layer> layer = readLayer(n, kind, gates, activations);
  if (!layer)
    return;
  bool startsBackward = n.text("direction", "forward") == "reverse";
  SmallVector<Tensor> all, h, c;
  for (int64_t d = 0; d < layer->directions; ++d) {
    DirectionResult result =
        runDirection(n, *layer, d, startsBackward || d == 1);
    if (n.failed())
      return;
    all.push_back(result.all);
    h.push_back(result.last.h);
    c.push_back(result.last.c);
  }
  bool isBatchFirst = n.integer("layout", 0) == 1;
  Tensor y = stacked(n, all, 1), last = stacked(n, h, 0);
  n.set(0, isBatchFirst ? n.transpose(y, {2, 0, 1, 3}) : y);
  n.set(1, isBatchFirst ? n.transpose(last, {1, 0, 2}) : last);
  if (kind != CellKind::Lstm)
    return;
  Tensor memory = stacked(n, c, 0);
  n.set(2, isBatchFirst ? n.transpose(memory, {1, 0, 2}) : memory);
}

static void buildRnn(NodeBuilder &n) {
  buildLayer(n, CellKind::Rnn, 1, {"Tanh"});
}
static void buildGru(NodeBuilder &n) {
  buildLayer(n, CellKind::Gru, 3, {"Sigmoid", "Tanh"});
}
static void buildLstm(NodeBuilder &n) {
  buildLayer(n, CellKind::Lstm, 4, {"Sigmoid", "Tanh", "Tanh"});
}

ArrayRef<OnnxOp> lqc::recurrentOps() {
  static const OnnxOp kOps[] = {
      {"RNN", {7, 14, 22}, 3, 6, buildRnn},
      {"GRU", {7, 14, 22}, 3, 6, buildGru},
      {"LSTM", {7, 14, 22}, 3, 8, buildLstm},
  };
  return kOps;
}
