//===- Fused.cpp - ONNX Runtime's norms, activations and products ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ONNX Runtime's optimizer makes of several nodes, taken apart again.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

static Tensor optional(NodeBuilder &n, unsigned index) {
  return n.has(index) ? n.input(index) : Tensor();
}

/// An input, which must be floats, and what else is added to it if it is there.
static Tensor sumOf(NodeBuilder &n, ArrayRef<unsigned> indices) {
  Tensor sum = n.input(indices.front());
  n.requireFloat(sum);
  for (unsigned index : indices.drop_front())
    if (n.has(index) && !n.failed())
      sum = n.add(sum, n.input(index));
  return sum;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

template <bool isTanh> static void buildBiasGelu(NodeBuilder &n) {
  Tensor sum = sumOf(n, {0, 1});
  if (!n.failed())
    n.set(0, gelu(n, sum, isTanh));
}

static void buildQuickGelu(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.requireFloat(a);
  if (!n.failed())
    n.set(0, swish(n, a, n.real("alpha", 1.702)));
}

/// The first half of x + bias times the gelu of the second.
static void buildBiasSplitGelu(NodeBuilder &n) {
  Tensor sum = sumOf(n, {0, 1});
  std::optional<int64_t> columns =
      sum.rank() ? knownSize(sum.dims.back()) : std::nullopt;
  n.require(columns && *columns % 2 == 0,
            "the last size must be known and even");
  if (n.failed())
    return;
  Size half = n.sizes().constant(*columns / 2);
  Tensor left = n.sliceAxis(sum, sum.rank() - 1, n.sizes().constant(0), half);
  Tensor right = n.sliceAxis(sum, sum.rank() - 1, half, half);
  n.set(0, n.mul(left, gelu(n, right, /*isTanh=*/false)));
}

static void buildBiasAdd(NodeBuilder &n) { n.set(0, sumOf(n, {0, 1, 2})); }

/// What the attributes say is done to a result.
static Tensor activated(NodeBuilder &n, const Tensor &a,
                        std::optional<double> alpha,
                        std::optional<double> beta) {
  std::string name = n.text("activation", "");
  if (name.empty() || n.failed())
    return a;
  ActivationFunction function;
  if (name == "Clip" && alpha && beta)
    function = [&](const Arith &f, Value x) {
      return f.clamp(x, *alpha, *beta);
    };
  else
    function = activationFunction(n, name, alpha, beta);
  if (n.failed())
    return a;
  return n.elementwise(a, a.element, [&](const Arith &f, Numbers x) {
    return function(f, x[0]);
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static std::optional<double> optionalReal(NodeBuilder &n, StringRef name) {
  if (!n.hasAttribute(name))
    return std::nullopt;
  return n.real(name, 0);
}

static void buildFusedGemm(NodeBuilder &n) {
  Tensor product = gemm(n);
  n.set(0, activated(n, product, optionalReal(n, "activation_alpha"),
                     optionalReal(n, "activation_beta")));
}

static void buildFusedConv(NodeBuilder &n) {
  Tensor sum = convolution(n);
  if (n.has(3) && !n.failed())
    sum = n.add(sum, n.input(3));
  SmallVector<double> numbers = n.reals("activation_params");
  auto parameter = [&](size_t i) {
    return i < numbers.size() ? std::optional(numbers[i]) : std::nullopt;
  };
  n.set(0, activated(n, sum, parameter(0), parameter(1)));
}

/// An operand as rows and columns: `batch` says that its first dimension is the
/// rows, `swapped` that the last two change places.
static Tensor operand(NodeBuilder &n, unsigned index, StringRef batch,
                      StringRef swapped) {
  Tensor a = n.input(index);
  bool movesBatch = n.integer(batch, 0), isSwapped = n.integer(swapped, 0);
  n.require(a.rank() >= 2 || !(movesBatch || isSwapped),
            "what is transposed must be matrices");
  if (n.failed())
    return a;
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  if (movesBatch) // rows, batches …, columns
    std::rotate(permutation.begin(), permutation.begin() + 1,
                permutation.end() - 1);
  if (isSwapped)
    std::swap(permutation[a.rank() - 1], permutation[a.rank() - 2]);
  return n.transpose(a, permutation);
}

static void buildFusedMatMul(NodeBuilder &n) {
  Tensor a = operand(n, 0, "transBatchA", "transA");
  Tensor b = operand(n, 1, "transBatchB", "transB");
  n.requireSame(a, b);
  if (n.failed())
    return;
  Tensor product = n.matmul(a, b);
  double alpha = n.real("alpha", 1);
  n.set(0, alpha == 1 ? product
                      : n.mul(product, n.scalar(alpha, product.element)));
}

static void buildGemmFastGelu(NodeBuilder &n) {
  Tensor product = n.matmul(n.input(0), n.input(1));
  n.requireFloat(product);
  if (n.has(2) && !n.failed())
    product = n.add(product, n.input(2));
  if (!n.failed())
    n.set(0, gelu(n, product, /*isTanh=*/true));
}

//===----------------------------------------------------------------------===//
// Norms of sums
//===----------------------------------------------------------------------===//

static void buildSkipLayerNormalization(NodeBuilder &n) {
  Tensor sum = sumOf(n, {0, 1, 4});
  n.require(sum.rank() >= 2, "the input must be rows");
  if (n.failed())
    return;
  LayerNormResult norm =
      layerNorm(n, sum, sum.rank() - 1, n.real("epsilon", 1e-12), n.input(2),
                optional(n, 3));
  n.set(0, norm.result);
  n.set(1, norm.mean);
  n.set(2, norm.inverse);
  n.set(3, sum);
}

static void buildSkipRmsNormalization(NodeBuilder &n) {
  Tensor sum = sumOf(n, {0, 1, 3});
  n.require(sum.rank() >= 2, "the input must be rows");
  n.require(!n.wants(1) && !n.wants(2), "mean and deviation are not given");
  if (n.failed())
    return;
  n.set(0,
        rmsNorm(n, sum, sum.rank() - 1, n.real("epsilon", 1e-12), n.input(2)));
  n.set(3, sum);
}

/// Rows of input `table` at the indices of input `index`.
static Tensor embedded(NodeBuilder &n, unsigned table, unsigned index) {
  n.requireRank(n.raw(table), 2, "a table");
  if (n.failed())
    return n.raw(table);
  Tensor places = n.checkedIndices(n.raw(index), n.raw(table).dims[0]);
  return n.failed() ? places : lookUpRows(n, n.input(table), places);
}

/// The rows of the first positions, if there are enough.
static Tensor firstPositions(NodeBuilder &n, unsigned table, Size count) {
  n.requireRank(n.raw(table), 2, "a table");
  if (n.failed())
    return n.raw(table);
  Size rows = n.raw(table).dims[0];
  std::optional<int> order = n.sizes().compare(count, rows);
  StringRef rule = "there must be as many positions as tokens";
  if (order)
    n.require(*order <= 0, rule);
  else
    n.check(
        arith::CmpIOp::create(n.builder(), n.loc(), arith::CmpIPredicate::sle,
                              n.sizes().value(count), n.sizes().value(rows)),
        rule);
  return n.failed()
             ? n.raw(table)
             : n.sliceAxis(n.input(table), 0, n.sizes().constant(0), count);
}

/// How many tokens of each sequence the mask keeps.
static Tensor maskIndex(NodeBuilder &n, Size batch) {
  if (!n.has(7))
    return n.zeros(OnnxType::Int32, batch);
  Tensor mask = n.input(7);
  n.requireRank(mask, 2, "the mask");
  n.require(isInteger(mask.element), "the mask must be integers");
  if (n.failed())
    return mask;
  Tensor ones = n.map(mask, OnnxType::Int32, [](const Arith &f, Numbers x) {
    return f.of(OnnxType::Bool)
        .cast(f.equal(x[0], f.integer(1)), OnnxType::Int32);
  });
  return n.sum(ones, 1, /*keep=*/false);
}

/// The norm of a token's embedding, its position's and its segment's.
static void buildEmbedLayerNormalization(NodeBuilder &n) {
  const Tensor ids = n.raw(0);
  n.requireRank(ids, 2, "input_ids");
  if (n.failed())
    return;
  Tensor positions =
      n.has(8) ? embedded(n, 3, 8) : firstPositions(n, 3, ids.dims[1]);
  Tensor sum = n.add(embedded(n, 2, 0), positions);
  if (n.has(1) && n.has(4))
    sum = n.add(sum, embedded(n, 4, 1));
  n.requireFloat(sum);
  if (n.failed())
    return;
  n.set(0, layerNorm(n, sum, 2, n.real("epsilon", 1e-12), n.input(5),
                     optional(n, 6))
               .result);
  if (n.wants(1))
    n.set(1, maskIndex(n, ids.dims[0]));
  n.set(2, sum);
}

ArrayRef<OnnxOp> lqc::fusedOps() {
  static const OnnxOp kOps[] = {
      {"FastGelu", {1}, 1, 2, buildBiasGelu<true>, "", kMicrosoft},
      {"BiasGelu", {1}, 2, 2, buildBiasGelu<false>, "", kMicrosoft},
      {"QuickGelu", {1}, 1, 1, buildQuickGelu, "", kMicrosoft},
      {"BiasSplitGelu", {1}, 2, 2, buildBiasSplitGelu, "", kMicrosoft},
      {"BiasAdd", {1}, 3, 3, buildBiasAdd, "", kMicrosoft},
      {"FusedGemm", {1}, 2, 3, buildFusedGemm, "", kMicrosoft},
      {"FusedConv", {1}, 2, 4, buildFusedConv, "", kMicrosoft},
      {"FusedMatMul", {1}, 2, 2, buildFusedMatMul, "", kMicrosoft},
      {"TransposeMatMul", {1}, 2, 2, buildFusedMatMul, "", kMicrosoft},
      {"GemmFastGelu", {1}, 2, 3, buildGemmFastGelu, "", kMicrosoft},
      {"SkipLayerNormalization",
       {1},
       3,
       5,
       buildSkipLayerNormalization,
       "",
       kMicrosoft},
      {"SkipSimplifiedLayerNormalization",
       {1},
       3,
       4,
       buildSkipRmsNormalization,
       "no mean and deviation",
       kMicrosoft},
      {"EmbedLayerNormalization",
       {1},
       1,
       9,
       buildEmbedLayerNormalization,
       "",
       kMicrosoft},
  };
  return kOps;
}
