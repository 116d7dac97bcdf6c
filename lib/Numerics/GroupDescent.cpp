//===- GroupDescent.cpp - codes improved group by group -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Numerics/GroupDescent.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Numerics/Half.h"

#include <cmath>

using namespace lqc;

/// Candidates for a group's scale, as factors of what it has.
static constexpr float kFactors[] = {1.0f, 0.85f, 0.92f, 1.08f, 1.15f, -1.0f};
/// Turns of codes and scale for each candidate.
static constexpr int kTurns = 4;
/// Columns of a block if the group is too long to be worked on as a whole, or
/// its scale is not its own.
static constexpr int64_t kBlockColumns = 64;
static constexpr int64_t kLongestGroup = 128;

namespace {
/// One group (or block) of one row.
struct Block {
  int64_t first, size;
  const float *hessian; ///< of the whole matrix
  int64_t columns;
  const float *h(int64_t j) const {
    return hessian + (first + j) * columns + first;
  }
};

/// A candidate for the codes of a block.
struct Candidate {
  GroupGrid grid;
  std::vector<float> values;   ///< (size)
  std::vector<uint8_t> codes;  ///< (size)
  std::vector<float> gradient; ///< (size)
};

class GroupDescent {
public:
  GroupDescent(const DescentRows &rows, int64_t columns,
               llvm::ArrayRef<float> hessian);
  /// True if anything changed.
  bool sweep();
  double objective() const;

private:
  bool improve(int64_t row, const Block &block);
  double tryGrid(int64_t row, const Block &block, const GroupGrid &grid);
  bool round(int64_t row, const Block &block);
  bool refitScale(int64_t row, const Block &block);
  void move(const Block &block, int64_t j, float value);
  uint8_t nearest(int64_t row, int64_t column, float value,
                  const GroupGrid &grid) const;
  float value(int64_t row, int64_t column, uint8_t code,
              const GroupGrid &grid) const;

  const DescentRows &rows;
  const int64_t columns;
  llvm::ArrayRef<float> hessian;
  bool adjustsScales; ///< and zero points: each group has its own
  float highest;      ///< code
  int64_t blockColumns;
  std::vector<float> current;  ///< (count, columns): what the codes stand for
  std::vector<float> gradient; ///< (count, columns): (current - target) H
  std::vector<float> change;   ///< (count, size of a block)
  Candidate trial, best;
};
} // namespace

/// Whether a group may have any fp16 scale, independent of other groups.
static bool hasFreeScales(const Scheme &scheme) {
  return scheme.element == ElementKind::Integer && !scheme.isTwoLevel() &&
         scheme.zero != ZeroPoint::Minimum && scheme.scale == ScaleFormat::F16;
}

/// A scale as fp16 holds it; 0 if it cannot.
static float storedScale(float scale) {
  float stored = floatFromHalf(halfFromFloat(scale));
  return std::isfinite(stored) ? stored : 0.0f;
}

GroupDescent::GroupDescent(const DescentRows &rows, int64_t columns,
                           llvm::ArrayRef<float> hessian)
    : rows(rows), columns(columns), hessian(hessian),
      current(rows.count * columns), gradient(rows.count * columns) {
  const Scheme &scheme = rows.grids[0].scheme();
  const int64_t group = scheme.groupColumns(columns);
  adjustsScales = hasFreeScales(scheme) && group <= kLongestGroup;
  highest = float((1 << scheme.bits) - 1);
  blockColumns = adjustsScales ? group : std::min(kBlockColumns, columns);
  change.resize(rows.count * blockColumns);
  for (Candidate *candidate : {&trial, &best}) {
    candidate->values.resize(blockColumns);
    candidate->codes.resize(blockColumns);
    candidate->gradient.resize(blockColumns);
  }
  std::vector<float> error(rows.count * columns);
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      int64_t i = r * columns + c;
      current[i] = rows.grids[r].value(c, rows.codes[i]);
      error[i] = rows.target[i] - current[i];
    }
  subtractProduct(error, rows.count, columns, hessian, columns, 0, gradient);
}

uint8_t GroupDescent::nearest(int64_t row, int64_t column, float value,
                              const GroupGrid &grid) const {
  if (!adjustsScales)
    return rows.grids[row].nearest(column, value);
  float code = __builtin_roundevenf(value / grid.scale) + grid.zero;
  return uint8_t(std::fmin(std::fmax(code, 0.0f), highest));
}

float GroupDescent::value(int64_t row, int64_t column, uint8_t code,
                          const GroupGrid &grid) const {
  if (!adjustsScales)
    return rows.grids[row].value(column, code);
  return (float(code) - grid.zero) * grid.scale;
}

/// Changes one value of the trial; its gradient follows.
void GroupDescent::move(const Block &block, int64_t j, float value) {
  const float step = value - trial.values[j];
  if (step == 0)
    return;
  trial.values[j] = value;
  const float *h = block.h(j);
  float *g = trial.gradient.data();
  for (int64_t k = 0; k < block.size; ++k)
    g[k] += step * h[k];
}

/// One turn of coordinate descent over the codes of the trial. True if one
/// changed.
bool GroupDescent::round(int64_t row, const Block &block) {
  bool isChanged = false;
  for (int64_t j = 0; j < block.size; ++j) {
    float wanted = trial.values[j] - trial.gradient[j] / block.h(j)[j];
    uint8_t code = nearest(row, block.first + j, wanted, trial.grid);
    if (code == trial.codes[j])
      continue;
    isChanged = true;
    trial.codes[j] = code;
    move(block, j, value(row, block.first + j, code, trial.grid));
  }
  return isChanged;
}

/// The scale of least error for the trial's codes. False if it stays.
bool GroupDescent::refitScale(int64_t row, const Block &block) {
  const float scale = trial.grid.scale;
  double slope = 0, curvature = 0;
  for (int64_t j = 0; j < block.size; ++j) {
    float level = trial.values[j] / scale;
    if (level == 0)
      continue;
    slope += double(level) * trial.gradient[j];
    const float *h = block.h(j);
    float sum = 0;
    for (int64_t k = 0; k < block.size; ++k)
      sum += h[k] * trial.values[k];
    curvature += double(level) * sum / scale;
  }
  if (!(curvature > 0))
    return false;
  const float next = storedScale(float(scale - slope / curvature));
  if (next == 0 || next == scale)
    return false;
  trial.grid.scale = next;
  for (int64_t j = 0; j < block.size; ++j)
    move(block, j, value(row, block.first + j, trial.codes[j], trial.grid));
  return true;
}

/// Fills the trial with the best codes found for a grid; gives the change of
/// the objective.
double GroupDescent::tryGrid(int64_t row, const Block &block,
                             const GroupGrid &start) {
  const float *now = current.data() + row * columns + block.first;
  const float *slope = gradient.data() + row * columns + block.first;
  trial.grid = start;
  std::copy(slope, slope + block.size, trial.gradient.begin());
  std::copy(now, now + block.size, trial.values.begin());
  for (int64_t j = 0; j < block.size; ++j) {
    trial.codes[j] = nearest(row, block.first + j, now[j], start);
    move(block, j, value(row, block.first + j, trial.codes[j], start));
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    if (turn && (!adjustsScales || !refitScale(row, block)))
      break;
    if (!round(row, block) && turn)
      break;
  }
  double result = 0;
  for (int64_t j = 0; j < block.size; ++j)
    result += double(trial.values[j] - now[j]) *
              (double(trial.gradient[j]) + slope[j]);
  return result;
}

bool GroupDescent::improve(int64_t row, const Block &block) {
  RowGrid &grid = rows.grids[row];
  const int64_t group = block.first / grid.scheme().groupColumns(columns);
  const GroupGrid now = grid.group(group);
  double least = -1e-12; // a change must be worth it
  bool isFound = false;
  auto consider = [&](const GroupGrid &candidate) {
    double objective = tryGrid(row, block, candidate);
    if (objective >= least)
      return;
    least = objective;
    isFound = true;
    std::swap(trial, best);
  };
  if (!adjustsScales) {
    consider(now);
  } else {
    const int reach = grid.scheme().isSymmetric() ? 0 : 1;
    for (float factor : kFactors)
      for (int shift = -reach; shift <= reach; ++shift) {
        GroupGrid candidate = now;
        candidate.scale = storedScale(now.scale * factor);
        candidate.zero += float(shift);
        if (candidate.scale != 0 && candidate.zero >= 0 &&
            candidate.zero <= highest)
          consider(candidate);
      }
  }
  if (!isFound)
    return false;
  if (adjustsScales)
    grid.setGroup(group, best.grid);
  float *values = current.data() + row * columns + block.first;
  float *step = change.data() + row * block.size;
  for (int64_t j = 0; j < block.size; ++j) {
    step[j] = values[j] - best.values[j]; // subtractProduct takes it away
    values[j] = best.values[j];
    rows.codes[row * columns + block.first + j] = best.codes[j];
  }
  return true;
}

bool GroupDescent::sweep() {
  bool isChanged = false;
  for (int64_t first = 0; first < columns; first += blockColumns) {
    Block block{first, std::min(blockColumns, columns - first), hessian.data(),
                columns};
    std::fill(change.begin(), change.end(), 0.0f);
    bool isBlockChanged = false;
    for (int64_t row = 0; row < rows.count; ++row)
      isBlockChanged |= improve(row, block);
    if (!isBlockChanged)
      continue;
    isChanged = true;
    subtractProduct(llvm::ArrayRef(change).take_front(rows.count * block.size),
                    rows.count, block.size, hessian.drop_front(first * columns),
                    columns, 0, gradient);
  }
  return isChanged;
}

double GroupDescent::objective() const {
  double sum = 0;
  for (size_t i = 0; i < current.size(); ++i)
    sum += (double(current[i]) - rows.target[i]) * gradient[i];
  return sum;
}

double lqc::descendGroups(const DescentRows &rows, int64_t columns,
                          llvm::ArrayRef<float> hessian, int sweeps) {
  GroupDescent descent(rows, columns, hessian);
  for (int i = 0; i < sweeps; ++i)
    if (!descent.sweep())
      break;
  return descent.objective();
}
