//===- Levels.cpp - the numbers that small codes stand for ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Levels.h"

#include "lqc/Numerics/Half.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

using namespace lqc;

using Table = std::array<float, 256>;

//===----------------------------------------------------------------------===//
// Small floats
//===----------------------------------------------------------------------===//

static unsigned largestFiniteCode(unsigned bits, unsigned exponentBits) {
  unsigned codes = 1u << (bits - 1);
  if (bits < 8)
    return codes - 1;
  return exponentBits == 4 ? codes - 2 : codes - 5; // E4M3 or E5M2
}

float lqc::smallFloatValue(uint8_t code, unsigned bits, unsigned exponentBits) {
  int mantissaBits = bits - 1 - exponentBits;
  int bias = (1 << (exponentBits - 1)) - 1;
  unsigned magnitude = code & ((1u << (bits - 1)) - 1);
  if (magnitude > largestFiniteCode(bits, exponentBits))
    return std::numeric_limits<float>::quiet_NaN();
  int exponent = magnitude >> mantissaBits;
  int mantissa = magnitude & ((1 << mantissaBits) - 1);
  if (exponent)
    mantissa += 1 << mantissaBits;
  float value = std::ldexp(static_cast<float>(mantissa),
                           std::max(exponent, 1) - bias - mantissaBits);
  return code >> (bits - 1) ? -value : value;
}

// A value with exponent E is a multiple of 2^(E - mantissaBits) after rounding:
// n of them, 2^mantissaBits <= n <= 2^(mantissaBits + 1), which is also its
// code counted from the one of 2^E. Subnormals are those with the smallest E.
uint8_t lqc::smallFloatCode(float value, unsigned bits, unsigned exponentBits) {
  int mantissaBits = bits - 1 - exponentBits;
  // Of the smallest normal number, as a biased exponent of float32.
  int least = 127 + 2 - (1 << (exponentBits - 1));
  uint32_t word = std::bit_cast<uint32_t>(value);
  float magnitude = std::fabs(value);
  int exponent = std::max<int>((word >> 23) & 0xff, least);
  // 2^(mantissaBits - E), a normal float for all formats and all finite values.
  float inverse = std::bit_cast<float>(
      static_cast<uint32_t>(std::max(1, 254 + mantissaBits - exponent)) << 23);
  int steps = static_cast<int>(__builtin_roundevenf(magnitude * inverse));
  int code = ((exponent - least) << mantissaBits) + steps;
  code = std::min<int>(code, largestFiniteCode(bits, exponentBits));
  return code == 0 ? 0 : code | (word >> 31 << (bits - 1));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// QLoRA, appendix E; the float32 numbers of bitsandbytes.
static constexpr float kNF4[16] = {-1.0f,
                                   -0.6961928009986877f,
                                   -0.5250730514526367f,
                                   -0.39491748809814453f,
                                   -0.28444138169288635f,
                                   -0.18477343022823334f,
                                   -0.09105003625154495f,
                                   0.0f,
                                   0.07958029955625534f,
                                   0.16093020141124725f,
                                   0.24611230194568634f,
                                   0.33791524171829224f,
                                   0.44070982933044434f,
                                   0.5626170039176941f,
                                   0.7229568362236023f,
                                   1.0f};

/// Twelve times the levels of bitsandbytes' FP4; the negatives follow.
static constexpr float kFP4[8] = {0.0f, 0.0625f, 8.0f, 12.0f,
                                  4.0f, 6.0f,    2.0f, 3.0f};

static Table integerLevels() {
  Table table;
  for (int code = 0; code < 256; ++code)
    table[code] = code;
  return table;
}

static Table floatLevels(unsigned bits, unsigned exponentBits) {
  Table table = {};
  for (int code = 0; code < 1 << bits; ++code)
    table[code] = smallFloatValue(code, bits, exponentBits);
  return table;
}

static Table codebookLevels(Codebook codebook) {
  Table table = {};
  for (int code = 0; code < 16; ++code)
    table[code] = codebook == Codebook::NF4 ? kNF4[code]
                  : code < 8                ? kFP4[code] / 12.0f
                                            : -(kFP4[code - 8] / 12.0f);
  return table;
}

llvm::ArrayRef<float> lqc::levelsOf(const Scheme &scheme) {
  static const Table integers = integerLevels();
  static const Table e2m1 = floatLevels(4, 2);
  static const Table e4m3 = floatLevels(8, 4);
  static const Table e5m2 = floatLevels(8, 5);
  static const Table nf4 = codebookLevels(Codebook::NF4);
  static const Table fp4 = codebookLevels(Codebook::FP4);
  const Table *table = &integers;
  if (scheme.element == ElementKind::Codebook)
    table = scheme.codebook == Codebook::NF4 ? &nf4 : &fp4;
  else if (scheme.element == ElementKind::Float)
    table = scheme.exponentBits == 2   ? &e2m1
            : scheme.exponentBits == 4 ? &e4m3
                                       : &e5m2;
  return llvm::ArrayRef(*table).take_front(size_t(1) << scheme.bits);
}

float lqc::largestLevel(const Scheme &scheme) {
  float largest = 0;
  for (float level : levelsOf(scheme))
    if (std::isfinite(level))
      largest = std::max(largest, std::fabs(level));
  return largest;
}

float lqc::levelStep(const Scheme &scheme) {
  if (scheme.element == ElementKind::Integer)
    return 1.0f;
  auto isMultiple = [](float level) {
    float steps = level / 0.5f;
    return std::fabs(steps) <= 127 && steps == std::trunc(steps);
  };
  return llvm::all_of(levelsOf(scheme), isMultiple) ? 0.5f : 0.0f;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

// bitsandbytes/functional.py, create_dynamic_map(signed=True): for each of
// seven decades, the middles of 2^i equal parts of [0.1, 1], times 10^(i - 6);
// with their negatives, 0 and 1.
static Table dynamicMap() {
  std::vector<float> values = {0.0f, 1.0f};
  for (int i = 0; i < 7; ++i) {
    int parts = 1 << i;
    float step = (1.0f - 0.1f) / static_cast<float>(parts);
    // torch.linspace counts from the nearer end.
    auto boundary = [&](int k) {
      return k < (parts + 1) / 2 ? 0.1f + step * static_cast<float>(k)
                                 : 1.0f - step * static_cast<float>(parts - k);
    };
    float decade = static_cast<float>(std::pow(10.0, i - 6));
    for (int k = 0; k < parts; ++k) {
      float value = decade * ((boundary(k) + boundary(k + 1)) / 2.0f);
      values.push_back(value);
      values.push_back(-value);
    }
  }
  llvm::sort(values);
  Table table;
  llvm::copy(values, table.begin());
  return table;
}

static const Table &dynamicTable() {
  static const Table table = dynamicMap();
  return table;
}

float lqc::scaleFromCode(ScaleFormat format, uint8_t code) {
  switch (format) {
  case ScaleFormat::E8M0:
    return code == 255 ? std::numeric_limits<float>::quiet_NaN()
                       : std::ldexp(1.0f, code - 127);
  case ScaleFormat::E4M3:
    return smallFloatValue(code, 8, 4);
  case ScaleFormat::UInt4:
  case ScaleFormat::UInt6:
    return code;
  case ScaleFormat::Int6:
    return static_cast<float>(code - 32);
  case ScaleFormat::Int8:
    return static_cast<float>(code - 128);
  case ScaleFormat::Dynamic8:
    return dynamicTable()[code];
  case ScaleFormat::F16:
  case ScaleFormat::F32:
    break;
  }
  llvm_unreachable("a whole float has no code");
}

/// The place of the number nearest to `value`, the lower of two.
static uint8_t nearestInMap(float value) {
  const Table &table = dynamicTable();
  const float *upper = std::lower_bound(table.begin(), table.end(), value);
  if (upper == table.begin())
    return 0;
  if (upper == table.end())
    return 255;
  bool isLower = double(value) - upper[-1] <= double(*upper) - value;
  return upper - table.begin() - isLower;
}

uint8_t lqc::codeFromScale(ScaleFormat format, float scale) {
  switch (format) {
  case ScaleFormat::E8M0:
    return std::ilogb(scale) + 127;
  case ScaleFormat::E4M3:
    return smallFloatCode(scale, 8, 4);
  case ScaleFormat::UInt4:
  case ScaleFormat::UInt6:
    return static_cast<uint8_t>(scale);
  case ScaleFormat::Int6:
    return static_cast<uint8_t>(static_cast<int>(scale) + 32);
  case ScaleFormat::Int8:
    return static_cast<uint8_t>(static_cast<int>(scale) + 128);
  case ScaleFormat::Dynamic8:
    return nearestInMap(scale);
  case ScaleFormat::F16:
  case ScaleFormat::F32:
    break;
  }
  llvm_unreachable("a whole float has no code");
}

static float roundToHalf(float scale) {
  float rounded = floatFromHalf(halfFromFloat(scale));
  constexpr float kSmallestHalf = 0x1p-24f;
  return rounded == 0 ? kSmallestHalf : rounded;
}

static float roundUpToPowerOfTwo(float scale) {
  int exponent;
  float fraction = std::frexp(scale, &exponent); // in [0.5, 1)
  if (fraction == 0)
    return 0x1p-127f;
  exponent -= fraction == 0.5f;
  return std::ldexp(1.0f, std::clamp(exponent, -127, 127));
}

static float roundToInteger(float scale, float low, float high) {
  return std::clamp(__builtin_roundevenf(scale), low, high);
}

float lqc::roundScale(ScaleFormat format, float scale) {
  switch (format) {
  case ScaleFormat::F16:
    return roundToHalf(scale);
  case ScaleFormat::F32:
    return scale == 0 ? 1.0f : scale;
  case ScaleFormat::E8M0:
    return roundUpToPowerOfTwo(scale);
  case ScaleFormat::E4M3: {
    float rounded = smallFloatValue(smallFloatCode(scale, 8, 4), 8, 4);
    constexpr float kSmallestE4M3 = 0x1p-9f;
    return rounded == 0 ? kSmallestE4M3 : rounded;
  }
  case ScaleFormat::UInt4:
    return roundToInteger(scale, 0, 15);
  case ScaleFormat::UInt6:
    return roundToInteger(scale, 0, 63);
  case ScaleFormat::Int6:
    return roundToInteger(scale, -32, 31);
  case ScaleFormat::Int8:
    return roundToInteger(scale, -128, 127);
  case ScaleFormat::Dynamic8:
    return dynamicTable()[nearestInMap(scale)];
  }
  llvm_unreachable("every scale format rounds");
}

float lqc::largestScale(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::E4M3:
    return 448;
  case ScaleFormat::UInt4:
    return 15;
  case ScaleFormat::UInt6:
    return 63;
  case ScaleFormat::Int6:
    return 32;
  case ScaleFormat::Int8:
    return 128;
  case ScaleFormat::Dynamic8:
    return 1;
  case ScaleFormat::F16:
  case ScaleFormat::F32:
  case ScaleFormat::E8M0:
    break;
  }
  llvm_unreachable("only scales below a super scale have a largest one");
}
