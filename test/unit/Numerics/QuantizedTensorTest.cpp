//===- QuantizedTensorTest.cpp - codes, scales and zero points ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/QuantizedTensor.h"

#include "Fixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace lqc;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
static constexpr float kSmallestHalf = 0x1p-24f;

static Scheme scheme(llvm::StringRef name) { return *parseScheme(name); }

static QuantizedTensor quantized(const std::vector<float> &values, int64_t rows,
                                 llvm::StringRef name,
                                 ClipSearch clip = ClipSearch::None) {
  llvm::Expected<QuantizedTensor> tensor =
      quantize(values, rows, values.size() / rows, scheme(name), clip);
  if (tensor)
    return std::move(*tensor);
  ADD_FAILURE() << llvm::toString(tensor.takeError());
  return {};
}

static std::string errorOf(const std::vector<float> &values, int64_t rows,
                           llvm::StringRef name, unsigned threads = 1) {
  llvm::Expected<QuantizedTensor> tensor =
      quantize(values, rows, values.size() / rows, scheme(name),
               ClipSearch::None, threads);
  return tensor ? "" : llvm::toString(tensor.takeError());
}

/// The definition once more, written as plainly as it can be: quantref.py's
/// `grid` and `qd`, with the rule for small scales.
static std::vector<float> plain(const std::vector<float> &values,
                                int64_t columns, unsigned bits,
                                int64_t groupSize, bool symmetric) {
  int64_t size = groupSize ? groupSize : columns;
  std::vector<float> result;
  float top = std::ldexp(1.0f, bits) - 1;
  for (size_t start = 0; start < values.size(); start += size) {
    float extreme = 0, low = 0, high = 0;
    for (int64_t i = 0; i < size; ++i) {
      float x = values[start + i];
      extreme = std::fabs(x) > std::fabs(extreme) ? x : extreme;
      low = std::min(low, x);
      high = std::max(high, x);
    }
    float exact =
        symmetric ? extreme / -std::ldexp(1.0f, bits - 1) : (high - low) / top;
    float scale = floatFromHalf(halfFromFloat(exact));
    scale = scale == 0 ? kSmallestHalf : scale;
    float zero = symmetric ? std::ldexp(1.0f, bits - 1)
                           : std::min(std::nearbyint(-low / scale), top);
    for (int64_t i = 0; i < size; ++i) {
      float code = std::nearbyint(values[start + i] / scale) + zero;
      code = std::clamp(code, 0.0f, top);
      result.push_back((code - zero) * scale);
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Hand-worked examples
//===----------------------------------------------------------------------===//

TEST(Quantize, SymmetricByHand) {
  // Largest magnitude 1.0: scale 1 / -8.
  std::vector<float> values(32, 0.0f);
  values[0] = 1.0f;     // -8 -> code 0
  values[1] = -0.5f;    // 4 -> 12
  values[2] = -1.0f;    // 8 -> clamped to 7 -> 15
  values[3] = 0.0625f;  // -0.5 -> even 0 -> 8
  values[4] = 0.1875f;  // -1.5 -> even -2 -> 6
  values[5] = -0.3125f; // 2.5 -> even 2 -> 10
  QuantizedTensor tensor = quantized(values, 1, "int4-g32");
  EXPECT_EQ(tensor.scales, std::vector<float>({-0.125f}));
  EXPECT_TRUE(tensor.zeros.empty());
  std::vector<uint8_t> codes(tensor.codes.begin(), tensor.codes.begin() + 7);
  EXPECT_EQ(codes, std::vector<uint8_t>({0, 12, 15, 8, 6, 10, 8}));
  std::vector<float> back = dequantize(tensor);
  EXPECT_EQ(back[0], 1.0f);
  EXPECT_EQ(back[1], -0.5f);
  EXPECT_EQ(back[2], -0.875f);
  EXPECT_EQ(back[4], 0.25f);
}

TEST(Quantize, AsymmetricByHand) {
  // From -0.5 to 1.0 in 15 steps of 0.1, which fp16 holds as 0.0999755859375.
  std::vector<float> values(32, 0.0f);
  values[0] = -0.5f;
  values[1] = 1.0f;
  values[2] = 0.25f; // 2.50061 -> 3
  QuantizedTensor tensor = quantized(values, 1, "uint4-g0");
  EXPECT_EQ(tensor.scales[0], 0.0999755859375f);
  EXPECT_EQ(tensor.zeros[0], 5);
  EXPECT_EQ(tensor.codes[0], 0);
  EXPECT_EQ(tensor.codes[1], 15);
  EXPECT_EQ(tensor.codes[2], 8);
  EXPECT_EQ(tensor.codes[3], 5);
  EXPECT_EQ(dequantize(tensor)[3], 0.0f) << "zero stays zero";
}

TEST(Quantize, AsymmetricRangeHoldsZero) {
  QuantizedTensor high = quantized({3.0f, 2.0f, 1.5f}, 1, "uint2-g0");
  EXPECT_EQ(high.zeros[0], 0);
  EXPECT_EQ(high.scales[0], 1.0f);
  EXPECT_EQ(high.codes, std::vector<uint8_t>({3, 2, 2}));
  QuantizedTensor low = quantized({-3.0f, -2.0f, -2.5f}, 1, "uint2-g0");
  EXPECT_EQ(low.zeros[0], 3);
  EXPECT_EQ(low.codes, std::vector<uint8_t>({0, 1, 1}));
}

TEST(Quantize, FirstOfEqualsDecidesTheSign) {
  EXPECT_EQ(quantized({1.0f, -1.0f}, 1, "int8-g0").scales[0], -0x1p-7f);
  EXPECT_EQ(quantized({0.5f, -1.0f, 1.0f}, 1, "int8-g0").scales[0], 0x1p-7f);
}

TEST(Quantize, DynamicByHand) {
  QuantizedTensor tensor = quantized({127.0f, -127.0f, 0.5f, 1.5f, -2.5f, 0.0f},
                                     1, "dynamic-int8-g0");
  EXPECT_EQ(tensor.scales[0], 1.0f);
  EXPECT_EQ(tensor.codes, std::vector<uint8_t>({255, 1, 128, 130, 126, 128}));
  // The scale is float32: not rounded to fp16.
  EXPECT_EQ(quantized({0.1f, -0.3f}, 1, "dynamic-int8-g0").scales[0],
            0.3f / 127.0f);
}

TEST(Quantize, DynamicOfZeroAndOfNearlyZero) {
  EXPECT_EQ(quantized({0.0f, -0.0f}, 1, "dynamic-int8-g0").scales[0], 1.0f);
  for (float tiny : {1e-45f, 1e-43f, 2.6e-43f, 1e-38f}) {
    QuantizedTensor tensor = quantized({tiny, -tiny}, 1, "dynamic-int8-g0");
    for (uint8_t code : tensor.codes)
      EXPECT_GE(code, 1);
    EXPECT_GT(tensor.scales[0], 0.0f);
  }
}

//===----------------------------------------------------------------------===//
// Extremes
//===----------------------------------------------------------------------===//

TEST(Quantize, ScaleThatUnderflowsIsTheSmallestHalf) {
  for (const char *name : {"int4-g0", "uint4-g0", "int8-g0", "uint8-g0"}) {
    for (float value : {0.0f, -0.0f, 1e-9f, -1e-9f, 1e-45f}) {
      QuantizedTensor tensor = quantized({value, 0.0f}, 1, name);
      EXPECT_EQ(tensor.scales[0], kSmallestHalf) << name << " " << value;
      EXPECT_LE(std::fabs(dequantize(tensor)[0] - value), kSmallestHalf);
    }
  }
}

TEST(Quantize, SubnormalScaleKeepsTheZeroPointInItsBits) {
  // 1.4 units of the smallest fp16, stored as 1: the zero point would be 357.
  float low = -255 * 1.4f * kSmallestHalf;
  QuantizedTensor tensor = quantized({low, 0.0f}, 1, "uint8-g0");
  EXPECT_EQ(tensor.scales[0], kSmallestHalf);
  EXPECT_EQ(tensor.zeros[0], 255);
  EXPECT_EQ(tensor.codes, std::vector<uint8_t>({0, 255}));
}

TEST(Quantize, ScaleThatOverflowsIsAnError) {
  std::vector<float> values(128, 1.0f);
  values[64 + 32] = -6e5f; // / -8 = 75000 > 65504
  EXPECT_EQ(errorOf(values, 2, "int4-g32"),
            "scale of row 1, group 1 overflows fp16: 75000");
  values[64 + 32] = 5e5f; // 62500 fits
  EXPECT_EQ(errorOf(values, 2, "int4-g32"), "");
  EXPECT_EQ(errorOf({3e38f, -3e38f}, 1, "uint4-g0"),
            "scale of row 0, group 0 overflows fp16: 4e+37");
  EXPECT_EQ(errorOf({3e38f, -3e38f}, 1, "dynamic-int8-g0"), "");
}

TEST(Quantize, NotFiniteIsAnError) {
  for (const char *name :
       {"int4-g32", "uint4-g32", "int4-g0", "dynamic-int8-g32"}) {
    std::vector<float> values = randomValues(3 * 64);
    values[64 + 40] = kNan;
    EXPECT_EQ(errorOf(values, 3, name), "element [1, 40] is nan");
    values[64 + 40] = kInfinity;
    EXPECT_EQ(errorOf(values, 3, name), "element [1, 40] is infinite");
    values[64 + 40] = -kInfinity;
    EXPECT_EQ(errorOf(values, 3, name), "element [1, 40] is minus infinite");
    values[2 * 64] = kNan;
    values[64 + 40] = -kNan;
    for (unsigned threads : {1u, 2u, 3u})
      EXPECT_EQ(errorOf(values, 3, name, threads), "element [1, 40] is nan")
          << "the first row's error, whatever the threads";
  }
}

TEST(Quantize, DimensionsMustFit) {
  EXPECT_EQ(errorOf(randomValues(172), 1, "int4-g64"),
            "172 columns are not a multiple of the group size 64");
}

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

TEST(Quantize, AgreesWithThePlainDefinition) {
  for (unsigned bits = 2; bits <= 8; ++bits) {
    for (bool symmetric : {true, false}) {
      for (int64_t groupSize : {0, 32, 64, 128}) {
        std::string name = (symmetric ? "int" : "uint") + std::to_string(bits) +
                           "-g" + std::to_string(groupSize);
        int64_t columns = groupSize ? 256 : 172;
        std::vector<float> values = randomValues(7 * columns, bits);
        EXPECT_EQ(dequantize(quantized(values, 7, name)),
                  plain(values, columns, bits, groupSize, symmetric))
            << name;
      }
    }
  }
}

TEST(Quantize, ErrorIsAtMostHalfAStep) {
  for (unsigned bits = 2; bits <= 8; ++bits) {
    for (const char *kind : {"int", "uint"}) {
      std::string name = kind + std::to_string(bits) + "-g32";
      std::vector<float> values = randomValues(16 * 64, bits);
      QuantizedTensor tensor = quantized(values, 16, name);
      std::vector<float> back = dequantize(tensor);
      int top = (1 << bits) - 1;
      for (size_t i = 0; i < values.size(); ++i) {
        float scale = std::fabs(tensor.scales[i / 32]);
        bool isInside = tensor.codes[i] > 0 && tensor.codes[i] < top;
        // At the ends of the range the value may have been clamped: by half a
        // step more, or for the side that `int` lacks by one.
        EXPECT_LE(std::fabs(back[i] - values[i]),
                  scale * (isInside ? 0.50001f : 1.01f))
            << name << " " << i;
      }
    }
  }
}

TEST(Quantize, QuantizingTwiceChangesNothing) {
  for (const char *name : {"int4-g32", "int8-g64", "uint3-g32"}) {
    std::vector<float> once = dequantize(quantized(randomValues(640), 5, name));
    std::vector<float> twice = dequantize(quantized(once, 5, name));
    size_t different = 0;
    for (size_t i = 0; i < once.size(); ++i)
      different += std::fabs(once[i] - twice[i]) > 1e-3f;
    EXPECT_EQ(different, 0u) << name;
  }
}

TEST(Quantize, ThreadsDoNotMatter) {
  std::vector<float> values = randomValues(37 * 128);
  for (ClipSearch clip : {ClipSearch::None, ClipSearch::LeastSquares}) {
    for (const char *name : {"int4-g32", "uint5-g0", "dynamic-int8-g64"}) {
      QuantizedTensor one = quantized(values, 37, name, clip);
      for (unsigned threads : {2u, 3u, 8u, 100u}) {
        llvm::Expected<QuantizedTensor> many =
            quantize(values, 37, 128, scheme(name), clip, threads);
        ASSERT_TRUE(bool(many));
        EXPECT_EQ(many->codes, one.codes);
        EXPECT_EQ(many->scales, one.scales);
        EXPECT_EQ(many->zeros, one.zeros);
      }
    }
  }
}

static double squaredError(const std::vector<float> &a,
                           const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

TEST(Quantize, ClipSearchNeverLosesAndUsuallyWins) {
  for (unsigned bits = 2; bits <= 8; ++bits) {
    for (const char *kind : {"int", "uint"}) {
      std::string name = kind + std::to_string(bits) + "-g64";
      std::vector<float> values = randomValues(64 * 64, bits);
      double whole =
          squaredError(values, dequantize(quantized(values, 64, name)));
      double clipped = squaredError(
          values,
          dequantize(quantized(values, 64, name, ClipSearch::LeastSquares)));
      EXPECT_LE(clipped, whole) << name;
      if (bits <= 3)
        EXPECT_LT(clipped, whole * 0.9) << name;
    }
  }
}

TEST(Quantize, ClipSearchByHand) {
  // Two bits, 511 values of -0.25 and one of 1: with the full range the steps
  // are 0.5 and every -0.25 is off by 0.25; at ratio 0.5 they are 0.25 and only
  // the 1 is off, by 0.5.
  std::vector<float> values(512, -0.25f);
  values[0] = 1.0f;
  EXPECT_EQ(quantized(values, 1, "int2-g0").scales[0], -0.5f);
  QuantizedTensor tensor =
      quantized(values, 1, "int2-g0", ClipSearch::LeastSquares);
  EXPECT_EQ(tensor.scales[0], -0.25f);
  EXPECT_EQ(dequantize(tensor)[1], -0.25f);
}

TEST(Quantize, ClipSearchTakesTheFirstOfEquals) {
  std::vector<float> zeros(32, 0.0f);
  EXPECT_EQ(quantized(zeros, 1, "int4-g32", ClipSearch::LeastSquares).scales,
            quantized(zeros, 1, "int4-g32").scales);
}

//===----------------------------------------------------------------------===//
// serialize
//===----------------------------------------------------------------------===//

TEST(Serialize, ByHand) {
  QuantizedTensor tensor;
  tensor.scheme = scheme("uint3-g0");
  tensor.rows = 1;
  tensor.columns = 3;
  tensor.codes = {5, 3, 6}; // 101 011 110 -> bits 1 1001 1101
  tensor.scales = {1.0f};   // 0x3c00
  tensor.zeros = {4};
  std::vector<char> bytes = serialize(tensor);
  EXPECT_EQ(bytes, std::vector<char>({char(0x9d), 0x01, 0x00, 0x3c, 0x04}));
}

TEST(Serialize, RoundTrips) {
  for (const Scheme &scheme : everyScheme({0, 16, 32, 64, 128})) {
    for (int64_t columns : {63, 172, 96, 128, 256, 768}) {
      if (whyNotQuantizable(scheme, 5, columns))
        continue;
      std::string name = schemeName(scheme);
      for (QuantizedTensor tensor :
           {quantized(randomValues(5 * columns), 5, name),
            randomTensor(scheme, 5, columns)}) {
        std::vector<char> bytes = serialize(tensor);
        ASSERT_EQ(bytes.size(), serializedBytes(scheme, 5, columns));
        llvm::Expected<QuantizedTensor> back =
            deserialize(bytes, scheme, 5, columns);
        ASSERT_TRUE(bool(back));
        EXPECT_EQ(back->codes, tensor.codes) << name;
        EXPECT_EQ(back->scales, tensor.scales) << name;
        EXPECT_EQ(back->zeros, tensor.zeros) << name;
        EXPECT_EQ(back->superScales, tensor.superScales) << name;
        EXPECT_EQ(back->superOffsets, tensor.superOffsets) << name;
        EXPECT_EQ(back->rows, 5);
        EXPECT_EQ(back->columns, columns);
      }
    }
  }
}

TEST(Serialize, SizeAgreesWithBitsPerWeight) {
  for (const Scheme &s : everyScheme(64))
    EXPECT_EQ(serializedBytes(s, 64, 512) * 8.0,
              bitsPerWeight(s, 512) * 64 * 512)
        << schemeName(s);
}

TEST(Serialize, RejectsBadBytes) {
  Scheme s = scheme("int4-g32");
  auto errorOfBytes = [&](const std::vector<char> &bytes, int64_t columns) {
    llvm::Expected<QuantizedTensor> tensor = deserialize(bytes, s, 2, columns);
    return tensor ? "" : llvm::toString(tensor.takeError());
  };
  EXPECT_EQ(errorOfBytes(std::vector<char>(35), 32),
            "a tensor of 2 x 32 in int4-g32 must have 36 bytes, got: 35");
  EXPECT_EQ(errorOfBytes(std::vector<char>(36), 33),
            "33 columns are not a multiple of the group size 32");
  std::vector<char> bytes(36);
  bytes[35] = 0x7c; // fp16 infinity
  EXPECT_EQ(errorOfBytes(bytes, 32), "scale of row 1, group 0 must be finite");
}

TEST(Serialize, RejectsCodesOfNoNumber) {
  auto errorAt = [&](const char *name, size_t byte, char value) {
    Scheme s = scheme(name);
    std::vector<char> bytes(serializedBytes(s, 2, 256), 0);
    bytes[byte] = value;
    llvm::Expected<QuantizedTensor> tensor = deserialize(bytes, s, 2, 256);
    return tensor ? "" : llvm::toString(tensor.takeError());
  };
  EXPECT_EQ(errorAt("fp8-e4m3-g64", 258, char(0xff)),
            "code of element [1, 2] must stand for a finite number, got: 255");
  EXPECT_EQ(errorAt("fp8-e5m2-g64", 258, 0x7c),
            "code of element [1, 2] must stand for a finite number, got: 124");
  EXPECT_EQ(errorAt("fp8-e4m3-g64", 258, 0x7e), "");
  EXPECT_EQ(errorAt("mxfp4", 256 + 9, char(0xff)),
            "scale of row 1, group 1 must be finite");
  EXPECT_EQ(errorAt("q6_k", serializedBytes(scheme("q6_k"), 2, 256) - 1, 0x7c),
            "super scale of row 1, super group 0 must be finite");
  EXPECT_EQ(errorAt("q4_k", serializedBytes(scheme("q4_k"), 2, 256) - 1, 0x7c),
            "super offset of row 1, super group 0 must be finite");
}

//===----------------------------------------------------------------------===//
// Half
//===----------------------------------------------------------------------===//

TEST(Half, KnownValues) {
  EXPECT_EQ(halfFromFloat(1.0f), 0x3c00);
  EXPECT_EQ(halfFromFloat(-2.0f), 0xc000);
  EXPECT_EQ(halfFromFloat(65504.0f), 0x7bff);
  EXPECT_EQ(halfFromFloat(65519.0f), 0x7bff);
  EXPECT_EQ(halfFromFloat(65520.0f), 0x7c00) << "overflow is infinity";
  EXPECT_EQ(halfFromFloat(kSmallestHalf), 0x0001);
  EXPECT_EQ(halfFromFloat(kSmallestHalf / 2), 0x0000) << "half to even";
  EXPECT_EQ(halfFromFloat(kSmallestHalf * 1.5f), 0x0002);
  EXPECT_EQ(halfFromFloat(1.0f + 0x1p-11f), 0x3c00) << "half to even";
  EXPECT_EQ(halfFromFloat(1.0f + 0x1.8p-10f), 0x3c02) << "half to even";
  EXPECT_TRUE(std::isnan(floatFromHalf(halfFromFloat(kNan))));
}

TEST(Half, EveryHalfRoundTrips) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    float value = floatFromHalf(bits);
    if (!std::isnan(value))
      EXPECT_EQ(halfFromFloat(value), bits);
  }
}

TEST(Half, Bfloat16) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    float value = floatFromBfloat16(bits);
    if (!std::isnan(value))
      EXPECT_EQ(bfloat16FromFloat(value), bits);
    else
      EXPECT_TRUE(std::isnan(floatFromBfloat16(bfloat16FromFloat(value))));
  }
  EXPECT_EQ(bfloat16FromFloat(1.0f + 0x1p-8f), 0x3f80) << "half to even";
  EXPECT_EQ(bfloat16FromFloat(1.0f + 0x1.8p-7f), 0x3f82) << "half to even";
  EXPECT_EQ(bfloat16FromFloat(3.4e38f), 0x7f80) << "rounds to infinity";
}

//===----------------------------------------------------------------------===//
// Scaled rows
//===----------------------------------------------------------------------===//

TEST(ScaleRows, PowersOfTwoAreExactInEveryScheme) {
  std::vector<float> values(2 * 256);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(float(i)) + 0.25f;
  for (const SchemeFamily &family : schemeTable()) {
    Scheme scheme =
        family.hasFreeGroup() ? family.withGroup(64) : family.scheme;
    if (scheme.isActivation() || !hasScalableRows(scheme))
      continue;
    QuantizedTensor tensor = cantFail(quantize(values, 2, 256, scheme));
    std::vector<float> wanted = dequantize(tensor);
    for (int64_t i = 0; i < 512; ++i)
      wanted[i] *= i < 256 ? 4.0f : 0.5f;
    cantFail(scaleRows(tensor, {4.0f, 0.5f}));
    EXPECT_EQ(dequantize(tensor), wanted) << schemeName(scheme);
  }
}

TEST(ScaleRows, ScalesAreRoundedToTheirFormat) {
  QuantizedTensor tensor = quantized({1.0f, -0.5f}, 1, "int4-g0");
  cantFail(scaleRows(tensor, {1.1f}));
  EXPECT_EQ(tensor.scales[0], floatFromHalf(halfFromFloat(-0.125f * 1.1f)));
}

TEST(ScaleRows, OverflowIsAnError) {
  QuantizedTensor tensor = quantized({1.0f, 8.0f}, 2, "int4-g0");
  EXPECT_EQ(llvm::toString(scaleRows(tensor, {1.0f, 1e6f})),
            "a scale of row 1 overflows fp16 when multiplied by 1000000.00");
}

TEST(ScaleRows, NotIfScalesArePowersOfTwo) {
  EXPECT_FALSE(hasScalableRows(*parseScheme("mxfp4")));
  EXPECT_TRUE(hasScalableRows(*parseScheme("nvfp4")));
  EXPECT_TRUE(hasScalableRows(*parseScheme("fp8-e4m3-g64")));
}
