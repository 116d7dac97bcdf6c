//===- Loss.cpp - losses --------------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lqc/Support/Error.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// -weight[target] * logProbability[target] for each target, folded as
/// `reduction` says. Targets equal to ignore_index count for nothing.
static Tensor likelihoodLoss(NodeBuilder &n, const Tensor &logs,
                             const Tensor &given, const Tensor &weights) {
  std::string reduction = n.text("reduction", "mean");
  n.require(reduction == "none" || reduction == "sum" || reduction == "mean",
            "reduction must be none, sum or mean");
  n.require(logs.rank() >= 2, "the input must have classes");
  n.requireRank(given, logs.rank() - 1, "targets");
  n.require(isInteger(given.element), "targets must be integers");
  n.requireFloat(logs);
  if (weights) {
    n.requireRank(weights, 1, "weights");
    n.requireSame(logs, weights);
  }
  if (n.failed())
    return logs;
  Size classes = logs.dims[1];
  for (int64_t d = 0; d < given.rank(); ++d)
    n.requireEqual(given.dims[d], logs.dims[d == 0 ? 0 : d + 1],
                   "sizes of input and targets");
  if (weights)
    n.requireEqual(weights.dims[0], classes,
                   "the numbers of weights and classes");
  bool ignores = n.hasAttribute("ignore_index");
  int64_t ignored = n.integer("ignore_index", 0);
  Tensor targets = n.built(n.cast(n.built(given), OnnxType::Int64));
  // What is ignored may be no class: it looks at class 0.
  Tensor places =
      n.map(targets, OnnxType::Int64, [&](const Arith &f, Numbers x) {
        if (!ignores)
          return x[0];
        return f.select(f.equal(x[0], f.integer(ignored)), f.integer(0), x[0]);
      });
  places = n.checkedIndices(places, classes);
  if (n.failed())
    return logs;
  auto classOf = [&](const Arith &f, Numbers at) {
    Value place = f.of(OnnxType::Int64).toIndex(n.load(f, places, at));
    return n.normalized(f, place, n.sizes().value(classes));
  };
  Tensor factors =
      n.compute(targets.dims, logs.element, [&](const Arith &f, Numbers at) {
        Value weight =
            weights ? n.load(f, weights, classOf(f, at)) : f.constant(1);
        if (!ignores)
          return weight;
        Arith whole = f.of(OnnxType::Int64);
        Value isIgnored =
            whole.equal(n.load(f, targets, at), whole.integer(ignored));
        return f.select(isIgnored, f.constant(0), weight);
      });
  Tensor losses =
      n.compute(targets.dims, logs.element, [&](const Arith &f, Numbers at) {
        SmallVector<Value> from(at);
        from.insert(from.begin() + 1, classOf(f, at));
        return f.neg(f.mul(n.load(f, logs, from), n.load(f, factors, at)));
      });
  if (reduction == "none")
    return losses;
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, losses.rank()));
  Tensor sum = n.sum(losses, all, /*keep=*/false);
  return reduction == "sum" ? sum
                            : n.div(sum, n.sum(factors, all, /*keep=*/false));
}

static void buildNegativeLogLikelihoodLoss(NodeBuilder &n) {
  n.set(0, likelihoodLoss(n, n.input(0), n.input(1),
                          n.has(2) ? n.input(2) : Tensor()));
}

static void buildSoftmaxCrossEntropyLoss(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.require(a.rank() >= 2, "the input must have classes");
  n.requireFloat(a);
  if (n.failed())
    return;
  Tensor most = n.max(a, {1}, /*keep=*/true);
  Tensor shifted = n.sub(a, most);
  Tensor powers =
      n.elementwise(shifted, a.element,
                    [](const Arith &f, Numbers x) { return f.exp(x[0]); });
  Tensor sum = n.sum(powers, {1}, /*keep=*/true);
  Tensor logs =
      n.elementwise({shifted, sum}, a.element, [](const Arith &f, Numbers x) {
        return f.sub(x[0], f.log(x[1]));
      });
  n.set(0,
        likelihoodLoss(n, logs, n.input(1), n.has(2) ? n.input(2) : Tensor()));
  n.set(1, logs);
}

ArrayRef<OnnxOp> lqc::lossOps() {
  static const OnnxOp kOps[] = {
      {"NegativeLogLikelihoodLoss",
       {12, 13, 22},
       2,
       3,
       buildNegativeLogLikelihoodLoss},
      {"SoftmaxCrossEntropyLoss", {12, 13}, 2, 3, buildSoftmaxCrossEntropyLoss},
  };
  return kOps;
}
