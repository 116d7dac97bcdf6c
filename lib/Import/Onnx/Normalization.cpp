//===- Normalization.cpp - softmax and normalizations ---------------------===//
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

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

static Tensor logSoftmax(NodeBuilder &n, const Tensor &a, int64_t axis) {
  Tensor most = n.max(a, axis, /*keep=*/true);
  Tensor shifted = n.sub(a, most);
  Tensor powers =
      n.elementwise(shifted, a.element,
                    [](const Arith &f, Numbers x) { return f.exp(x[0]); });
  Tensor sum = n.sum(powers, axis, /*keep=*/true);
  return n.elementwise(
      {shifted, sum}, a.element,
      [](const Arith &f, Numbers x) { return f.sub(x[0], f.log(x[1])); });
}

/// 1 at the first largest element.
static Tensor hardmax(NodeBuilder &n, const Tensor &a, int64_t axis) {
  Tensor most = n.max(a, axis, /*keep=*/true);
  Size end = a.dims[axis];
  Tensor places =
      n.compute(a.dims, OnnxType::Int64, [&](const Arith &f, Numbers at) {
        return f.fromIndex(at[axis]);
      });
  Tensor isMost =
      n.elementwise({a, most}, OnnxType::Bool, [](const Arith &f, Numbers x) {
        return f.equal(x[0], x[1]);
      });
  Tensor far = n.built(n.fromElements(end, OnnxType::Int64, /*isScalar=*/true));
  Tensor candidates = n.elementwise(
      {isMost, places, far}, OnnxType::Int64,
      [](const Arith &f, Numbers x) { return f.select(x[0], x[1], x[2]); });
  Tensor first = n.reduce(
      candidates, axis, /*keep=*/true,
      [](const Arith &f) { return f.highest(); },
      [](const Arith &f, Numbers x) { return f.min(x[0], x[1]); });
  return n.map({places, first}, a.element, [&](const Arith &f, Numbers x) {
    Arith numbers = f.of(a.element);
    return numbers.select(f.equal(x[0], x[1]), numbers.constant(1),
                          numbers.constant(0));
  });
}

/// Before opset 13 all dimensions from the axis on are one.
template <Tensor (*function)(NodeBuilder &, const Tensor &, int64_t)>
static void buildAlong(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  bool isOld = n.version() < 13;
  int64_t axis = n.axis(n.integer("axis", isOld ? 1 : -1), a.rank());
  if (n.failed())
    return;
  if (!isOld)
    return n.set(0, function(n, a, axis));
  Tensor flat = n.flatten(a, axis);
  n.set(0, n.reshape(function(n, flat, 1), a.dims));
}

static Tensor softmax(NodeBuilder &n, const Tensor &a, int64_t axis) {
  return n.softmax(a, axis);
}

//===----------------------------------------------------------------------===//
// Means and variances
//===----------------------------------------------------------------------===//

/// A vector with an element for each channel (dimension 1 of `rank`).
static Tensor channels(NodeBuilder &n, const Tensor &vector, int64_t rank) {
  n.requireRank(vector, 1, "a tensor with a number for each channel");
  if (n.failed())
    return vector;
  SmallVector<int64_t> axes;
  for (int64_t d = 1; d < rank - 1; ++d)
    axes.push_back(d);
  return n.unsqueeze(vector, axes);
}

static Tensor plusEpsilon(NodeBuilder &n, const Tensor &a, double epsilon) {
  return n.add(a, n.scalar(epsilon, a.element));
}

static Tensor squareRoot(NodeBuilder &n, const Tensor &a) {
  return n.elementwise(a, a.element,
                       [](const Arith &f, Numbers x) { return f.sqrt(x[0]); });
}

namespace {
struct Normalized {
  Tensor values, mean, inverse;
};
} // namespace

/// (x - mean) / sqrt(variance + epsilon) over some axes.
static Normalized normalize(NodeBuilder &n, const Tensor &a,
                            ArrayRef<int64_t> axes, double epsilon) {
  Tensor mean = n.mean(a, axes, /*keep=*/true);
  Tensor centered = n.sub(a, mean);
  Tensor variance = n.mean(n.mul(centered, centered), axes, /*keep=*/true);
  Tensor deviation = squareRoot(n, plusEpsilon(n, variance, epsilon));
  Tensor inverse = n.div(n.scalar(1, a.element), deviation);
  return {n.mul(centered, inverse), mean, inverse};
}

static SmallVector<int64_t> axesFrom(int64_t first, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(first, std::max(first, rank)));
}

/// Mean and variance of each channel of a batch.
static std::pair<Tensor, Tensor> batchStatistics(NodeBuilder &n,
                                                 const Tensor &a) {
  SmallVector<int64_t> axes = axesFrom(2, a.rank());
  axes.insert(axes.begin(), 0);
  Tensor mean = n.mean(a, axes, /*keep=*/true);
  Tensor centered = n.sub(a, mean);
  Tensor variance = n.mean(n.mul(centered, centered), axes, /*keep=*/true);
  return {n.reshape(mean, a.dims[1]), n.reshape(variance, a.dims[1])};
}

/// With training_mode the statistics are those of the batch, and outputs 1 and
/// 2 are what runs along.
static void buildBatchNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.require(a.rank() >= 2, "the input must have channels");
  bool isTraining = n.integer("training_mode", 0);
  n.require(isTraining || !n.wants(1), "outputs 1 and 2 need training_mode");
  if (n.failed())
    return;
  Tensor values[4];
  for (unsigned i = 0; i < 4; ++i)
    values[i] = n.cast(n.input(i + 1), a.element);
  if (isTraining) {
    auto current = batchStatistics(n, a);
    Tensor momentum = n.scalar(n.real("momentum", 0.9), a.element);
    Tensor rest = n.scalar(1 - n.real("momentum", 0.9), a.element);
    auto run = [&](const Tensor &before, const Tensor &now) {
      return n.add(n.mul(before, momentum), n.mul(now, rest));
    };
    n.set(1, run(values[2], current.first));
    n.set(2, run(values[3], current.second));
    values[2] = current.first;
    values[3] = current.second;
  }
  for (Tensor &value : values)
    value = channels(n, value, a.rank());
  auto [scale, bias, mean, variance] = values;
  // What depends on channels alone is computed once a channel.
  Tensor deviation =
      squareRoot(n, plusEpsilon(n, variance, n.real("epsilon", 1e-5)));
  Tensor factor = n.div(scale, deviation);
  n.set(0, n.add(n.mul(n.sub(a, mean), factor), bias));
}

static void buildInstanceNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.require(a.rank() >= 3, "the input must have channels and positions");
  if (n.failed())
    return;
  Normalized normal =
      normalize(n, a, axesFrom(2, a.rank()), n.real("epsilon", 1e-5));
  Tensor scale = channels(n, n.input(1), a.rank());
  Tensor bias = channels(n, n.input(2), a.rank());
  n.set(0, n.add(n.mul(normal.values, scale), bias));
}

LayerNormResult lqc::layerNorm(NodeBuilder &n, const Tensor &given,
                               int64_t axis, double epsilon, const Tensor &gain,
                               const Tensor &bias) {
  OnnxType stash =
      given.element == OnnxType::Double ? OnnxType::Double : OnnxType::Float;
  Tensor a = n.cast(given, stash);
  Normalized normal = normalize(n, a, axesFrom(axis, a.rank()), epsilon);
  Tensor result = n.cast(normal.values, given.element);
  if (gain)
    result = n.mul(result, gain);
  if (bias)
    result = n.add(result, bias);
  return {result, normal.mean, normal.inverse};
}

Tensor lqc::rmsNorm(NodeBuilder &n, const Tensor &given, int64_t axis,
                    double epsilon, const Tensor &gain) {
  Tensor a = n.cast(given, OnnxType::Float);
  SmallVector<int64_t> axes = axesFrom(axis, a.rank());
  Tensor square = n.mean(n.mul(a, a), axes, /*keep=*/true);
  Tensor root = squareRoot(n, plusEpsilon(n, square, epsilon));
  return n.mul(n.cast(n.div(a, root), given.element), gain);
}

/// In float, whatever the input (stash_type 1).
static void buildLayerNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  if (n.failed())
    return;
  LayerNormResult norm =
      layerNorm(n, a, axis, n.real("epsilon", 1e-5), n.input(1),
                n.has(2) ? n.input(2) : Tensor());
  n.set(0, norm.result);
  n.set(1, norm.mean);
  n.set(2, norm.inverse);
}

static void buildRmsNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  if (n.failed())
    return;
  n.set(0, rmsNorm(n, a, axis, n.real("epsilon", 1e-5), n.input(1)));
}

/// Scale and bias have a number for each group before opset 21, for each
/// channel from then on.
static void buildGroupNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.require(a.rank() >= 2, "the input must have channels");
  int64_t groups = n.requiredInteger("num_groups");
  n.require(groups > 0, "num_groups must be positive");
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Sizes dims = {a.dims[0], s.constant(groups),
                s.div(a.dims[1], s.constant(groups))};
  dims.append(a.dims.begin() + 2, a.dims.end());
  Tensor grouped = n.reshape(a, dims);
  Tensor normal = normalize(n, grouped, axesFrom(2, grouped.rank()),
                            n.real("epsilon", 1e-5))
                      .values;
  bool isByGroup = n.version() < 21;
  if (!isByGroup)
    normal = n.reshape(normal, a.dims);
  Tensor scale = channels(n, n.input(1), normal.rank());
  Tensor bias = channels(n, n.input(2), normal.rank());
  n.set(0, n.reshape(n.add(n.mul(normal, scale), bias), a.dims));
}

static void buildMeanVarianceNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  SmallVector<int64_t> axes = n.axes(n.integers("axes", {0, 2, 3}), a.rank());
  if (n.failed())
    return;
  // The specification's function: (x - E[x]) / (sqrt(E[x^2] - E[x]^2) + 1e-9)
  Tensor mean = n.mean(a, axes, /*keep=*/true);
  Tensor squares = n.mean(n.mul(a, a), axes, /*keep=*/true);
  Tensor deviation = squareRoot(n, n.sub(squares, n.mul(mean, mean)));
  n.set(0, n.div(n.sub(a, mean), plusEpsilon(n, deviation, 1e-9)));
}

static void buildLpNormalization(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  int64_t p = n.integer("p", 2);
  n.require(p == 1 || p == 2, "p must be 1 or 2");
  if (n.failed())
    return;
  Tensor sizes = n.elementwise(a, a.element, [&](const Arith &f, Numbers x) {
    return p == 1 ? f.abs(x[0]) : f.square(x[0]);
  });
  Tensor sum = n.sum(sizes, axis, /*keep=*/true);
  Tensor norm = p == 1 ? sum : squareRoot(n, sum);
  n.set(0, n.map({a, norm}, a.element, [](const Arith &f, Numbers x) {
    Value isZero = f.equal(x[1], f.constant(0));
    return f.select(isZero, f.constant(0), f.div(x[0], x[1]));
  }));
}

/// Local response: x / (bias + alpha / size * sum of squares near)^beta, the
/// sum over channels c - floor((size-1)/2) to c + ceil((size-1)/2).
static void buildLrn(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  n.require(a.rank() >= 2, "the input must have channels");
  int64_t size = n.requiredInteger("size");
  n.require(size > 0 && size < 65536, "size must be positive");
  if (n.failed())
    return;
  double alpha = n.real("alpha", 1e-4), beta = n.real("beta", 0.75);
  double bias = n.real("bias", 1);
  SizeMath &s = n.sizes();
  Tensor squares = n.mul(a, a);
  Sizes low(a.rank(), s.constant(0)), high = low;
  low[1] = s.constant((size - 1) / 2);
  high[1] = s.constant(size / 2);
  Tensor padded = n.pad(squares, low, high, n.scalar(0, a.element));
  // A window is a sum over a dimension that only the index knows.
  MLIRContext *context = n.builder().getContext();
  unsigned rank = a.rank();
  SmallVector<AffineExpr> exprs, result;
  for (unsigned d = 0; d < rank; ++d) {
    AffineExpr expr = getAffineDimExpr(d, context);
    result.push_back(expr);
    exprs.push_back(d == 1 ? expr + getAffineDimExpr(rank, context) : expr);
  }
  Tensor ones =
      n.full(n.scalars(a.element).constant(1), a.element, s.constant(size));
  Tensor sum = n.contract(
      padded, AffineMap::get(rank + 1, 0, exprs, context), ones,
      AffineMap::get(rank + 1, 0, getAffineDimExpr(rank, context)), a.dims,
      AffineMap::get(rank + 1, 0, result, context), a.element);
  n.set(0, n.map({a, sum}, a.element, [&](const Arith &f, Numbers x) {
    Value base =
        f.add(f.constant(bias), f.mul(f.constant(alpha / double(size)), x[1]));
    return f.div(x[0], f.pow(base, f.constant(beta)));
  }));
}

/// Nothing is dropped outside training, or with a ratio of 0; which of them it
/// is may be known to the program only.
static void buildDropout(NodeBuilder &n) {
  Tensor a = n.raw(0);
  std::optional<SmallVector<int64_t>> training =
      n.has(2) ? n.knownIntegers(2) : SmallVector<int64_t>{0};
  bool isOff = training && training->size() == 1 && training->front() == 0;
  if (!isOff) {
    Tensor mode = n.input(2);
    n.require(mode.element == OnnxType::Bool, "training_mode must be bool");
    if (n.failed())
      return;
    Arith truth = n.scalars(OnnxType::Bool);
    Value isNothing = truth.bitNot(n.extract(mode));
    if (n.has(1)) {
      Tensor ratio = n.input(1);
      Arith f = n.scalars(ratio.element);
      isNothing =
          truth.bitOr(isNothing, f.equal(n.extract(ratio), f.constant(0)));
    }
    n.check(isNothing, "training with a ratio that is not 0 is not supported");
  }
  n.set(0, a);
  if (n.wants(1))
    n.set(1,
          n.full(n.scalars(OnnxType::Bool).integer(1), OnnxType::Bool, a.dims));
}

ArrayRef<OnnxOp> lqc::normalizationOps() {
  static const OnnxOp kOps[] = {
      {"Softmax", {1, 11, 13}, 1, 1, buildAlong<softmax>},
      {"LogSoftmax", {1, 11, 13}, 1, 1, buildAlong<logSoftmax>},
      {"Hardmax", {1, 11, 13}, 1, 1, buildAlong<hardmax>},
      {"BatchNormalization", {6, 7, 9, 14, 15}, 5, 5, buildBatchNormalization},
      {"InstanceNormalization", {6, 22}, 3, 3, buildInstanceNormalization},
      {"LayerNormalization", {17}, 2, 3, buildLayerNormalization},
      {"RMSNormalization", {23}, 2, 2, buildRmsNormalization},
      {"SimplifiedLayerNormalization",
       {1},
       2,
       2,
       buildRmsNormalization,
       "ONNX Runtime's name of RMSNormalization"},
      {"GroupNormalization", {18, 21}, 3, 3, buildGroupNormalization},
      {"MeanVarianceNormalization",
       {9, 13},
       1,
       1,
       buildMeanVarianceNormalization},
      {"LpNormalization", {1, 22}, 1, 1, buildLpNormalization},
      {"LRN", {1, 13}, 1, 1, buildLrn},
      {"Dropout", {6, 7, 10, 12, 13, 22}, 1, 3, buildDropout, "no training"},
  };
  return kOps;
}
