//===- Activations.cpp - activation functions -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// A function of each number as one linalg.generic.
static void mapFloats(NodeBuilder &n,
                      llvm::function_ref<Value(const Arith &, Value)> body) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.set(0, n.map(a, a.element,
                 [&](const Arith &f, Numbers x) { return body(f, x[0]); }));
}

static void buildRelu(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.require(a.element != OnnxType::Bool, "the operand must be numbers");
  Tensor result = n.elementwise(a, a.element, [](const Arith &f, Numbers x) {
    return f.max(x[0], f.constant(0));
  });
  if (a.sums)
    result.sums = std::make_shared<ScaledSums>(
        ScaledSums{a.sums->sums, a.sums->scale, /*isRectified=*/true});
  n.set(0, result);
}

static void buildLeakyRelu(NodeBuilder &n) {
  double alpha = n.real("alpha", 0.01);
  mapFloats(n, [&](const Arith &f, Value x) {
    return f.select(f.less(x, f.constant(0)), f.mul(f.constant(alpha), x), x);
  });
}

/// The slope is stretched to the input, not the other way round.
static void buildPRelu(NodeBuilder &n) {
  Tensor a = n.input(0), slope = n.input(1);
  n.requireSame(a, slope);
  // Before opset 7 there is one for each channel.
  if (n.version() < 7 && slope.rank() == 1 && a.rank() > 2) {
    SmallVector<int64_t> axes =
        llvm::to_vector(llvm::seq<int64_t>(1, a.rank() - 1));
    slope = n.unsqueeze(slope, axes);
  }
  n.set(0, n.map({a, slope}, a.element, [](const Arith &f, Numbers x) {
    return f.select(f.less(x[0], f.constant(0)), f.mul(x[1], x[0]), x[0]);
  }));
}

/// alpha * (exp(x / scale) - 1) below zero.
static Value elu(const Arith &f, Value x, double alpha, double scale) {
  Value scaled = scale == 1 ? x : f.div(x, f.constant(scale));
  Value below = f.mul(f.constant(alpha), f.sub(f.exp(scaled), f.constant(1)));
  return f.select(f.less(x, f.constant(0)), below, x);
}

static void buildElu(NodeBuilder &n) {
  double alpha = n.real("alpha", 1);
  mapFloats(n, [&](const Arith &f, Value x) { return elu(f, x, alpha, 1); });
}

static void buildCelu(NodeBuilder &n) {
  double alpha = n.real("alpha", 1);
  mapFloats(n,
            [&](const Arith &f, Value x) { return elu(f, x, alpha, alpha); });
}

static void buildSelu(NodeBuilder &n) {
  double alpha = n.real("alpha", 1.67326319217681884765625);
  double gamma = n.real("gamma", 1.05070102214813232421875);
  mapFloats(n, [&](const Arith &f, Value x) {
    return f.mul(f.constant(gamma), elu(f, x, alpha, 1));
  });
}

static Value hardSigmoid(const Arith &f, Value x, double alpha, double beta) {
  return f.clamp(f.add(f.mul(f.constant(alpha), x), f.constant(beta)), 0, 1);
}

static void buildHardSigmoid(NodeBuilder &n) {
  double alpha = n.real("alpha", 0.2), beta = n.real("beta", 0.5);
  mapFloats(n, [&](const Arith &f, Value x) {
    return hardSigmoid(f, x, alpha, beta);
  });
}

static void buildHardSwish(NodeBuilder &n) {
  mapFloats(n, [](const Arith &f, Value x) {
    return f.mul(x, hardSigmoid(f, x, 1.0 / 6, 0.5));
  });
}

/// log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|)).
static Value softplus(const Arith &f, Value x) {
  Value small = f.log1p(f.exp(f.neg(f.abs(x))));
  return f.add(f.max(x, f.constant(0)), small);
}

static void buildSoftplus(NodeBuilder &n) { mapFloats(n, softplus); }

static void buildMish(NodeBuilder &n) {
  mapFloats(n, [](const Arith &f, Value x) {
    return f.mul(x, f.tanh(softplus(f, x)));
  });
}

static void buildSoftsign(NodeBuilder &n) {
  mapFloats(n, [](const Arith &f, Value x) {
    return f.div(x, f.add(f.constant(1), f.abs(x)));
  });
}

static void buildThresholdedRelu(NodeBuilder &n) {
  double alpha = n.real("alpha", 1);
  mapFloats(n, [&](const Arith &f, Value x) {
    return f.select(f.less(f.constant(alpha), x), x, f.constant(0));
  });
}

static void buildShrink(NodeBuilder &n) {
  Tensor a = n.input(0);
  double bias = n.real("bias", 0), lambda = n.real("lambd", 0.5);
  n.set(0, n.map(a, a.element, [&](const Arith &f, Numbers x) {
    Value high = f.select(f.less(f.constant(lambda), x[0]),
                          f.sub(x[0], f.constant(bias)), f.constant(0));
    return f.select(f.less(x[0], f.constant(-lambda)),
                    f.add(x[0], f.constant(bias)), high);
  }));
}

Tensor lqc::swish(NodeBuilder &n, const Tensor &a, double alpha) {
  return n.elementwise(a, a.element, [&](const Arith &f, Numbers x) {
    Value scaled = alpha == 1 ? x[0] : f.mul(f.constant(alpha), x[0]);
    return f.mul(x[0], f.sigmoid(scaled));
  });
}

static void buildSwish(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.set(0, swish(n, a, n.real("alpha", 1)));
}

Tensor lqc::gelu(NodeBuilder &n, const Tensor &a, bool isTanh) {
  return n.elementwise(a, a.element, [&](const Arith &f, Numbers x) {
    Value inner;
    if (isTanh) {
      Value cube = f.mul(x[0], f.square(x[0]));
      Value sum = f.add(x[0], f.mul(f.constant(0.044715), cube));
      inner = f.tanh(f.mul(f.constant(std::sqrt(2 / M_PI)), sum));
    } else {
      inner = f.erf(f.mul(x[0], f.constant(std::sqrt(0.5))));
    }
    return f.mul(f.mul(f.constant(0.5), x[0]), f.add(f.constant(1), inner));
  });
}

static void buildGelu(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.set(0, gelu(n, a, n.text("approximate", "none") == "tanh"));
}

ArrayRef<OnnxOp> lqc::activationOps() {
  static const OnnxOp kOps[] = {
      {"Relu", {6, 13, 14}, 1, 1, buildRelu},
      {"LeakyRelu", {6, 16}, 1, 1, buildLeakyRelu},
      {"PRelu", {6, 7, 9, 16}, 2, 2, buildPRelu},
      {"Elu", {6, 22}, 1, 1, buildElu},
      {"Celu", {12}, 1, 1, buildCelu},
      {"Selu", {6, 22}, 1, 1, buildSelu},
      {"HardSigmoid", {6, 22}, 1, 1, buildHardSigmoid},
      {"HardSwish", {14, 22}, 1, 1, buildHardSwish},
      {"Softplus", {1, 22}, 1, 1, buildSoftplus},
      {"Softsign", {1, 22}, 1, 1, buildSoftsign},
      {"Mish", {18, 22}, 1, 1, buildMish},
      {"ThresholdedRelu", {10, 22}, 1, 1, buildThresholdedRelu},
      {"Shrink", {9}, 1, 1, buildShrink},
      {"Gelu", {20}, 1, 1, buildGelu},
      {"Swish", {24}, 1, 1, buildSwish},
      {"Gelu", {1}, 1, 1, buildGelu, "", kMicrosoft},
  };
  return kOps;
}
