//===- Convert.cpp - elements of files to floats and back -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"

#include "llvm/ADT/APFloat.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

using namespace lqc;

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

// Not those of lqc/Numerics/Half.h: a call for each element is too slow here.
static float floatFromBrain(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

static uint16_t brainFromFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  // Rounding up a NaN could carry into infinity: keep it a quiet NaN.
  uint32_t nan = (bits >> 16) | 0x40;
  return (bits & 0x7fffffff) > 0x7f800000 ? nan : rounded;
}

/// Formats of 8 bits are rare: LLVM's own arithmetic is fast enough.
static const llvm::fltSemantics &semanticsOf(FloatFormat format) {
  switch (format) {
  case FloatFormat::F8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case FloatFormat::F8E4M3FNUZ:
    return llvm::APFloat::Float8E4M3FNUZ();
  case FloatFormat::F8E5M2:
    return llvm::APFloat::Float8E5M2();
  default:
    return llvm::APFloat::Float8E5M2FNUZ();
  }
}

static float floatFromByte(uint8_t bits, FloatFormat format) {
  return llvm::APFloat(semanticsOf(format), llvm::APInt(8, bits))
      .convertToFloat();
}

static uint8_t byteFromFloat(float value, FloatFormat format) {
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(semanticsOf(format), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

static std::array<float, 256> byteTable(FloatFormat format) {
  std::array<float, 256> table;
  for (unsigned bits = 0; bits < table.size(); ++bits)
    table[bits] = floatFromByte(bits, format);
  return table;
}

/// Calls `function` with one bit pattern of type `Bits` after the other.
template <typename Bits, typename Function>
static void forEachElement(const char *elements, int64_t count,
                           Function function) {
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, elements + i * sizeof(Bits), sizeof(Bits));
    function(i, bits);
  }
}

void lqc::floatsFromElements(const char *elements, FloatFormat format,
                             int64_t count, float *floats) {
  switch (format) {
  case FloatFormat::F32:
    if (count > 0) // memcpy takes no null pointers
      std::memcpy(floats, elements, count * 4);
    return;
  case FloatFormat::F16:
    return forEachElement<_Float16>(elements, count,
                                    [&](int64_t i, _Float16 half) {
                                      floats[i] = static_cast<float>(half);
                                    });
  case FloatFormat::BF16:
    return forEachElement<uint16_t>(
        elements, count,
        [&](int64_t i, uint16_t bits) { floats[i] = floatFromBrain(bits); });
  case FloatFormat::F64:
    return forEachElement<double>(elements, count,
                                  [&](int64_t i, double number) {
                                    floats[i] = static_cast<float>(number);
                                  });
  default:
    std::array<float, 256> table = byteTable(format);
    forEachElement<uint8_t>(elements, count, [&](int64_t i, uint8_t bits) {
      floats[i] = table[bits];
    });
  }
}

/// Writes `function(floats[i])`, whose bits are the element, for each i.
template <typename Function>
static void writeElements(const float *floats, int64_t count, char *elements,
                          Function function) {
  for (int64_t i = 0; i < count; ++i) {
    auto element = function(floats[i]);
    std::memcpy(elements + i * sizeof(element), &element, sizeof(element));
  }
}

void lqc::elementsFromFloats(const float *floats, FloatFormat format,
                             int64_t count, char *elements) {
  switch (format) {
  case FloatFormat::F32:
    if (count > 0)
      std::memcpy(elements, floats, count * 4);
    return;
  case FloatFormat::F16:
    return writeElements(floats, count, elements, [](float value) {
      return static_cast<_Float16>(value);
    });
  case FloatFormat::BF16:
    return writeElements(floats, count, elements, brainFromFloat);
  case FloatFormat::F64:
    return writeElements(floats, count, elements, [](float value) {
      return static_cast<double>(value);
    });
  default:
    writeElements(floats, count, elements, [format](float value) {
      return byteFromFloat(value, format);
    });
  }
}

void lqc::roundFloats(float *floats, FloatFormat format, int64_t count) {
  if (format == FloatFormat::F32 || format == FloatFormat::F64)
    return;
  if (format == FloatFormat::F16)
    for (int64_t i = 0; i < count; ++i)
      floats[i] = static_cast<float>(static_cast<_Float16>(floats[i]));
  else if (format == FloatFormat::BF16)
    for (int64_t i = 0; i < count; ++i)
      floats[i] = floatFromBrain(brainFromFloat(floats[i]));
  else
    for (int64_t i = 0; i < count; ++i)
      floats[i] = floatFromByte(byteFromFloat(floats[i], format), format);
}

//===----------------------------------------------------------------------===//
// Single numbers
//===----------------------------------------------------------------------===//

/// The float32 next to a number towards zero, with the last bit set if it is
/// another number: rounding that once more to a shorter format is like rounding
/// the number itself (Boldo and Melquiond, "When double rounding is odd").
static float roundToOdd(double number) {
  float value = static_cast<float>(number);
  if (!std::isfinite(value) || value == number)
    return value;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bool isLarger = std::fabs(static_cast<double>(value)) > std::fabs(number);
  return std::bit_cast<float>((bits - isLarger) | 1);
}

double lqc::roundNumber(double number, FloatFormat format) {
  switch (format) {
  case FloatFormat::F64:
    return number;
  case FloatFormat::F32:
    return static_cast<float>(number);
  default:
    float value = roundToOdd(number);
    roundFloats(&value, format, 1);
    return value;
  }
}

uint64_t lqc::bitsOfNumber(double number, FloatFormat format) {
  if (format == FloatFormat::F64)
    return std::bit_cast<uint64_t>(number);
  uint64_t bits = 0;
  float value = roundToOdd(number);
  elementsFromFloats(&value, format, 1, reinterpret_cast<char *>(&bits));
  return bits;
}

double lqc::numberOfBits(uint64_t bits, FloatFormat format) {
  if (format == FloatFormat::F64)
    return std::bit_cast<double>(bits);
  float value;
  floatsFromElements(reinterpret_cast<const char *>(&bits), format, 1, &value);
  return value;
}

//===----------------------------------------------------------------------===//
// Numbers that cannot be used
//===----------------------------------------------------------------------===//

/// Elements at the front of `elements` before one whose exponent is all ones.
template <typename Bits>
static int64_t finitePrefix(const char *elements, int64_t count,
                            Bits exponent) {
  constexpr int64_t kBlock = 4096;
  for (int64_t block = 0; block < count; block += kBlock) {
    int64_t end = block + kBlock < count ? block + kBlock : count;
    // One block without a branch, so that it is vectorised.
    Bits found = 0;
    for (int64_t i = block; i < end; ++i) {
      Bits bits;
      std::memcpy(&bits, elements + i * sizeof(Bits), sizeof(Bits));
      found |= (bits & exponent) == exponent;
    }
    if (!found)
      continue;
    for (int64_t i = block;; ++i) {
      Bits bits;
      std::memcpy(&bits, elements + i * sizeof(Bits), sizeof(Bits));
      if ((bits & exponent) == exponent)
        return i;
    }
  }
  return -1;
}

void lqc::scaleFloats(float *values, int64_t rows, int64_t columns,
                      const float *factors, int64_t axis) {
  for (int64_t i = 0; i < rows; ++i, values += columns)
    for (int64_t j = 0; j < columns; ++j)
      values[j] *= factors[axis == 0 ? i : j];
}

int64_t lqc::firstNotFinite(const char *elements, FloatFormat format,
                            int64_t count) {
  switch (format) {
  case FloatFormat::F32:
    return finitePrefix<uint32_t>(elements, count, 0x7f800000);
  case FloatFormat::F16:
    return finitePrefix<uint16_t>(elements, count, 0x7c00);
  case FloatFormat::BF16:
    return finitePrefix<uint16_t>(elements, count, 0x7f80);
  case FloatFormat::F64:
    return finitePrefix<uint64_t>(elements, count, 0x7ff0000000000000);
  default:
    return -1;
  }
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

/// The output function of SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Element i is the sum of twelve uniform 16-bit integers (Irwin-Hall), which
// come from words 3i to 3i + 2 of SplitMix64. The sum of n uniform numbers of
// 0 to 65535 has variance n (2^32 - 1) / 12: a deviation of 2^16 but for 1e-10.
// Integers and one product: no library's logarithm can differ.
void lqc::normalNumbers(uint64_t seed, double deviation, int64_t first,
                        int64_t count, float *numbers) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
  constexpr int64_t kMean = 12 * 65535 / 2;
  const uint64_t start = mix(seed + kGamma);
  const double scale = deviation / 65536.0;
  for (int64_t i = 0; i < count; ++i) {
    int64_t sum = 0;
    for (uint64_t word = 0; word < 3; ++word) {
      uint64_t counter = 3 * static_cast<uint64_t>(first + i) + word + 1;
      uint64_t bits = mix(start + counter * kGamma);
      sum += (bits & 0xffff) + ((bits >> 16) & 0xffff) +
             ((bits >> 32) & 0xffff) + (bits >> 48);
    }
    numbers[i] = static_cast<float>(static_cast<double>(sum - kMean) * scale);
  }
}
