//===- StepTest.cpp - models, kernels, steps and their arena -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>

using namespace lqc;

namespace {
class StepTest : public InterpreterTest {
protected:
  using Ids = std::vector<int32_t>;

  llvm::Expected<Floats> tryFeed(Ids tokens, Ids positions, Ids slots,
                                 Ids outputs) {
    return interpreter->step(tokens, positions, slots, outputs);
  }
  Floats feed(Ids tokens, Ids positions, Ids slots, Ids outputs) {
    return valueOf(tryFeed(std::move(tokens), std::move(positions),
                           std::move(slots), std::move(outputs)));
  }
};
} // namespace

/// A model of one layer: x + attention(rope(x)), then the head.
static const char *const kWeights = R"(
  lqc.weight @embed : tensor<5x2xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @head : tensor<5x2xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
  lqc.weight @freq : tensor<1xf32> = dense<0.5> : tensor<1xf32>
)";

static const char *const kForward = R"(
  func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<1x8x1x2xf32>) -> tensor<?x5xf32> {
    %e = lqc.get_weight @embed : tensor<5x2xf32>
    %h = lqc.get_weight @head : tensor<5x2xf32>
    %f = lqc.get_weight @freq : tensor<1xf32>
    %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<5x2xf32>) -> tensor<?x2xf32>
    %r = lqc.rotary_table %p, %f : (tensor<?xi32>, tensor<1xf32>) -> tensor<?x2xf32>
    %q = lqc.rope %x, %r {head_dim = 2 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    lqc.cache_append %q, %x, %c[0] at %p, %s : tensor<?x2xf32>, tensor<?xi32>, !lqc.cache<1x8x1x2xf32>
    %a = lqc.attention %q, %c[0] at %p, %s scale 0.7 : tensor<?x2xf32>, tensor<?xi32>, !lqc.cache<1x8x1x2xf32>
    %y = arith.addf %x, %a : tensor<?x2xf32>
    %l = lqc.linear %y, %h : (tensor<?x2xf32>, tensor<5x2xf32>) -> tensor<?x5xf32>
    return %l : tensor<?x5xf32>
  })";

static std::string replaceAll(std::string text, const std::string &from,
                              const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The same model scheduled by hand for N tokens. ROPE is the offset of the
/// queries: 64 in a right plan.
static std::string stepText(const std::string &name, int tokens,
                            const std::string &rope = "64") {
  std::string text = R"(
  lqc.kernel @embed_N(%i: tensor<Nxi32>, %w: tensor<5x2xf32>, %out: tensor<Nx2xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %x = lqc.embedding %i, %w : (tensor<Nxi32>, tensor<5x2xf32>) -> tensor<Nx2xf32>
    lqc.yield %x : tensor<Nx2xf32>
  }
  lqc.kernel @rope_N(%x: tensor<Nx2xf32>, %p: tensor<Nxi32>, %f: tensor<1xf32>, %c: !lqc.cache<1x8x1x2xf32>, %s: tensor<Nxi32>, %out: tensor<Nx2xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %r = lqc.rotary_table %p, %f : (tensor<Nxi32>, tensor<1xf32>) -> tensor<Nx2xf32>
    %q = lqc.rope %x, %r {head_dim = 2 : i64} : (tensor<Nx2xf32>, tensor<Nx2xf32>) -> tensor<Nx2xf32>
    lqc.cache_append %q, %x, %c[0] at %p, %s : tensor<Nx2xf32>, tensor<Nxi32>, !lqc.cache<1x8x1x2xf32>
    lqc.yield %q : tensor<Nx2xf32>
  }
  lqc.kernel @attend_N(%q: tensor<Nx2xf32>, %c: !lqc.cache<1x8x1x2xf32>, %p: tensor<Nxi32>, %s: tensor<Nxi32>, %x: tensor<Nx2xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %a = lqc.attention %q, %c[0] at %p, %s scale 0.7 : tensor<Nx2xf32>, tensor<Nxi32>, !lqc.cache<1x8x1x2xf32>
    %y = arith.addf %x, %a : tensor<Nx2xf32>
    lqc.yield %y : tensor<Nx2xf32>
  }
  lqc.kernel @gather_N(%i: tensor<Nxi32>, %x: tensor<Nx2xf32>, %out: tensor<Nx2xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %y = lqc.embedding %i, %x : (tensor<Nxi32>, tensor<Nx2xf32>) -> tensor<Nx2xf32>
    lqc.yield %y : tensor<Nx2xf32>
  }
  lqc.kernel @head_N(%x: tensor<Nx2xf32>, %w: tensor<5x2xf32>, %out: tensor<Nx5xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
    %y = lqc.linear %x, %w : (tensor<Nx2xf32>, tensor<5x2xf32>) -> tensor<Nx5xf32>
    lqc.yield %y : tensor<Nx5xf32>
  }
  lqc.step @NAME(%tokens: !I, %positions: !I, %slots: !I, %outputs: !I, %logits: !L, %cache: !lqc.cache<1x8x1x2xf32>, %count: index, %output_count: index) attributes {arena_bytes = 256 : i64} {
    %x = lqc.arena_slice 0 : !X
    %q = lqc.arena_slice ROPE : !X
    %g = lqc.arena_slice 64 : !X
    %e = lqc.get_weight @embed : tensor<5x2xf32>
    %h = lqc.get_weight @head : tensor<5x2xf32>
    %f = lqc.get_weight @freq : tensor<1xf32>
    lqc.dispatch @embed_N(%tokens, %e, %x) rows %count : !I, tensor<5x2xf32>, !X
    lqc.dispatch @rope_N(%x, %positions, %f, %cache, %slots, %q) rows %count : !X, !I, tensor<1xf32>, !lqc.cache<1x8x1x2xf32>, !I, !X
    lqc.dispatch @attend_N(%q, %cache, %positions, %slots, %x) rows %count : !X, !lqc.cache<1x8x1x2xf32>, !I, !I, !X
    lqc.dispatch @gather_N(%outputs, %x, %g) rows %output_count : !I, !X, !X
    lqc.dispatch @head_N(%g, %h, %logits) rows %output_count : !X, tensor<5x2xf32>, !L
  })";
  text = replaceAll(text, "!I", "!lqc.buffer<tensor<Nxi32>>");
  text = replaceAll(text, "!X", "!lqc.buffer<tensor<Nx2xf32>>");
  text = replaceAll(text, "!L", "!lqc.buffer<tensor<Nx5xf32>>");
  text = replaceAll(text, "NAME", name);
  text = replaceAll(text, "ROPE", rope);
  return replaceAll(
      replaceAll(text, "tensor<N", "tensor<" + std::to_string(tokens)), "_N(",
      "_" + std::to_string(tokens) + "(");
}

TEST_F(StepTest, ForwardKeepsTheCacheBetweenCalls) {
  parse(std::string(kWeights) + kForward);
  Floats whole = feed({0, 4, 2}, {0, 1, 2}, {0, 0, 0}, {0, 1, 2});
  ASSERT_EQ(whole.size(), 15u);
  interpreter->reset();
  feed({0, 4}, {0, 1}, {0, 0}, {});
  EXPECT_EQ(feed({2}, {2}, {0}, {0}), Floats(whole.begin() + 10, whole.end()));
}

TEST_F(StepTest, StepsAgreeWithForward) {
  parse(std::string(kWeights) + kForward);
  Ids tokens = {0, 4, 2, 2, 1, 3, 0}, positions = {0, 1, 2, 3, 4, 5, 6};
  Ids slots(7, 0), outputs = {6, 2, 0};
  Floats expected = feed(tokens, positions, slots, outputs);
  // Chunks of 3, 3 and 1.
  parse(kWeights + stepText("prefill", 3) + stepText("decode", 1));
  EXPECT_EQ(feed(tokens, positions, slots, outputs), expected);
  // Only one of the two.
  parse(kWeights + stepText("prefill", 4));
  EXPECT_EQ(feed(tokens, positions, slots, outputs), expected);
  parse(kWeights + stepText("decode", 1));
  EXPECT_EQ(feed(tokens, positions, slots, outputs), expected);
}

TEST_F(StepTest, InterleavedSequencesAreSeparate) {
  std::string text = kWeights + stepText("prefill", 3);
  parse(text);
  Floats first = feed({0, 4}, {0, 1}, {0, 0}, {1});
  interpreter->reset();
  Floats second = feed({3, 1}, {0, 1}, {0, 0}, {1});
  parse(text, "", 1, /*slots=*/2);
  Floats both = feed({0, 3, 4, 1}, {0, 0, 1, 1}, {0, 1, 0, 1}, {2, 3});
  first.insert(first.end(), second.begin(), second.end());
  EXPECT_EQ(both, first);
}

TEST_F(StepTest, WrongArenaPlansGiveWrongNumbers) {
  parse(std::string(kWeights) + kForward);
  Floats expected = feed({0, 4}, {0, 1}, {0, 0}, {1});
  // The queries overwrite x, which is read once more.
  parse(kWeights + stepText("prefill", 3, "0"));
  EXPECT_NE(feed({0, 4}, {0, 1}, {0, 0}, {1}), expected);
}

TEST_F(StepTest, OverlappingOperandsAreAnError) {
  // Nine rows take 72 bytes, the next slice begins at 64.
  parse(kWeights + stepText("prefill", 9));
  EXPECT_EQ(messageOf(tryFeed({0, 4}, {0, 1}, {0, 0}, {1})),
            "test.mlir:37:5: lqc.dispatch: operands 0 and 5 of @rope_9 must "
            "not overlap");
}

TEST_F(StepTest, InputsAreChecked) {
  parse(std::string(kWeights) + kForward);
  EXPECT_EQ(messageOf(tryFeed({0}, {0, 1}, {0}, {})),
            "a step must have a position and a slot for each of its 1 tokens, "
            "got: 2 and 1");
  EXPECT_EQ(messageOf(tryFeed({0}, {0}, {0}, {1})),
            "wanted rows must be less than the 1 tokens, got: 1");
  EXPECT_EQ(messageOf(tryFeed({5}, {0}, {0}, {0})),
            "test.mlir:10:10: lqc.embedding: index 0 must be less than the "
            "table's 5 rows, got: 5");
  EXPECT_EQ(messageOf(tryFeed({1}, {8}, {0}, {0})),
            "test.mlir:13:5: lqc.cache_append: position of token 0 must be one "
            "of the cache's 8, got: 8");
  parse("module {}");
  EXPECT_EQ(messageOf(tryFeed({0}, {0}, {0}, {})),
            "the module must have a function @forward or steps @decode and "
            "@prefill");
}

//===----------------------------------------------------------------------===//
// Quantized buffers and kernels
//===----------------------------------------------------------------------===//

/// Activations are quantized into a buffer, which a linear reads.
static std::string quantizedStep(int second, int third) {
  std::string text = R"(
  lqc.weight @embed : tensor<5x64xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @head.int4 : tensor<5x64xf32, #lqc.scheme<"int4-g32">> {
    %0 = lqc.get_weight @embed : tensor<5x64xf32>
    %1 = lqc.quantize %0 : (tensor<5x64xf32>) -> tensor<5x64xf32, #lqc.scheme<"int4-g32">>
    lqc.yield %1 : tensor<5x64xf32, #lqc.scheme<"int4-g32">>
  }
  lqc.weight @head : tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>> {
    %0 = lqc.get_weight @head.int4 : tensor<5x64xf32, #lqc.scheme<"int4-g32">>
    %1 = lqc.pack %0 : (tensor<5x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>
    lqc.yield %1 : tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>
  }
  func.func @reference(%t: tensor<?xi32>) -> tensor<?x5xf32> {
    %e = lqc.get_weight @embed : tensor<5x64xf32>
    %h = lqc.get_weight @head.int4 : tensor<5x64xf32, #lqc.scheme<"int4-g32">>
    %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<5x64xf32>) -> tensor<?x64xf32>
    %q = lqc.quantize %x : (tensor<?x64xf32>) -> tensor<?x64xf32, #D>
    %y = lqc.linear %q, %h : (tensor<?x64xf32, #D>, tensor<5x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x5xf32>
    return %y : tensor<?x5xf32>
  }
  lqc.kernel @embed_quantize(%i: tensor<2xi32>, %w: tensor<5x64xf32>, %out: tensor<2x64xf32, #D>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %x = lqc.embedding %i, %w : (tensor<2xi32>, tensor<5x64xf32>) -> tensor<2x64xf32>
    %q = lqc.quantize %x : (tensor<2x64xf32>) -> tensor<2x64xf32, #D>
    lqc.yield %q : tensor<2x64xf32, #D>
  }
  lqc.kernel @noise(%i: tensor<2xi32>, %w: tensor<5x64xf32>, %out: tensor<2x64xf32>) attributes {destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64} {
    %x = lqc.embedding %i, %w : (tensor<2xi32>, tensor<5x64xf32>) -> tensor<2x64xf32>
    lqc.yield %x : tensor<2x64xf32>
  }
  lqc.kernel @head_linear(%x: tensor<2x64xf32, #D>, %w: tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>, %out: tensor<2x5xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
    %y = lqc.linear %x, %w : (tensor<2x64xf32, #D>, tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>) -> tensor<2x5xf32>
    lqc.yield %y : tensor<2x5xf32>
  }
  lqc.step @prefill(%tokens: !I, %positions: !I, %slots: !I, %outputs: !I, %logits: !lqc.buffer<tensor<2x5xf32>>, %cache: !lqc.cache<1x8x1x2xf32>, %count: index, %output_count: index) attributes {arena_bytes = 2048 : i64} {
    %x = lqc.arena_slice SECOND : !lqc.buffer<tensor<2x64xf32, #D>>
    %n = lqc.arena_slice THIRD : !lqc.buffer<tensor<2x64xf32>>
    %e = lqc.get_weight @embed : tensor<5x64xf32>
    %h = lqc.get_weight @head : tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>
    lqc.dispatch @embed_quantize(%tokens, %e, %x) rows %count : !I, tensor<5x64xf32>, !lqc.buffer<tensor<2x64xf32, #D>>
    lqc.dispatch @noise(%tokens, %e, %n) rows %count : !I, tensor<5x64xf32>, !lqc.buffer<tensor<2x64xf32>>
    lqc.dispatch @head_linear(%x, %h, %logits) rows %count : !lqc.buffer<tensor<2x64xf32, #D>>, tensor<5x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>, !lqc.buffer<tensor<2x5xf32>>
  })";
  text = replaceAll(text, "#D", "#lqc.scheme<\"dynamic-int8-g32\">");
  text = replaceAll(text, "!I", "!lqc.buffer<tensor<2xi32>>");
  text = replaceAll(text, "SECOND", std::to_string(second));
  return replaceAll(text, "THIRD", std::to_string(third));
}

TEST_F(StepTest, QuantizedBuffersHoldCodesScalesAndSums) {
  parse(quantizedStep(0, 1024));
  Floats expected = call("reference", {integers({3, 1})})[0].floats();
  EXPECT_EQ(feed({3, 1}, {0, 1}, {0, 0}, {0, 1}), expected);
}

TEST_F(StepTest, ClobberedQuantizedBuffersAreAnError) {
  parse(quantizedStep(0, 0));
  std::string message = messageOf(tryFeed({3, 1}, {0, 1}, {0, 0}, {0, 1}));
  EXPECT_NE(message.find("lqc.dispatch: @head_linear, operand 0: the sums of "
                         "codes are not those of the codes: another buffer "
                         "overlaps this one, or nothing was written"),
            std::string::npos)
      << message;
}

TEST_F(StepTest, KernelsRunOnTheValidRows) {
  parse(R"(
  lqc.kernel @k(%x: tensor<4x4xf32>, %acc: tensor<4x2xf32>, %unread: tensor<4x4xf32>) attributes {destinations = 2 : i64, units = 1 : i64} {
    %one = arith.constant dense<1.0> : tensor<4x2xf32>
    %a = tensor.extract_slice %x[0, 2] [4, 2] [1, 1] : tensor<4x4xf32> to tensor<4x2xf32>
    %b = arith.addf %a, %one : tensor<4x2xf32>
    %c = arith.addf %b, %acc : tensor<4x2xf32>
    %d = tensor.expand_shape %x [[0], [1, 2]] output_shape [4, 2, 2] : tensor<4x4xf32> into tensor<4x2x2xf32>
    %e = tensor.collapse_shape %d [[0], [1, 2]] : tensor<4x2x2xf32> into tensor<4x4xf32>
    lqc.yield %c, %e : tensor<4x2xf32>, tensor<4x4xf32>
  })");
  TensorValue x = floats({1, 4}, {1, 2, 3, 4});
  Tensors results = call("k", {x, floats({1, 2}, {10, 20})});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].floats(), (Floats{14, 25}));
  EXPECT_EQ(results[1].floats(), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(messageOf(tryCall("k", {x})),
            "test.mlir:2:3: @k: must be called with 3 tensors, got: 1");
}
