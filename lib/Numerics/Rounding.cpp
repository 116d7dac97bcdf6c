//===- Rounding.cpp - values to the nearest levels of a grid --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rounding.h"

#include "lqc/Numerics/Levels.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace lqc;

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

static constexpr uint32_t kInfinityBits = 0x7f800000;
static constexpr uint32_t kMagnitudeMask = 0x7fffffff;

/// Floats in the order of their values, as integers.
static int32_t orderedFromBits(int32_t bits) {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

static float floatFromOrdered(int32_t ordered) {
  return std::bit_cast<float>(orderedFromBits(ordered));
}

Range lqc::rangeOf(const float *values, int64_t size) {
  uint32_t magnitude = 0;
  int32_t low = 0, high = 0; // of +0
  for (int64_t i = 0; i < size; ++i) {
    uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    uint32_t absolute = bits & kMagnitudeMask;
    int32_t ordered = orderedFromBits(static_cast<int32_t>(bits));
    magnitude = absolute > magnitude ? absolute : magnitude;
    low = ordered < low ? ordered : low;
    high = ordered > high ? ordered : high;
  }
  Range range;
  range.isFinite = magnitude < kInfinityBits;
  range.low = floatFromOrdered(low);
  range.high = floatFromOrdered(high);
  bool hasPositive = static_cast<uint32_t>(high) == magnitude;
  bool hasNegative =
      std::bit_cast<uint32_t>(range.low) == (magnitude | ~kMagnitudeMask);
  range.extreme = hasPositive ? range.high : range.low;
  if (!hasPositive || !hasNegative)
    return range;
  // Both +m and -m occur: the first decides.
  int64_t i = 0;
  while (std::fabs(values[i]) < range.high)
    ++i;
  range.extreme = values[i];
  return range;
}

//===----------------------------------------------------------------------===//
// Rounders
//===----------------------------------------------------------------------===//

FloatRounder::FloatRounder(const Scheme &scheme, const GroupGrid &grid)
    : divisor(divisorOf(grid)),
      mantissaBits(scheme.bits - 1 - scheme.exponentBits),
      signBit(scheme.bits - 1),
      least(127 + 2 - (1 << (scheme.exponentBits - 1))),
      largest(smallFloatCode(std::numeric_limits<float>::max(), scheme.bits,
                             scheme.exponentBits)),
      levels(levelsOf(scheme).data()) {}

const CodebookTable &CodebookTable::of(Codebook codebook) {
  static const CodebookTable nf4(Codebook::NF4), fp4(Codebook::FP4);
  return codebook == Codebook::NF4 ? nf4 : fp4;
}

CodebookTable::CodebookTable(Codebook codebook) {
  Scheme scheme;
  scheme.element = ElementKind::Codebook;
  scheme.bits = 4;
  scheme.codebook = codebook;
  llvm::ArrayRef<float> levels = levelsOf(scheme);
  llvm::SmallVector<uint8_t, 16> order;
  for (size_t code = 0; code < levels.size(); ++code)
    // Of equal levels (0 and -0) only the first code is ever given.
    if (llvm::none_of(order,
                      [&](uint8_t c) { return levels[c] == levels[code]; }))
      order.push_back(code);
  llvm::sort(order,
             [&](uint8_t a, uint8_t b) { return levels[a] < levels[b]; });
  for (size_t rank = 0; rank < 16; ++rank) {
    codes[rank] = order[std::min(rank, order.size() - 1)];
    sorted[rank] = levels[codes[rank]];
  }
  for (size_t rank = 0; rank < 15; ++rank) {
    // x is above the middle if it is above the largest float that is not; in
    // the middle the even code wins.
    double middle = (double(sorted[rank]) + sorted[rank + 1]) / 2;
    float threshold = static_cast<float>(middle);
    bool isTie = threshold == middle;
    if (threshold > middle || (isTie && codes[rank + 1] % 2 == 0))
      threshold = std::nextafter(threshold, -1e30f);
    thresholds[rank] = rank + 1 < order.size()
                           ? threshold
                           : std::numeric_limits<float>::infinity();
  }
}

template <typename Rounder>
static double squaredErrorOf(const float *values, const float *importance,
                             int64_t size, const Rounder &rounder,
                             const GroupGrid &grid) {
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  auto error = [&](int64_t i) {
    float value = values[i];
    return (rounder.level(value) - grid.zero) * grid.scale - grid.minimum -
           value;
  };
  int64_t i = 0;
  if (!importance)
    for (; i + kLanes <= size; i += kLanes)
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        float e = error(i + lane);
        sums[lane] += static_cast<double>(e) * e;
      }
  else
    for (; i + kLanes <= size; i += kLanes)
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        float e = error(i + lane);
        sums[lane] += static_cast<double>(e) * e * importance[i + lane];
      }
  for (; i < size; ++i) {
    float e = error(i);
    sums[0] += static_cast<double>(e) * e * (importance ? importance[i] : 1.0f);
  }
  double sum = 0;
  for (double part : sums)
    sum += part;
  return sum;
}

double lqc::squaredError(const float *values, const float *importance,
                         int64_t size, const Scheme &scheme,
                         const GroupGrid &grid) {
  const GroupGrid local = grid;
  return withRounder(scheme, local, [&](const auto &rounder) {
    return squaredErrorOf(values, importance, size, rounder, local);
  });
}

//===----------------------------------------------------------------------===//
// Grids before rounding
//===----------------------------------------------------------------------===//

GroupGrid lqc::exactGrid(const Range &range, const Scheme &scheme,
                         float ratio) {
  GroupGrid grid;
  float codes = static_cast<float>(1 << scheme.bits);
  grid.zero = static_cast<float>(scheme.symmetricZero());
  if (!scheme.isSymmetric()) {
    grid.scale = (range.high * ratio - range.low * ratio) / (codes - 1);
    if (scheme.zero == ZeroPoint::Minimum)
      grid.minimum = -(range.low * ratio);
    return grid;
  }
  if (scheme.element != ElementKind::Integer)
    grid.scale = std::fabs(range.extreme) * ratio / largestLevel(scheme);
  else if (scheme.narrowRange)
    grid.scale = std::fabs(range.extreme) * ratio / (codes / 2 - 1);
  else
    grid.scale = range.extreme * ratio / -(codes / 2);
  return grid;
}
