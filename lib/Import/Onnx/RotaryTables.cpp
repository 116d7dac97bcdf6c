//===- RotaryTables.cpp - the frequencies behind stored angles ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/RotaryTables.h"

#include "llvm/Support/Endian.h"

#include <cmath>

using namespace lqc;

/// Numbers further apart are not the same cosine, computed by two libraries.
static constexpr double kTolerance = 1e-6;
/// Positions that a choice between neighbours looks at.
static constexpr int64_t kSampled = 512;
/// Neighbours of the estimate on either side.
static constexpr int kNeighbours = 4;

namespace {
/// One pair of columns.
class Column {
public:
  Column(llvm::ArrayRef<char> cosines, llvm::ArrayRef<char> sines,
         int64_t pairs, int64_t pair)
      : cosines(cosines), sines(sines), pairs(pairs), pair(pair) {}

  int64_t positions() const { return cosines.size() / sizeof(float) / pairs; }
  float cosine(int64_t p) const { return at(cosines, p); }
  float sine(int64_t p) const { return at(sines, p); }

  double estimate() const;
  int64_t exactOnes(float frequency) const;
  bool fits(float frequency) const;

private:
  float at(llvm::ArrayRef<char> table, int64_t p) const {
    return llvm::support::endian::read<float, llvm::endianness::little>(
        table.data() + (p * pairs + pair) * sizeof(float));
  }

  llvm::ArrayRef<char> cosines, sines;
  int64_t pairs, pair;
};
} // namespace

/// From position 1, then from ever longer angles, whose turns the one before
/// tells.
double Column::estimate() const {
  double frequency = 0;
  for (int64_t p = 1; p < positions(); p *= 2) {
    double angle = std::atan2(double(sine(p)), double(cosine(p)));
    double turns = std::round((frequency * p - angle) / (2 * M_PI));
    frequency = (angle + (p == 1 ? 0 : 2 * M_PI * turns)) / p;
  }
  return frequency;
}

/// The angle of a position, rounded as the tables' maker does.
static double angleOf(int64_t p, float frequency) {
  return double(float(p) * frequency);
}

int64_t Column::exactOnes(float frequency) const {
  int64_t count = 0, step = std::max<int64_t>(1, positions() / kSampled);
  for (int64_t p = 0; p < positions(); p += step) {
    double angle = angleOf(p, frequency);
    count += float(std::cos(angle)) == cosine(p);
    count += float(std::sin(angle)) == sine(p);
  }
  return count;
}

bool Column::fits(float frequency) const {
  for (int64_t p = 0; p < positions(); ++p) {
    double angle = angleOf(p, frequency);
    // Written so that NaN does not fit.
    if (!(std::abs(std::cos(angle) - cosine(p)) <= kTolerance) ||
        !(std::abs(std::sin(angle) - sine(p)) <= kTolerance))
      return false;
  }
  return true;
}

/// The float32 number near the estimate that gives most numbers exactly; of
/// equals the nearest.
static float bestNear(const Column &column, double estimate) {
  float best = float(estimate), below = best, above = best;
  int64_t most = column.exactOnes(best);
  auto consider = [&](float frequency) {
    int64_t count = column.exactOnes(frequency);
    if (count <= most)
      return;
    most = count;
    best = frequency;
  };
  for (int i = 0; i < kNeighbours; ++i) {
    consider(below = std::nextafter(below, -HUGE_VALF));
    consider(above = std::nextafter(above, HUGE_VALF));
  }
  return best;
}

std::optional<std::vector<float>>
lqc::frequenciesOfTables(llvm::ArrayRef<char> cosines,
                         llvm::ArrayRef<char> sines, int64_t pairs) {
  std::vector<float> frequencies;
  if (pairs <= 0 || cosines.size() != sines.size())
    return std::nullopt;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    Column column(cosines, sines, pairs, pair);
    if (column.positions() < 2)
      return std::nullopt;
    double estimate = column.estimate();
    if (!std::isfinite(estimate))
      return std::nullopt;
    float frequency = bestNear(column, estimate);
    if (!column.fits(frequency))
      return std::nullopt;
    frequencies.push_back(frequency);
  }
  return frequencies;
}
