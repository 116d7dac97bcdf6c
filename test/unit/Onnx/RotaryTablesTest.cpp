//===- RotaryTablesTest.cpp - the frequencies behind stored angles --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/RotaryTables.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lqc;

namespace {
/// Tables as an exporter makes them.
struct Tables {
  std::vector<float> cosines, sines;
  int64_t pairs;

  Tables(int64_t positions, const std::vector<float> &frequencies,
         double scale = 1)
      : pairs(frequencies.size()) {
    for (int64_t p = 0; p < positions; ++p)
      for (float frequency : frequencies) {
        float angle = float(p) * frequency;
        cosines.push_back(float(scale * std::cos(double(angle))));
        sines.push_back(float(scale * std::sin(double(angle))));
      }
  }

  std::optional<std::vector<float>> frequencies() const {
    auto bytes = [](const std::vector<float> &numbers) {
      return llvm::ArrayRef(reinterpret_cast<const char *>(numbers.data()),
                            numbers.size() * sizeof(float));
    };
    return frequenciesOfTables(bytes(cosines), bytes(sines), pairs);
  }
};
} // namespace

static std::vector<float> plain(int64_t pairs, double theta) {
  std::vector<float> result;
  for (int64_t i = 0; i < pairs; ++i)
    result.push_back(float(1 / std::pow(theta, double(i) / pairs)));
  return result;
}

TEST(RotaryTables, FrequenciesAreFoundToTheLastBit) {
  for (double theta : {10000.0, 500000.0, 1e6})
    for (int64_t positions : {64, 1000, 4096}) {
      std::vector<float> wanted = plain(32, theta);
      EXPECT_EQ(Tables(positions, wanted).frequencies(), wanted)
          << theta << " " << positions;
    }
}

TEST(RotaryTables, OtherTablesAreNotTaken) {
  std::vector<float> some = plain(4, 10000);
  EXPECT_FALSE(Tables(64, some, /*scale=*/1.2).frequencies()) << "YaRN's scale";
  EXPECT_FALSE(Tables(1, some).frequencies()) << "no position to tell";
  Tables noise(64, some);
  noise.sines[17] += 1e-5f;
  EXPECT_FALSE(noise.frequencies());
  noise.sines[17] = std::nanf("");
  EXPECT_FALSE(noise.frequencies());
  Tables uneven(64, some);
  uneven.sines.resize(32);
  EXPECT_FALSE(uneven.frequencies());
  Tables none(64, {});
  EXPECT_FALSE(none.frequencies());
}
