//===- Rounding.h - values to the nearest levels of a grid ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops here are written so that the compiler vectorises them: comparisons of
// floats go through their bits (a float maximum has to care for NaN, an integer
// maximum has not), one loop does one thing, nothing returns from the middle.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_NUMERICS_ROUNDING_H
#define LQC_LIB_NUMERICS_ROUNDING_H

#include "lqc/Numerics/Grid.h"

#include <bit>
#include <limits>

namespace lqc {

//===--- What the values of a group say about its range ---===//

struct Range {
  float extreme;   ///< largest magnitude, with its sign, the first of equals
  float low, high; ///< min(0, values), max(0, values)
  bool isFinite = true;
};

Range rangeOf(const float *values, int64_t size);

//===--- Rounders: x -> nearest level and its code ---===//

/// What a value is divided by. Everything is at level 0 where a scale is 0 (a
/// stored scale of 0 below a super scale).
inline float divisorOf(const GroupGrid &grid) {
  return grid.scale == 0 ? std::numeric_limits<float>::infinity() : grid.scale;
}

/// Levels that are their codes.
struct IntegerRounder {
  IntegerRounder(const Scheme &scheme, const GroupGrid &grid)
      : divisor(divisorOf(grid)), zero(grid.zero), minimum(grid.minimum),
        low(scheme.narrowRange ? 1 : 0),
        high(static_cast<float>((1 << scheme.bits) - 1)) {}

  float level(float value) const {
    float level = __builtin_roundevenf((value + minimum) / divisor) + zero;
    level = level < low ? low : level;
    return level > high ? high : level;
  }
  uint8_t code(float value) const {
    return static_cast<uint8_t>(static_cast<int32_t>(level(value)));
  }

  float divisor, zero, minimum, low, high;
};

/// Small floats. See smallFloatCode() in Levels.cpp for how.
struct FloatRounder {
  FloatRounder(const Scheme &scheme, const GroupGrid &grid);

  uint8_t code(float value) const { return codeOf(value / divisor); }
  float level(float value) const { return levels[code(value)]; }

  // A value with exponent E is a multiple of 2^(E - mantissaBits) after
  // rounding: n of them, 2^mantissaBits <= n <= 2^(mantissaBits + 1), which is
  // also its code counted from the one of 2^E. Subnormals are those with the
  // smallest E.
  uint8_t codeOf(float x) const {
    uint32_t word = std::bit_cast<uint32_t>(x);
    int exponent = (word >> 23) & 0xff;
    exponent = exponent < least ? least : exponent;
    int inverse = 254 + mantissaBits - exponent;
    inverse = inverse < 1 ? 1 : inverse;
    float magnitude = std::bit_cast<float>(word & 0x7fffffff);
    float steps = __builtin_roundevenf(
        magnitude * std::bit_cast<float>(static_cast<uint32_t>(inverse) << 23));
    int code = ((exponent - least) << mantissaBits) + static_cast<int>(steps);
    code = code > largest ? largest : code;
    int sign = static_cast<int>(word >> 31) << signBit;
    return static_cast<uint8_t>(code == 0 ? 0 : code | sign);
  }

  float divisor;
  int mantissaBits, signBit;
  int least;   ///< exponent of the smallest normal number, biased as float32's
  int largest; ///< code of the largest finite number
  const float *levels;
};

/// At most 16 levels in any order.
struct CodebookTable {
  explicit CodebookTable(Codebook codebook);
  static const CodebookTable &of(Codebook codebook);

  float thresholds[15]; ///< between neighbours; infinite past the last
  float sorted[16];
  uint8_t codes[16]; ///< of the sorted levels
};

/// Holds its table, so that the compiler sees that nothing changes it.
struct CodebookRounder {
  CodebookRounder(const Scheme &scheme, const GroupGrid &grid)
      : table(CodebookTable::of(scheme.codebook)), divisor(divisorOf(grid)) {}

  int rank(float value) const {
    float x = value / divisor;
    int rank = 0;
    for (float threshold : table.thresholds)
      rank += x > threshold;
    return rank;
  }
  uint8_t code(float value) const { return table.codes[rank(value)]; }
  float level(float value) const { return table.sorted[rank(value)]; }

  CodebookTable table;
  float divisor;
};

/// Calls `function` with the rounder of the scheme's elements.
template <typename Function>
auto withRounder(const Scheme &scheme, const GroupGrid &grid,
                 Function function) {
  switch (scheme.element) {
  case ElementKind::Float:
    return function(FloatRounder(scheme, grid));
  case ElementKind::Codebook:
    return function(CodebookRounder(scheme, grid));
  case ElementKind::Integer:
    break;
  }
  return function(IntegerRounder(scheme, grid));
}

/// The sum of squared errors times `importance` (null: 1). In eight partial
/// sums so that its order, and with it its rounding, is fixed.
double squaredError(const float *values, const float *importance, int64_t size,
                    const Scheme &scheme, const GroupGrid &grid);

/// The grid of a group of range `range`, of which the part `ratio` is used,
/// before anything is rounded to a format.
GroupGrid exactGrid(const Range &range, const Scheme &scheme, float ratio);

/// Calls `function(ratio)` for the ratios 1.00, 0.95, … 0.40 of a clip search.
template <typename Function> void forEachRatio(Function function) {
  function(1.0f);
  for (int step = 1; step < 13; ++step)
    function(static_cast<float>(1.0 - 0.05 * step));
}

} // namespace lqc

#endif // LQC_LIB_NUMERICS_ROUNDING_H
