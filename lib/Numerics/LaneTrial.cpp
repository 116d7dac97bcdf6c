//===- LaneTrial.cpp - better codes for one block of eight rows -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Numerics/LaneTrial.h"

#include "lqc/Numerics/Half.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace lqc;

/// Turns of codes and scale for each candidate.
static constexpr int kTurns = 4;
/// A change must be worth it.
static constexpr double kLeastGain = 1e-12;

typedef double DoubleLanes __attribute__((vector_size(64)));

static bool anyOf(Lanes lanes) { return __builtin_reduce_or(lanes != 0) != 0; }

/// A scale as fp16 holds it; 0 if it cannot.
static float storedScale(float scale) {
  float stored = floatFromHalf(halfFromFloat(scale));
  return std::isfinite(stored) ? stored : 0.0f;
}

LaneTrial::LaneTrial(const Scheme &scheme, int64_t size, bool adjustsScales)
    : scheme(scheme), adjustsScales(adjustsScales),
      isInteger(scheme.element == ElementKind::Integer),
      highest(float((1 << scheme.bits) - 1)) {
  const int64_t longest = llvm::alignTo(size, kLanes);
  for (std::vector<Lanes> *lanes :
       {&nowValues, &nowGradient, &values, &gradient, &bestValues})
    lanes->resize(longest);
  block.resize(longest * longest);
  inverseDiagonal.resize(longest);
}

void LaneTrial::setBlock(llvm::ArrayRef<float> hessian, int64_t columns,
                         int64_t first, int64_t size) {
  this->columns = columns;
  this->first = first;
  this->size = size;
  padded = llvm::alignTo(size, kLanes);
  group = first / scheme.groupColumns(columns);
  // Columns of the padding have a gradient of zero and change nothing.
  llvm::fill(block, 0.0f);
  llvm::fill(inverseDiagonal, 0.0f);
  for (int64_t j = 0; j < size; ++j) {
    const float *row = hessian.data() + (first + j) * columns + first;
    std::copy(row, row + size, block.begin() + j * padded);
    inverseDiagonal[j] = 1 / row[j];
  }
}

/// The number nearest to `wanted` that the trial's grids have.
Lanes LaneTrial::snap(llvm::ArrayRef<RowGrid> grids, int64_t j,
                      Lanes wanted) const {
  if (isInteger) {
    Lanes level = __builtin_elementwise_roundeven((wanted + trial.minimum) *
                                                  trial.inverse);
    level = __builtin_elementwise_max(level, -trial.zero);
    level = __builtin_elementwise_min(level, highest - trial.zero);
    return level * trial.scale - trial.minimum;
  }
  Lanes result = {};
  for (int64_t r = 0; r < int64_t(grids.size()) && j < size; ++r) {
    uint8_t code = grids[r].nearest(first + j, wanted[r]);
    result[r] = grids[r].value(first + j, code);
  }
  return result;
}

/// The trial's gradient follows the steps of one tile of columns.
void LaneTrial::follow(const Lanes *steps, int64_t tile) {
  const Lanes s[kLanes] = {steps[0], steps[1], steps[2], steps[3],
                           steps[4], steps[5], steps[6], steps[7]};
  for (int64_t k = 0; k < padded; ++k) {
    const float *h = block.data() + k * padded + tile;
    Lanes even = s[0] * h[0] + gradient[k], odd = s[1] * h[1];
    even = s[2] * h[2] + even, odd = s[3] * h[3] + odd;
    even = s[4] * h[4] + even, odd = s[5] * h[5] + odd;
    even = s[6] * h[6] + even, odd = s[7] * h[7] + odd;
    gradient[k] = even + odd;
  }
}

/// Rounds what the rows have now to the trial's grids.
void LaneTrial::start(llvm::ArrayRef<RowGrid> grids) {
  llvm::copy(nowGradient, gradient.begin());
  for (int64_t tile = 0; tile < padded; tile += kLanes) {
    Lanes steps[kLanes], any = {};
    for (int64_t j = 0; j < kLanes; ++j) {
      values[tile + j] = snap(grids, tile + j, nowValues[tile + j]);
      steps[j] = values[tile + j] - nowValues[tile + j];
      any += steps[j] * steps[j];
    }
    if (anyOf(any))
      follow(steps, tile);
  }
}

/// One turn of coordinate descent over the codes of the trial. True if one
/// changed.
bool LaneTrial::round(llvm::ArrayRef<RowGrid> grids) {
  bool isChanged = false;
  for (int64_t tile = 0; tile < padded; tile += kLanes) {
    Lanes steps[kLanes], g[kLanes], any = {};
    for (int64_t j = 0; j < kLanes; ++j)
      g[j] = gradient[tile + j];
    for (int64_t j = 0; j < kLanes; ++j) {
      const Lanes old = values[tile + j];
      values[tile + j] =
          snap(grids, tile + j, old - g[j] * inverseDiagonal[tile + j]);
      steps[j] = values[tile + j] - old;
      any += steps[j] * steps[j];
      const float *h = block.data() + (tile + j) * padded + tile;
      for (int64_t k = j + 1; k < kLanes; ++k)
        g[k] += steps[j] * h[k];
    }
    if (!anyOf(any))
      continue;
    isChanged = true;
    follow(steps, tile);
  }
  return isChanged;
}

/// The scales of least error for the trial's codes. False if all stay.
///
/// Of values v = b s the objective's slope over s is (v.g) / s, its curvature
/// (v H v) / s^2.
bool LaneTrial::refitScales() {
  Lanes product[kLongestBlock]; // v H
  Lanes slope = {}, curvature = {};
  for (int64_t k = 0; k < padded; ++k) {
    const float *h = block.data() + k * padded;
    Lanes sums[4] = {};
    for (int64_t j = 0; j < padded; j += 4)
      for (int64_t i = 0; i < 4; ++i)
        sums[i] += values[j + i] * h[j + i];
    product[k] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    slope += values[k] * gradient[k];
    curvature += values[k] * product[k];
  }
  Lanes next = trial.scale;
  for (int64_t r = 0; r < kLanes; ++r) {
    if (!(curvature[r] > 0))
      continue;
    float scale = storedScale(trial.scale[r] * (1 - slope[r] / curvature[r]));
    if (scale != 0)
      next[r] = scale;
  }
  if (!anyOf(next - trial.scale))
    return false;
  const Lanes growth = next / trial.scale - 1.0f;
  for (int64_t j = 0; j < padded; ++j) {
    values[j] =
        __builtin_elementwise_roundeven(values[j] * trial.inverse) * next;
    gradient[j] += growth * product[j];
  }
  trial.scale = next;
  trial.inverse = 1 / next;
  return true;
}

/// Keeps the trial in the rows where it is the best so far.
void LaneTrial::keepBest() {
  DoubleLanes change = {};
  for (int64_t j = 0; j < size; ++j)
    change +=
        __builtin_convertvector(values[j] - nowValues[j], DoubleLanes) *
        __builtin_convertvector(gradient[j] + nowGradient[j], DoubleLanes);
  auto isBetter = trial.scale != trial.scale; // all false
  for (int64_t r = 0; r < kLanes; ++r) {
    if (!(change[r] < least[r]))
      continue;
    least[r] = change[r];
    isBetter[r] = -1;
  }
  best.scale = isBetter ? trial.scale : best.scale;
  best.zero = isBetter ? trial.zero : best.zero;
  for (int64_t j = 0; j < padded; ++j)
    bestValues[j] = isBetter ? values[j] : bestValues[j];
}

void LaneTrial::consider(llvm::ArrayRef<RowGrid> grids, const Grids &grid) {
  trial = grid;
  start(grids);
  for (int turn = 0; turn < kTurns; ++turn) {
    if (turn && (!adjustsScales || !refitScales()))
      break;
    if (!round(grids) && turn)
      break;
  }
  keepBest();
}

void LaneTrial::load(llvm::ArrayRef<RowGrid> grids, const float *current,
                     const float *gradient) {
  for (int64_t r = 0; r < kLanes; ++r) {
    // Lanes without a row do what the last row does.
    const int64_t row = std::min<int64_t>(r, grids.size() - 1);
    const float *value = current + row * columns + first;
    const float *slope = gradient + row * columns + first;
    for (int64_t j = 0; j < padded; ++j) {
      nowValues[j][r] = j < size ? value[j] : 0.0f;
      nowGradient[j][r] = j < size ? slope[j] : 0.0f;
    }
    const GroupGrid &grid = grids[row].group(group);
    now.scale[r] = grid.scale;
    now.zero[r] = grid.zero;
    now.minimum[r] = grid.minimum;
    now.inverse[r] = grid.scale == 0 ? 0 : 1 / grid.scale;
    least[r] = -kLeastGain;
  }
}

/// Gives the rows the best that was found. False if nothing was.
bool LaneTrial::store(llvm::MutableArrayRef<RowGrid> grids, float *current,
                      uint8_t *codes, float *change,
                      int64_t changeStride) const {
  bool isChanged = false;
  for (int64_t r = 0; r < int64_t(grids.size()); ++r) {
    if (least[r] >= -kLeastGain)
      continue;
    isChanged = true;
    if (adjustsScales)
      grids[r].setGroup(group, {best.scale[r], best.zero[r], 0});
    float *value = current + r * columns + first;
    uint8_t *code = codes + r * columns + first;
    float *step = change + r * changeStride;
    for (int64_t j = 0; j < size; ++j) {
      step[j] = value[j] - bestValues[j][r];
      value[j] = bestValues[j][r];
    }
    grids[r].nearest(first, llvm::ArrayRef(value, size),
                     llvm::MutableArrayRef(code, size));
  }
  return isChanged;
}

bool LaneTrial::improve(llvm::MutableArrayRef<RowGrid> grids, float *current,
                        const float *gradient, uint8_t *codes, float *change,
                        int64_t changeStride,
                        llvm::ArrayRef<GridChange> changes) {
  load(grids, current, gradient);
  best = now;
  if (!adjustsScales) {
    consider(grids, now);
    return store(grids, current, codes, change, changeStride);
  }
  for (GridChange to : changes) {
    Grids candidate = now;
    for (int64_t r = 0; r < kLanes; ++r) {
      // Where a candidate makes no sense, the row tries what it has.
      const float scale = storedScale(now.scale[r] * to.factor);
      const float zero = now.zero[r] + float(to.shift);
      if (scale == 0 || zero < 0 || zero > highest)
        continue;
      candidate.scale[r] = scale;
      candidate.zero[r] = zero;
    }
    candidate.inverse = 1 / candidate.scale;
    consider(grids, candidate);
  }
  return store(grids, current, codes, change, changeStride);
}
