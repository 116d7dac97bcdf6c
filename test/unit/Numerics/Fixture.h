//===- Fixture.h - tensors for tests of numerics ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_NUMERICS_FIXTURE_H
#define LQC_TEST_UNIT_NUMERICS_FIXTURE_H

#include "lqc/Numerics/Half.h"
#include "lqc/Numerics/Levels.h"
#include "lqc/Numerics/QuantizedTensor.h"

#include <cmath>
#include <random>

namespace lqc {

inline std::vector<float> randomValues(size_t count, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(engine);
  return values;
}

/// A tensor of random codes, scales and zero points: every finite number that
/// its bits can hold, also those that no quantizer would give.
inline QuantizedTensor randomTensor(const Scheme &scheme, int64_t rows,
                                    int64_t columns) {
  std::mt19937 engine(rows * 1000 + columns + scheme.bits);
  QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, columns);
  auto scale = [&](ScaleFormat format) {
    for (;;) {
      float value =
          scaleBits(format) > 8
              ? floatFromHalf(engine() & 0x3bff)
              : scaleFromCode(format,
                              engine() & ((1u << scaleBits(format)) - 1));
      if (std::isfinite(value))
        return value;
    }
  };
  for (uint8_t &code : tensor.codes)
    do
      code = engine() & ((1u << scheme.bits) - 1);
    while (!std::isfinite(levelsOf(scheme)[code]));
  for (float &value : tensor.scales)
    value = scale(scheme.scale);
  for (uint8_t &zero : tensor.zeros)
    zero = engine() & ((1u << zeroBits(scheme)) - 1);
  for (float &value : tensor.superScales)
    value = scale(scheme.superScale);
  for (float &value : tensor.superOffsets)
    value = scale(scheme.superScale);
  return tensor;
}

/// Every scheme of the table; those with free groups with each of these sizes.
inline std::vector<Scheme> everyScheme(llvm::ArrayRef<int64_t> groupSizes) {
  std::vector<Scheme> schemes;
  for (const SchemeFamily &family : schemeTable()) {
    if (!family.hasFreeGroup())
      schemes.push_back(family.scheme);
    else
      for (int64_t size : groupSizes)
        schemes.push_back(family.withGroup(size));
  }
  return schemes;
}

} // namespace lqc

#endif // LQC_TEST_UNIT_NUMERICS_FIXTURE_H
