//===- WeightOpsTest.cpp - quantize, dequantize, pack, get_weight ------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>

using namespace lqc;

namespace {
class WeightOpsTest : public InterpreterTest {};
} // namespace

static const char *const kQuantize = R"(
  func.func @f(%x: tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">> {
    %q = lqc.quantize %x : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
    return %q : tensor<1x32xf32, #lqc.scheme<"int4-g32">>
  })";

TEST_F(WeightOpsTest, Quantize) {
  Floats row(32, 0.0f);
  row[0] = 1.0f;
  row[1] = -0.5f;
  row[2] = 0.0625f; // half a step: to even
  TensorValue result = run(kQuantize, {floats({1, 32}, row)});
  ASSERT_EQ(result.kind(), TensorValue::Kind::Quantized);
  EXPECT_EQ(result.quantized().scales, (Floats{-0.125f}));
  EXPECT_EQ(result.quantized().codes[0], 0);
  EXPECT_EQ(result.quantized().codes[1], 12);
  EXPECT_EQ(result.quantized().codes[2], 8);
  row[2] = 0;
  EXPECT_EQ(result.floats(), row);
}

TEST_F(WeightOpsTest, QuantizeNamesWhatCannotBe) {
  Floats row(32, 0.0f);
  row[5] = NAN;
  EXPECT_EQ(runError(kQuantize, {floats({1, 32}, row)}),
            "test.mlir:3:10: lqc.quantize: element [0, 5] is nan");
}

/// Rows of 2-bit codes and zero points, lowest bits first.
static const char *const kAssemble = R"(
  func.func @f(%codes: tensor<2x8xi8>, %scales: tensor<4xf16>, %zeros: tensor<2xi8>) -> (tensor<2x32xf32>) {
    %q = lqc.assemble %codes, %scales, %zeros : (tensor<2x8xi8>, tensor<4xf16>, tensor<2xi8>) -> tensor<2x32xf32, #lqc.scheme<"uint2-g16">>
    %y = lqc.dequantize %q : (tensor<2x32xf32, #lqc.scheme<"uint2-g16">>) -> tensor<2x32xf32>
    return %y : tensor<2x32xf32>
  })";

TEST_F(WeightOpsTest, AssembleTakesCodesAsTheyAre) {
  std::vector<int64_t> codes(16, 0);
  codes[0] = -28;   // 0b11100100: codes 0, 1, 2, 3
  codes[4] = 1;     // the first code of the second group
  codes[8 + 7] = 3; // the second row
  TensorValue result =
      run(kAssemble, {TensorValue::ofIntegers({2, 8}, codes),
                      floats({4}, {0.5f, 2.0f, 1.0f, 4.0f}),
                      TensorValue::ofIntegers({2}, {0b1001, 0b1100})});
  const std::vector<float> &y = result.floats();
  EXPECT_EQ((Floats{y[0], y[1], y[2], y[3]}), (Floats{-0.5f, 0, 0.5f, 1}));
  EXPECT_EQ((Floats{y[16], y[17]}), (Floats{-2, -4}));
  EXPECT_EQ((Floats{y[32], y[48], y[60]}), (Floats{0, -12, 0}));
}

TEST_F(WeightOpsTest, AssembleNamesWhatCannotBe) {
  EXPECT_EQ(runError(kAssemble,
                     {TensorValue::ofIntegers({2, 8}, std::vector<int64_t>(16)),
                      floats({4}, {1, 1, 1, INFINITY}),
                      TensorValue::ofIntegers({2}, {0, 0})}),
            "test.mlir:3:10: lqc.assemble: scale of row 1, group 1 must be "
            "finite");
}

TEST_F(WeightOpsTest, DequantizeAndPackKeepValues) {
  Floats row(32);
  for (int i = 0; i < 32; ++i)
    row[i] = static_cast<float>(i % 16 - 8); // exact in int4 with scale 1
  TensorValue result = run(R"(
    func.func @f(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
      %q = lqc.quantize %x : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
      %p = lqc.pack %q : (tensor<1x32xf32, #lqc.scheme<"int4-g32">>) -> tensor<1x32xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>
      %y = lqc.dequantize %q : (tensor<1x32xf32, #lqc.scheme<"int4-g32">>) -> tensor<1x32xf32>
      %z = lqc.linear %y, %p : (tensor<1x32xf32>, tensor<1x32xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>) -> tensor<1x1xf32>
      return %y : tensor<1x32xf32>
    })",
                           {floats({1, 32}, row)});
  EXPECT_EQ(result.floats(), row);
}

TEST_F(WeightOpsTest, GetWeightConvertsExactly) {
  EXPECT_EQ(run(R"(
    lqc.weight @w : tensor<2xbf16> = dense<[1.5, -0.25]> : tensor<2xbf16>
    func.func @f() -> tensor<2xbf16> {
      %w = lqc.get_weight @w : tensor<2xbf16>
      return %w : tensor<2xbf16>
    })")
                .floats(),
            (Floats{1.5, -0.25}));
}

TEST_F(WeightOpsTest, PartsOfQuantizedTensors) {
  // Rows can be cut and joined; columns only between groups.
  const char *text = R"(
    func.func @f(%x: tensor<2x64xf32>) -> tensor<2x32xf32> {
      %q = lqc.quantize %x : (tensor<2x64xf32>) -> tensor<2x64xf32, #lqc.scheme<"int8-g32">>
      %a = tensor.extract_slice %q[1, 32] [1, 32] [1, 1] : tensor<2x64xf32, #lqc.scheme<"int8-g32">> to tensor<1x32xf32, #lqc.scheme<"int8-g32">>
      %b = tensor.extract_slice %q[0, 0] [1, 32] [1, 1] : tensor<2x64xf32, #lqc.scheme<"int8-g32">> to tensor<1x32xf32, #lqc.scheme<"int8-g32">>
      %j = tensor.concat dim(0) %a, %b : (tensor<1x32xf32, #lqc.scheme<"int8-g32">>, tensor<1x32xf32, #lqc.scheme<"int8-g32">>) -> tensor<2x32xf32, #lqc.scheme<"int8-g32">>
      %r = lqc.dequantize %j : (tensor<2x32xf32, #lqc.scheme<"int8-g32">>) -> tensor<2x32xf32>
      return %r : tensor<2x32xf32>
    })";
  Floats values(128), expected(64);
  for (int i = 0; i < 128; ++i)
    values[i] = static_cast<float>(i % 32 ? (i * 7) % 127 : -128);
  for (int i = 0; i < 32; ++i) {
    expected[i] = values[96 + i];
    expected[32 + i] = values[i];
  }
  EXPECT_EQ(run(text, {floats({2, 64}, values)}).floats(), expected);
}

TEST_F(WeightOpsTest, ScaleChannels) {
  TensorValue columns =
      run(R"(
    func.func @f(%x: tensor<2x3xf32>, %s: tensor<3xf32>) -> tensor<2x3xf32> {
      %y = lqc.scale_channels %x, %s axis 1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
      return %y : tensor<2x3xf32>
    })",
          {floats({2, 3}, {1, 2, 3, 4, 5, 6}), floats({3}, {1, 10, 0.5f})});
  EXPECT_EQ(columns.floats(), (Floats{1, 20, 1.5f, 4, 50, 3}));
  TensorValue rows = run(R"(
    func.func @f(%x: tensor<2x3xf32>, %s: tensor<2xf32>, %g: tensor<2xf32>) -> tensor<2x3xf32> {
      %t = lqc.scale_channels %g, %s axis 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
      %y = lqc.scale_channels %x, %t axis 0 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
      return %y : tensor<2x3xf32>
    })",
                         {floats({2, 3}, {1, 2, 3, 4, 5, 6}),
                          floats({2}, {2, 3}), floats({2}, {1, -1})});
  EXPECT_EQ(rows.floats(), (Floats{2, 4, 6, -12, -15, -18}));
}

TEST_F(WeightOpsTest, ScaledRowsOfCodesKeepTheirCodes) {
  Floats row(32, 0.0f);
  row[0] = 1.0f;
  TensorValue result = run(R"(
    func.func @f(%x: tensor<1x32xf32>, %s: tensor<1xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">> {
      %q = lqc.quantize %x : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
      %y = lqc.scale_channels %q, %s axis 0 : (tensor<1x32xf32, #lqc.scheme<"int4-g32">>, tensor<1xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
      return %y : tensor<1x32xf32, #lqc.scheme<"int4-g32">>
    })",
                           {floats({1, 32}, row), floats({1}, {4})});
  EXPECT_EQ(result.quantized().codes[0], 0);
  EXPECT_EQ(result.quantized().scales, (Floats{-0.5f}));
}
