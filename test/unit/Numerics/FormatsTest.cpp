//===- FormatsTest.cpp - codebooks, small floats, two levels of scales ----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Grid.h"

#include "Fixture.h"

#include "lqc/Support/Json.h"

#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

#include <map>

using namespace lqc;

using Codes = std::vector<uint8_t>;
using Floats = std::vector<float>;

static QuantizedTensor quantized(const Floats &values, const char *name,
                                 ClipSearch clip = ClipSearch::None) {
  return cantFail(quantize(values, 1, values.size(), *parseScheme(name), clip));
}

/// `values`, then zeros up to `count`.
static Floats padded(Floats values, size_t count) {
  values.resize(count, 0.0f);
  return values;
}

static Codes firstCodes(const QuantizedTensor &tensor, size_t count) {
  return Codes(tensor.codes.begin(), tensor.codes.begin() + count);
}

static Floats levels(const char *name) {
  return levelsOf(*parseScheme(name)).vec();
}

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

TEST(Levels, E2M1) {
  EXPECT_EQ(levels("mxfp4"), Floats({0, .5, 1, 1.5, 2, 3, 4, 6, -0.0f, -.5, -1,
                                     -1.5, -2, -3, -4, -6}));
  EXPECT_EQ(levels("nvfp4"), levels("mxfp4"));
}

TEST(Levels, Codebooks) {
  Floats nf4 = levels("nf4-g64"), fp4 = levels("fp4-g64");
  const double rounded[] = {-1,          -0.6961928,  -0.52507305, -0.39491748,
                            -0.28444138, -0.18477343, -0.09105004, 0,
                            0.0795803,   0.1609302,   0.2461123,   0.33791524,
                            0.44070983,  0.562617,    0.72295684,  1};
  for (int code = 0; code < 16; ++code)
    EXPECT_NEAR(nf4[code], rounded[code], 1e-7);
  const float twelfths[] = {0, .0625, 8, 12, 4, 6, 2, 3};
  for (int code = 0; code < 8; ++code) {
    EXPECT_EQ(fp4[code], twelfths[code] / 12);
    EXPECT_EQ(fp4[code + 8], -twelfths[code] / 12);
  }
}

TEST(Levels, EightBitFloats) {
  Floats e4m3 = levels("fp8-e4m3-g0"), e5m2 = levels("fp8-e5m2-g0");
  EXPECT_EQ(e4m3[0x01], 0x1p-9f) << "the smallest subnormal";
  EXPECT_EQ(e4m3[0x07], 0x7p-9f);
  EXPECT_EQ(e4m3[0x08], 0x1p-6f);
  EXPECT_EQ(e4m3[0x38], 1.0f);
  EXPECT_EQ(e4m3[0xb9], -1.125f);
  EXPECT_EQ(e4m3[0x7e], 448.0f);
  EXPECT_TRUE(std::isnan(e4m3[0x7f]) && std::isnan(e4m3[0xff]));
  EXPECT_EQ(e5m2[0x01], 0x1p-16f);
  EXPECT_EQ(e5m2[0x3c], 1.0f);
  EXPECT_EQ(e5m2[0xc1], -2.5f);
  EXPECT_EQ(e5m2[0x7b], 57344.0f);
  for (int code = 0x7c; code < 0x80; ++code)
    EXPECT_FALSE(std::isfinite(e5m2[code]));
  // E5M2 is the upper byte of an fp16.
  for (int code = 0; code < 0x7c; ++code)
    EXPECT_EQ(e5m2[code], floatFromHalf(code << 8));
}

TEST(Levels, EveryFiniteCodeOfASmallFloatRoundTrips) {
  for (auto [bits, exponent] : {std::pair(4, 2), {8, 4}, {8, 5}})
    for (int code = 0; code < 1 << bits; ++code) {
      float value = smallFloatValue(code, bits, exponent);
      if (std::isfinite(value) && value != 0)
        EXPECT_EQ(smallFloatCode(value, bits, exponent), code);
    }
}

TEST(Levels, SmallFloatsRoundHalfToEven) {
  auto e2m1 = [](float value) { return int(smallFloatCode(value, 4, 2)); };
  EXPECT_EQ(e2m1(0.25f), 0);
  EXPECT_EQ(e2m1(0.75f), 2);
  EXPECT_EQ(e2m1(1.25f), 2);
  EXPECT_EQ(e2m1(1.75f), 4);
  EXPECT_EQ(e2m1(2.5f), 4);
  EXPECT_EQ(e2m1(3.5f), 6);
  EXPECT_EQ(e2m1(5.0f), 6);
  EXPECT_EQ(e2m1(-5.1f), 15);
  EXPECT_EQ(e2m1(1e30f), 7) << "too large: the largest";
  EXPECT_EQ(e2m1(-0.2f), 0) << "zero has no sign";
  EXPECT_EQ(smallFloatCode(1.0625f, 8, 4), 0x38);
  EXPECT_EQ(smallFloatCode(1.1875f, 8, 4), 0x3a);
  EXPECT_EQ(smallFloatCode(0x1p-10f, 8, 4), 0x00);
  EXPECT_EQ(smallFloatCode(0x1.8p-9f, 8, 4), 0x02);
  EXPECT_EQ(smallFloatCode(0x1.fp-7f, 8, 4), 0x08) << "up to a normal number";
  EXPECT_EQ(smallFloatCode(460.0f, 8, 4), 0x7e);
  EXPECT_EQ(smallFloatCode(-3.4e38f, 8, 5), 0xfb);
}

TEST(Levels, StepsOfIntegerLevels) {
  EXPECT_EQ(levelStep(*parseScheme("q4_k")), 1.0f);
  EXPECT_EQ(levelStep(*parseScheme("uint8-g64")), 1.0f);
  EXPECT_EQ(levelStep(*parseScheme("nvfp4")), 0.5f);
  for (const char *name :
       {"nf4-g64", "fp4-g64-dq", "fp8-e4m3-g0", "fp8-e5m2-g0"})
    EXPECT_EQ(levelStep(*parseScheme(name)), 0.0f) << name;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

TEST(Scales, EveryFiniteCodeRoundTrips) {
  for (ScaleFormat format :
       {ScaleFormat::E8M0, ScaleFormat::E4M3, ScaleFormat::UInt4,
        ScaleFormat::UInt6, ScaleFormat::Int6, ScaleFormat::Int8,
        ScaleFormat::Dynamic8})
    for (unsigned code = 0; code < 1u << scaleBits(format); ++code) {
      float scale = scaleFromCode(format, code);
      bool isNegativeZero = scale == 0 && std::signbit(scale);
      if (std::isfinite(scale) && !isNegativeZero)
        EXPECT_EQ(codeFromScale(format, scale), code);
    }
  EXPECT_EQ(scaleFromCode(ScaleFormat::E8M0, 127), 1.0f);
  EXPECT_EQ(scaleFromCode(ScaleFormat::E8M0, 0), 0x1p-127f);
  EXPECT_TRUE(std::isnan(scaleFromCode(ScaleFormat::E8M0, 255)));
  EXPECT_EQ(scaleFromCode(ScaleFormat::Int6, 0), -32.0f);
  EXPECT_EQ(scaleFromCode(ScaleFormat::Int8, 255), 127.0f);
}

TEST(Scales, DynamicMap) {
  auto number = [](int code) {
    return scaleFromCode(ScaleFormat::Dynamic8, code);
  };
  EXPECT_EQ(number(127), 0.0f);
  EXPECT_EQ(number(255), 1.0f);
  EXPECT_NEAR(number(254), 0.99296875, 1e-7); // 0.1 + 0.9 * 63.5 / 64
  EXPECT_NEAR(number(0), -0.99296875, 1e-7);
  EXPECT_NEAR(number(128), 0.55e-6, 1e-13); // the one number of its decade
  EXPECT_NEAR(number(129), 3.25e-6, 1e-12); // 0.1 + 0.9 / 4, times 1e-5
  for (int code = 1; code < 256; ++code)
    EXPECT_LT(number(code - 1), number(code));
}

TEST(Scales, Round) {
  EXPECT_EQ(roundScale(ScaleFormat::E8M0, 1.0f), 1.0f);
  EXPECT_EQ(roundScale(ScaleFormat::E8M0, 1.01f), 2.0f);
  EXPECT_EQ(roundScale(ScaleFormat::E8M0, 0.0f), 0x1p-127f);
  EXPECT_EQ(roundScale(ScaleFormat::E4M3, 1.06f), 1.0f);
  EXPECT_EQ(roundScale(ScaleFormat::E4M3, 0.0f), 0x1p-9f);
  EXPECT_EQ(roundScale(ScaleFormat::UInt6, 63.6f), 63.0f);
  EXPECT_EQ(roundScale(ScaleFormat::Int6, -40.0f), -32.0f);
  EXPECT_EQ(roundScale(ScaleFormat::F32, 0.0f), 1.0f);
}

//===----------------------------------------------------------------------===//
// Tensors by hand
//===----------------------------------------------------------------------===//

TEST(Formats, NF4ByHand) {
  QuantizedTensor tensor =
      quantized({2.0f, -2.0f, 1.0f, 0.0f, 0.08f, 0.07f, -0.5f, 1.3f}, "nf4-g0");
  EXPECT_EQ(tensor.scales, Floats({2.0f}));
  // 0.5 is nearer to 0.4407 than to 0.5626; 0.04 to 0.0796 than to 0, 0.035
  // not.
  EXPECT_EQ(tensor.codes, Codes({15, 0, 12, 7, 8, 7, 4, 14}));
  EXPECT_EQ(dequantize(tensor)[2], 2.0f * 0.44070982933044434f);
}

TEST(Formats, FP4ByHand) {
  QuantizedTensor tensor = quantized(
      {12.0f, 6.0f, -3.0f, 0.06f, 0.0f, -12.0f, 9.9f, -0.02f}, "fp4-g0");
  EXPECT_EQ(tensor.scales, Floats({12.0f}));
  EXPECT_EQ(tensor.codes, Codes({3, 5, 15, 1, 0, 11, 2, 0}));
}

TEST(Formats, DoubleQuantizationByHand) {
  // Largest magnitudes 1 and 3: mean 2, deviations -1 and 1, of which the map
  // has 1 and -0.99296875.
  Floats values(64, 0.0f);
  values[5] = 1.0f;
  values[40] = -3.0f;
  QuantizedTensor tensor = quantized(values, "nf4-g32-dq");
  EXPECT_EQ(tensor.superOffsets, Floats({2.0f}));
  EXPECT_EQ(tensor.superScales, Floats({1.0f}));
  EXPECT_EQ(tensor.scales,
            Floats({scaleFromCode(ScaleFormat::Dynamic8, 0), 1}));
  Floats back = dequantize(tensor);
  EXPECT_NEAR(back[5], 2 - 0.99296875, 1e-6);
  EXPECT_EQ(back[40], -3.0f);
}

TEST(Formats, EightBitFloatsByHand) {
  QuantizedTensor tensor =
      quantized({896.0f, 2.0f, -2.125f, 0x1p-8f, 0.0f}, "fp8-e4m3-g0");
  EXPECT_EQ(tensor.scales, Floats({2.0f}));
  EXPECT_EQ(tensor.codes, Codes({0x7e, 0x38, 0xb8, 0x01, 0x00}));
  EXPECT_EQ(quantized({57344.0f, 1.0f, -0.3f}, "fp8-e5m2-g0").codes,
            Codes({0x7b, 0x3c, 0xb5}));
}

TEST(Formats, MXFP4ByHand) {
  QuantizedTensor tensor =
      quantized(padded({6.0f, 5.0f, -3.4f, 0.25f, 0.26f}, 64), "mxfp4");
  EXPECT_EQ(tensor.scales, Floats({1.0f, 0x1p-127f})) << "a group of zeros";
  EXPECT_EQ(firstCodes(tensor, 6), Codes({7, 6, 13, 0, 1, 0}));
  // Nothing is cut off: a little more than six doubles the scale.
  EXPECT_EQ(quantized(padded({6.01f}, 32), "mxfp4").scales[0], 2.0f);
  EXPECT_EQ(quantized(padded({0.375f}, 32), "mxfp4").scales[0], 0.0625f);
}

TEST(Formats, NVFP4ByHand) {
  Floats values = padded({2688.0f, 1000.0f}, 48);
  values[16] = 6.0f;
  values[17] = -1.4f;
  QuantizedTensor tensor = quantized(values, "nvfp4");
  EXPECT_EQ(tensor.superScales, Floats({1.0f}));
  EXPECT_EQ(tensor.scales, Floats({448.0f, 1.0f, 0x1p-9f}));
  EXPECT_EQ(firstCodes(tensor, 2), Codes({7, 4})) << "1000 / 448 = 2.2";
  EXPECT_EQ(tensor.codes[16], 7);
  EXPECT_EQ(tensor.codes[17], 8 + 3);
}

TEST(Formats, SuperBlockWithMinimaByHand) {
  // q4_k: in group 0 from -63 to 882 in steps of 63, in group 1 from -1 to 14
  // in steps of one, in the others zeros. d = dmin = 1.
  Floats values(256, 0.0f);
  for (int i = 0; i < 16; ++i) {
    values[i] = 63.0f * (i - 1);
    values[32 + i] = i - 1;
  }
  QuantizedTensor tensor = quantized(values, "q4_k");
  EXPECT_EQ(tensor.superScales, Floats({1.0f}));
  EXPECT_EQ(tensor.superOffsets, Floats({1.0f}));
  EXPECT_EQ(tensor.scales, Floats({63, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(tensor.zeros, Codes({63, 1, 0, 0, 0, 0, 0, 0}));
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(tensor.codes[i], i);
    EXPECT_EQ(tensor.codes[32 + i], i);
  }
  EXPECT_EQ(dequantize(tensor), values);
}

TEST(Formats, SuperBlockWithoutMinimaByHand) {
  // q3_k: the extreme 128 has the scale 128 / -4 = -32, so d = -32 / -32 = 1;
  // group 1 has the scale -3 / -4, stored as 1; group 2, all zeros, stores 0.
  Floats values(256, 0.0f);
  values[0] = 128.0f;
  values[1] = -96.0f;
  values[16] = -3.0f;
  values[17] = 2.0f;
  QuantizedTensor tensor = quantized(values, "q3_k");
  EXPECT_EQ(tensor.superScales, Floats({1.0f}));
  EXPECT_EQ(tensor.scales[0], -32.0f);
  EXPECT_EQ(tensor.scales[1], 1.0f);
  EXPECT_EQ(tensor.scales[2], 0.0f);
  EXPECT_EQ(firstCodes(tensor, 3), Codes({0, 7, 4}));
  EXPECT_EQ(tensor.codes[16], 1);
  EXPECT_EQ(tensor.codes[17], 6);
  EXPECT_EQ(dequantize(tensor), values);
}

TEST(Formats, StaticScalesAreGiven) {
  Floats values = padded({1.0f, -2.5f, 300.0f, -0.1f}, 32);
  Scheme scheme = *parseScheme("static-int8-g16");
  QuantizedTensor tensor =
      cantFail(quantizeWith({1.0f, 0.0f}, values, 1, 32, scheme));
  EXPECT_EQ(tensor.scales, Floats({1.0f, 1.0f})) << "0 counts as 1";
  EXPECT_EQ(firstCodes(tensor, 4), Codes({129, 126, 255, 128}));
  values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(llvm::toString(
                quantizeWith({1.0f, 0.0f}, values, 1, 32, scheme).takeError()),
            "element [0, 7] is nan");
}

//===----------------------------------------------------------------------===//
// Blocks of files
//===----------------------------------------------------------------------===//

static Floats numbersOf(const llvm::json::Object &entry, const char *key) {
  Floats result;
  for (const llvm::json::Value &value : *entry.getArray(key))
    result.push_back(static_cast<float>(*value.getAsNumber()));
  return result;
}

/// Numbers of files, taken apart by tools/dev/golden/schemes.py, can be held
/// and stand for the values that it decodes, bit for bit.
TEST(Formats, HoldTheBlocksOfFiles) {
  std::string path = LQC_SOURCE_DIR "/test/golden/schemes/blocks.json";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(buffer)) << path;
  llvm::json::Value root = cantFail(parseJson((*buffer)->getBuffer(), path));
  EXPECT_EQ(root.getAsArray()->size(), 12u);
  for (const llvm::json::Value &value : *root.getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    std::string name = entry.getString("scheme")->str();
    QuantizedTensor tensor = QuantizedTensor::empty(*parseScheme(name), 1, 256);
    Floats codes = numbersOf(entry, "codes"), zeros = numbersOf(entry, "zeros");
    tensor.codes.assign(codes.begin(), codes.end());
    tensor.zeros.assign(zeros.begin(), zeros.end());
    tensor.scales = numbersOf(entry, "scales");
    tensor.superScales = numbersOf(entry, "supers");
    tensor.superOffsets = numbersOf(entry, "offsets");
    EXPECT_EQ(dequantize(tensor), numbersOf(entry, "values")) << name;
    // Nothing is lost on the way to a sidecar.
    QuantizedTensor back = cantFail(
        deserialize(serialize(tensor), tensor.scheme, 1, tensor.columns));
    EXPECT_EQ(dequantize(back), numbersOf(entry, "values")) << name;
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

static double relativeError(const Floats &values, const Floats &back) {
  double error = 0, power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += (double(back[i]) - values[i]) * (double(back[i]) - values[i]);
    power += double(values[i]) * values[i];
  }
  return std::sqrt(error / power);
}

/// The root of the mean squared error of normally distributed weights, in
/// thousandths of their standard deviation, is at most this much.
static const std::map<std::string, double> kErrorBounds = {
    {"nf4-g64", 95},     {"nf4-g64-dq", 96},   {"fp4-g64", 135},
    {"fp4-g64-dq", 135}, {"fp8-e4m3-g64", 27}, {"fp8-e5m2-g64", 54},
    {"mxfp4", 130},      {"nvfp4", 110},       {"q2_k", 400},
    {"q3_k", 200},       {"q4_k", 95},         {"q5_k", 50},
    {"q6_k", 25}};

TEST(Formats, ErrorBounds) {
  Floats values = randomValues(64 * 512);
  for (auto [name, bound] : kErrorBounds) {
    auto error = [&, scheme = *parseScheme(name)](ClipSearch clip) {
      return 1000 * relativeError(values, dequantize(cantFail(quantize(
                                              values, 64, 512, scheme, clip))));
    };
    double whole = error(ClipSearch::None);
    double clipped = error(ClipSearch::LeastSquares);
    EXPECT_LE(whole, bound) << name;
    EXPECT_GE(whole, bound * 0.6) << name << ": the bound is too loose";
    EXPECT_LE(clipped, whole * 1.001) << name;
    if (llvm::StringRef(name).starts_with("q"))
      EXPECT_LT(clipped, whole * 0.99) << name << ": the search is worth it";
  }
}

/// An 8-bit float is off by at most half a unit in the last place.
TEST(Formats, SmallFloatErrorIsHalfAUnit) {
  Floats values = randomValues(4096);
  for (auto [name, mantissa, least] :
       {std::tuple("fp8-e4m3-g64", 3, -6), {"fp8-e5m2-g64", 2, -14}}) {
    QuantizedTensor tensor = quantized(values, name);
    Floats back = dequantize(tensor);
    for (size_t i = 0; i < values.size(); ++i) {
      double scale = tensor.scales[i / 64];
      double x = std::fabs(values[i]) / scale;
      int exponent = std::max(x > 0 ? std::ilogb(x) : least, least);
      EXPECT_LE(std::fabs(back[i] - values[i]) / scale,
                std::ldexp(0.5001, exponent - mantissa))
          << name;
    }
  }
}
