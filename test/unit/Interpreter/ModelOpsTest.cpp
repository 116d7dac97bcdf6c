//===- ModelOpsTest.cpp - the operations of a decoder ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>

using namespace lqc;

namespace {
class ModelOpsTest : public InterpreterTest {};
} // namespace

//===----------------------------------------------------------------------===//
// embedding, linear, rms_norm
//===----------------------------------------------------------------------===//

static const char *const kEmbedding = R"(
  func.func @f(%i: tensor<?xi32>, %t: tensor<3x2xbf16>) -> tensor<?x2xf32> {
    %r = lqc.embedding %i, %t : (tensor<?xi32>, tensor<3x2xbf16>) -> tensor<?x2xf32>
    return %r : tensor<?x2xf32>
  })";

TEST_F(ModelOpsTest, Embedding) {
  TensorValue table = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run(kEmbedding, {integers({2, 0}), table}).floats(),
            (Floats{5, 6, 1, 2}));
}

TEST_F(ModelOpsTest, EmbeddingOutsideTheVocabularyIsAnError) {
  TensorValue table = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(runError(kEmbedding, {integers({2, 3}), table}),
            "test.mlir:3:10: lqc.embedding: index 1 must be less than the "
            "table's 3 rows, got: 3");
  EXPECT_EQ(runError(kEmbedding, {integers({-1}), table}),
            "test.mlir:3:10: lqc.embedding: index 0 must be less than the "
            "table's 3 rows, got: -1");
}

TEST_F(ModelOpsTest, Linear) {
  const char *text = R"(
    func.func @f(%x: tensor<?x3xf32>, %w: tensor<2x3xf16>, %b: tensor<2xf32>) -> tensor<?x2xf32> {
      %r = lqc.linear %x, %w, %b : (tensor<?x3xf32>, tensor<2x3xf16>, tensor<2xf32>) -> tensor<?x2xf32>
      return %r : tensor<?x2xf32>
    })";
  EXPECT_EQ(
      run(text, {floats({2, 3}, {1, 2, 3, -1, 0, 1}),
                 floats({2, 3}, {1, 1, 1, 0, 2, -1}), floats({2}, {0.5, -1})})
          .floats(),
      (Floats{6.5, 0, 0.5, -2}));
}

TEST_F(ModelOpsTest, Depthwise) {
  // Two channels, places 0 and 2 of a sequence of 4, each two numbers, two
  // apart; -1 is the byte 255.
  const char *text = R"(
    func.func @f(%x: tensor<1x5x2xi8>, %w: tensor<2x2xi8>, %b: tensor<2xi32>) -> tensor<?x2xi32> {
      %r = lqc.depthwise %x, %w, %b {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 2>} : (tensor<1x5x2xi8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<?x2xi32>
      return %r : tensor<?x2xi32>
    })";
  TensorValue image =
      TensorValue::ofIntegers({1, 5, 2}, {1, 2, 9, 9, -1, 4, 9, 9, 5, 6});
  TensorValue codes = TensorValue::ofIntegers({2, 2}, {1, -2, 3, -1});
  EXPECT_EQ(run(text, {image, codes, integers({10, 20})}).integers(),
            (std::vector<int64_t>{1 + 765 + 10, -4 - 4 + 20, 255 + 15 + 10,
                                  -8 - 6 + 20}));
}

TEST_F(ModelOpsTest, DepthwiseWindowsFitTheImage) {
  const char *text = R"(
    func.func @f(%x: tensor<1x?x2xi8>, %w: tensor<3x2xi8>) -> tensor<?x2xi32> {
      %r = lqc.depthwise %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x?x2xi8>, tensor<3x2xi8>) -> tensor<?x2xi32>
      return %r : tensor<?x2xi32>
    })";
  TensorValue codes = TensorValue::ofIntegers({3, 2}, {1, 2, 3, 4, 5, 6});
  TensorValue image = TensorValue::ofIntegers({1, 2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(runError(text, {image, codes}),
            "test.mlir:3:12: lqc.depthwise: the window must fit into position "
            "0, got: 1 too few elements");
}

static const char *const kSplitColumns = R"(
  func.func @f(%x: tensor<?x4xf32>, %i: tensor<2xi32>) -> (tensor<?x4xf32>, tensor<?x2xf32>) {
    %r, %k = lqc.split_columns %x, %i : (tensor<?x4xf32>, tensor<2xi32>) -> (tensor<?x4xf32>, tensor<?x2xf32>)
    return %r, %k : tensor<?x4xf32>, tensor<?x2xf32>
  })";

TEST_F(ModelOpsTest, SplitColumns) {
  parse(kSplitColumns);
  Tensors results =
      call("f", {floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), integers({0, 2})});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].floats(), (Floats{0, 2, 0, 4, 0, 6, 0, 8}));
  EXPECT_EQ(results[1].floats(), (Floats{1, 3, 5, 7}));
}

TEST_F(ModelOpsTest, ColumnIndicesThatDoNotAscendAreErrors) {
  TensorValue x = floats({1, 4}, {1, 2, 3, 4});
  const std::string rule = "test.mlir:3:14: lqc.split_columns: column indices "
                           "must ascend and be below 4, got: ";
  EXPECT_EQ(runError(kSplitColumns, {x, integers({1, 4})}),
            rule + "4 at element 1");
  EXPECT_EQ(runError(kSplitColumns, {x, integers({1, 1})}),
            rule + "1 at element 1");
  EXPECT_EQ(runError(kSplitColumns, {x, integers({-1, 2})}),
            rule + "-1 at element 0");
}

TEST_F(ModelOpsTest, LinearSumsInDouble) {
  const char *text = R"(
    func.func @f(%x: tensor<1x3xf32>, %w: tensor<1x3xf32>) -> tensor<1x1xf32> {
      %r = lqc.linear %x, %w : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x1xf32>
      return %r : tensor<1x1xf32>
    })";
  EXPECT_EQ(run(text, {floats({1, 3}, {1e8f, 1, -1e8f}),
                       floats({1, 3}, {1, 0.5f, 1})})
                .floats(),
            (Floats{0.5f}));
}

/// Token blocks, vector tails and thread counts change nothing.
TEST_F(ModelOpsTest, LinearIsTheSameForAnyBatchAndThreads) {
  const char *text = R"(
    lqc.weight @w : tensor<13x37xf32> = #lqc.random<seed = 3, std = 1.0 : f64>
    lqc.weight @x : tensor<7x37xf32> = #lqc.random<seed = 4, std = 1.0 : f64>
    func.func @g() -> tensor<7x37xf32> {
      %x = lqc.get_weight @x : tensor<7x37xf32>
      return %x : tensor<7x37xf32>
    }
    func.func @f(%x: tensor<?x37xf32>) -> tensor<?x13xf32> {
      %w = lqc.get_weight @w : tensor<13x37xf32>
      %r = lqc.linear %x, %w : (tensor<?x37xf32>, tensor<13x37xf32>) -> tensor<?x13xf32>
      return %r : tensor<?x13xf32>
    })";
  parse(text, "", 1);
  TensorValue x = call("g")[0];
  Floats all = call("f", {x})[0].floats();
  parse(text, "", 3);
  EXPECT_EQ(call("f", {x})[0].floats(), all);
  for (int64_t t = 0; t < 7; ++t) {
    Floats row(x.floats().begin() + t * 37, x.floats().begin() + (t + 1) * 37);
    EXPECT_EQ(call("f", {floats({1, 37}, row)})[0].floats(),
              Floats(all.begin() + t * 13, all.begin() + (t + 1) * 13));
  }
}

TEST_F(ModelOpsTest, LinearOnQuantizedOperandsUsesTheirValues) {
  const char *text = R"(
    func.func @f(%x: tensor<1x32xf32>, %w: tensor<1x32xf32>) -> tensor<1x1xf32> {
      %a = lqc.quantize %x : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"dynamic-int8-g32">>
      %q = lqc.quantize %w : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
      %r = lqc.linear %a, %q : (tensor<1x32xf32, #lqc.scheme<"dynamic-int8-g32">>, tensor<1x32xf32, #lqc.scheme<"int4-g32">>) -> tensor<1x1xf32>
      return %r : tensor<1x1xf32>
    })";
  Floats x(32, 0.0f), w(32, 0.0f);
  x[0] = 127, x[1] = 2.4f; // scale 1: 127 and 2
  w[0] = 1, w[1] = -0.5f;  // exact
  EXPECT_EQ(run(text, {floats({1, 32}, x), floats({1, 32}, w)}).floats(),
            (Floats{126}));
}

TEST_F(ModelOpsTest, RmsNorm) {
  const char *text = R"(
    func.func @f(%x: tensor<?x2xf32>, %g: tensor<2xbf16>) -> tensor<?x2xf32> {
      %r = lqc.rms_norm %x, %g {epsilon = 0.5 : f32} : (tensor<?x2xf32>, tensor<2xbf16>) -> tensor<?x2xf32>
      return %r : tensor<?x2xf32>
    })";
  // mean of squares (1 + 6.0625) / 2 + 0.5 = 4.03125; row 1: 0 + 0.5
  TensorValue result = run(text, {floats({2, 2}, {1, 2.462214450449f, 0, 0}),
                                  floats({2}, {1, 0.5})});
  double factor = 1 / std::sqrt(4.03125);
  EXPECT_NEAR(result.floats()[0], factor, 1e-6);
  EXPECT_NEAR(result.floats()[1], 2.462214450449 * factor / 2, 1e-6);
  EXPECT_EQ(result.floats()[2], 0);
}

TEST_F(ModelOpsTest, LayerNorm) {
  const char *text = R"(
    func.func @f(%x: tensor<?x2xf32>, %g: tensor<2xbf16>, %b: tensor<2xf32>) -> tensor<?x2xf32> {
      %r = lqc.layer_norm %x, %g, %b {epsilon = 1.25 : f32} : (tensor<?x2xf32>, tensor<2xbf16>, tensor<2xf32>) -> tensor<?x2xf32>
      return %r : tensor<?x2xf32>
    })";
  // Row 0: mean 2, variance 1, so (x - 2) / 1.5; row 1: all equal, so the bias.
  TensorValue result =
      run(text, {floats({2, 2}, {1, 3, 7, 7}), floats({2}, {1, 0.5}),
                 floats({2}, {10, 20})});
  EXPECT_FLOAT_EQ(result.floats()[0], 10 - 1 / 1.5);
  EXPECT_FLOAT_EQ(result.floats()[1], 20 + 0.5 / 1.5);
  EXPECT_EQ(result.floats()[2], 10);
  EXPECT_EQ(result.floats()[3], 20);
}

//===----------------------------------------------------------------------===//
// rotary_table, rope, gated_activation
//===----------------------------------------------------------------------===//

TEST_F(ModelOpsTest, RotaryTable) {
  const char *text = R"(
    func.func @f(%p: tensor<?xi32>, %q: tensor<2xf32>) -> tensor<?x4xf32> {
      %r = lqc.rotary_table %p, %q : (tensor<?xi32>, tensor<2xf32>) -> tensor<?x4xf32>
      return %r : tensor<?x4xf32>
    })";
  float angle = 1001.0f * 0.3f;
  EXPECT_EQ(run(text, {integers({0, 1001}), floats({2}, {1, 0.3f})}).floats(),
            (Floats{1, 1, 0, 0, static_cast<float>(std::cos(1001.0)),
                    static_cast<float>(std::cos(double(angle))),
                    static_cast<float>(std::sin(1001.0)),
                    static_cast<float>(std::sin(double(angle)))}));
}

TEST_F(ModelOpsTest, Rope) {
  const char *text = R"(
    func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) -> tensor<?x8xf32> {
      %r = lqc.rope %x, %t {head_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
      return %r : tensor<?x8xf32>
    })";
  // Pairs are (0, 2) and (1, 3) of each head: a quarter turn, then half a turn.
  EXPECT_EQ(run(text, {floats({1, 8}, {1, 2, 3, 4, 5, 6, 7, 8}),
                       floats({1, 4}, {0, -1, 1, 0})})
                .floats(),
            (Floats{-3, -2, 1, -4, -7, -6, 5, -8}));
}

TEST_F(ModelOpsTest, GatedActivation) {
  auto text = [](const std::string &kind) {
    return "func.func @f(%g: tensor<?x2xf32>, %u: tensor<?x2xf32>) -> "
           "tensor<?x2xf32> { %r = lqc.gated_activation " +
           kind + " %g, %u : tensor<?x2xf32>  return %r : tensor<?x2xf32> }";
  };
  TensorValue gate = floats({1, 2}, {1, -2}), up = floats({1, 2}, {2, 3});
  Floats silu = run(text("silu"), {gate, up}).floats();
  EXPECT_FLOAT_EQ(silu[0], 2 * 0.7310585786300049);
  EXPECT_FLOAT_EQ(silu[1], -6 * 0.11920292202211755);
  Floats gelu = run(text("gelu_tanh"), {gate, up}).floats();
  EXPECT_FLOAT_EQ(gelu[0], 2 * 0.8411919906082768);
  EXPECT_FLOAT_EQ(gelu[1], 3 * -0.04540230591222);
}

//===----------------------------------------------------------------------===//
// cache_append, attention
//===----------------------------------------------------------------------===//

static const char *const kAttention = R"(
  func.func @append(%k: tensor<?x2xf32>, %v: tensor<?x2xf32>, %c: !lqc.cache<2x4x1x2xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {
    lqc.cache_append %k, %v, %c[1] at %p, %s : tensor<?x2xf32>, tensor<?xi32>, !lqc.cache<2x4x1x2xf32>
    return
  }
  func.func @attend(%q: tensor<?x4xf32>, %c: !lqc.cache<2x4x1x2xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4xf32> {
    %r = lqc.attention %q, %c[1] at %p, %s scale 0.5 : tensor<?x4xf32>, tensor<?xi32>, !lqc.cache<2x4x1x2xf32>
    return %r : tensor<?x4xf32>
  })";

TEST_F(ModelOpsTest, AttentionIsCausalAndGrouped) {
  parse(kAttention);
  TensorValue keys = floats({2, 2}, {1, 0, 0, 1});
  TensorValue values = floats({2, 2}, {10, 20, 30, 40});
  call("append", {keys, values, integers({0, 1}), integers({0, 0})});
  // Head 0 scores 0.5 and 0 at position 1, head 1 twice 0: both read the only
  // key/value head.
  TensorValue queries = floats({2, 4}, {5, 5, 5, 5, 1, 0, 0, 0});
  Floats result =
      call("attend", {queries, integers({0, 1}), integers({0, 0})})[0].floats();
  EXPECT_EQ(Floats(result.begin(), result.begin() + 4),
            (Floats{10, 20, 10, 20}));
  double first = std::exp(0.5) / (std::exp(0.5) + 1);
  EXPECT_FLOAT_EQ(result[4], 10 * first + 30 * (1 - first));
  EXPECT_FLOAT_EQ(result[5], 20 * first + 40 * (1 - first));
  EXPECT_FLOAT_EQ(result[6], 20);
  EXPECT_FLOAT_EQ(result[7], 30);
}

TEST_F(ModelOpsTest, SlotsAreSeparate) {
  parse(kAttention, "", 1, /*slots=*/2);
  TensorValue keys = floats({2, 2}, {1, 0, 0, 1});
  TensorValue values = floats({2, 2}, {10, 20, 30, 40});
  call("append", {keys, values, integers({0, 0}), integers({1, 0})});
  TensorValue queries = floats({2, 4}, Floats(8, 1));
  Floats result =
      call("attend", {queries, integers({0, 0}), integers({0, 1})})[0].floats();
  EXPECT_EQ(result, (Floats{30, 40, 30, 40, 10, 20, 10, 20}));
}

TEST_F(ModelOpsTest, CacheErrors) {
  parse(kAttention);
  TensorValue row = floats({1, 2}, {1, 2}),
              query = floats({1, 4}, {1, 2, 3, 4});
  EXPECT_EQ(
      messageOf(tryCall("append", {row, row, integers({4}), integers({0})})),
      "test.mlir:3:5: lqc.cache_append: position of token 0 must be one "
      "of the cache's 4, got: 4");
  EXPECT_EQ(
      messageOf(tryCall("append", {row, row, integers({0}), integers({1})})),
      "test.mlir:3:5: lqc.cache_append: token 0: slot must be one of the "
      "cache's 1, got: 1");
  EXPECT_EQ(
      messageOf(tryCall("attend", {query, integers({-1}), integers({0})})),
      "test.mlir:7:10: lqc.attention: position of token 0 must be one of "
      "the cache's 4, got: -1");
  call("append", {row, row, integers({1}), integers({0})});
  EXPECT_EQ(messageOf(tryCall("attend", {query, integers({1}), integers({0})})),
            "test.mlir:7:10: lqc.attention: token 0 must read positions that "
            "were written, got: 0");
  call("append", {row, row, integers({0}), integers({0})});
  call("attend", {query, integers({1}), integers({0})});
  interpreter->reset();
  EXPECT_EQ(messageOf(tryCall("attend", {query, integers({1}), integers({0})})),
            "test.mlir:7:10: lqc.attention: token 0 must read positions that "
            "were written, got: 0");
}

//===----------------------------------------------------------------------===//
// What dynamic sizes leave open
//===----------------------------------------------------------------------===//

TEST_F(ModelOpsTest, RowsThatDifferAreAnError) {
  parse(kAttention);
  TensorValue row = floats({1, 2}, {1, 2});
  EXPECT_EQ(
      messageOf(tryCall("append", {row, row, integers({0, 1}), integers({0})})),
      "test.mlir:3:5: lqc.cache_append: positions must be 1, got: 2");
  EXPECT_EQ(messageOf(tryCall("attend", {floats({1, 4}, {1, 2, 3, 4}),
                                         integers({0}), integers({})})),
            "test.mlir:7:10: lqc.attention: slots must be 1, got: 0");
}

TEST_F(ModelOpsTest, ColumnsThatDifferAreAnError) {
  EXPECT_EQ(runError(R"(
    func.func @f(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %r = lqc.linear %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    })",
                     {floats({1, 2}, {1, 2}), floats({1, 1}, {1})}),
            "test.mlir:3:12: lqc.linear: columns of the weight must be 2, got: "
            "1");
}

TEST_F(ModelOpsTest, CachesAreNoValues) {
  EXPECT_EQ(runError(R"(
    func.func @f(%c: !lqc.cache<2x4x1x2xf32>) -> !lqc.cache<2x4x1x2xf32> {
      return %c : !lqc.cache<2x4x1x2xf32>
    })"),
            "test.mlir:3:7: func.return: operand 0 has no value here");
}
