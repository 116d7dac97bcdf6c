//===- Grid.cpp - the numbers that a row's codes can stand for ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Grid.h"

#include "Rounding.h"

#include "lqc/Numerics/Levels.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace lqc;

//===----------------------------------------------------------------------===//
// Grids and codes
//===----------------------------------------------------------------------===//

/// The grid that stored numbers of a group make. `super` and `offset` are those
/// of its super group; without second level they are not used.
static GroupGrid makeGrid(const Scheme &scheme, float scale, uint8_t zero,
                          float super, float offset) {
  GroupGrid grid;
  grid.scale = scale;
  if (scheme.isTwoLevel())
    grid.scale = scale * super;
  if (scheme.shiftedScales)
    grid.scale = grid.scale + offset;
  grid.zero = static_cast<float>(scheme.symmetricZero());
  if (scheme.zero == ZeroPoint::Integer)
    grid.zero = zero;
  else if (scheme.zero == ZeroPoint::Minimum)
    grid.minimum = scaleFromCode(scheme.scale, zero) * offset;
  return grid;
}

GroupGrid lqc::groupGrid(const QuantizedTensor &tensor, int64_t row,
                         int64_t group) {
  const Scheme &scheme = tensor.scheme;
  int64_t index = row * tensor.groups() + group;
  uint8_t zero = scheme.isSymmetric() ? 0 : tensor.zeros[index];
  if (!scheme.isTwoLevel())
    return makeGrid(scheme, tensor.scales[index], zero, 0, 0);
  int64_t super = row * tensor.supers() + group / scheme.superGroups;
  return makeGrid(scheme, tensor.scales[index], zero, tensor.superScales[super],
                  scheme.hasOffsets() ? tensor.superOffsets[super] : 0.0f);
}

void lqc::decode(const Scheme &scheme, const GroupGrid &grid,
                 const uint8_t *codes, int64_t count, float *values) {
  const GroupGrid local = grid; // `values` might alias what `grid` refers to
  if (scheme.element == ElementKind::Integer) {
    for (int64_t i = 0; i < count; ++i)
      values[i] = (static_cast<float>(codes[i]) - local.zero) * local.scale -
                  local.minimum;
    return;
  }
  const float *levels = levelsOf(scheme).data();
  for (int64_t i = 0; i < count; ++i)
    values[i] = levels[codes[i]] * local.scale;
}

RowGrid::RowGrid(const Scheme &scheme, int64_t columns)
    : kind(scheme), width(columns), groupSize(scheme.groupColumns(columns)) {
  int64_t groups = scheme.groups(columns), supers = scheme.supers(columns);
  spanGroups =
      scheme.isTwoLevel() ? std::min(scheme.superGroups, groups) : int64_t(1);
  grids.resize(groups);
  scales.resize(groups);
  zeros.resize(scheme.isSymmetric() ? 0 : groups);
  superScales.resize(supers);
  superOffsets.resize(scheme.hasOffsets() ? supers : 0);
}

template <typename Rounder>
static void encode(const Rounder &rounder, const float *values, int64_t count,
                   uint8_t *codes) {
  const Rounder local = rounder; // `codes` might alias what it refers to
  for (int64_t i = 0; i < count; ++i)
    codes[i] = local.code(values[i]);
}

/// Comparisons first: the look-up of codes is what cannot be vectorised.
static void encode(const CodebookRounder &rounder, const float *values,
                   int64_t count, uint8_t *codes) {
  const CodebookRounder local = rounder;
  for (int64_t i = 0; i < count; ++i)
    codes[i] = static_cast<uint8_t>(local.rank(values[i]));
  for (int64_t i = 0; i < count; ++i)
    codes[i] = local.table.codes[codes[i]];
}

uint8_t RowGrid::nearest(int64_t column, float value) const {
  return withRounder(kind, grids[column / groupSize],
                     [&](const auto &rounder) { return rounder.code(value); });
}

void RowGrid::nearest(int64_t first, llvm::ArrayRef<float> values,
                      llvm::MutableArrayRef<uint8_t> codes) const {
  int64_t size = values.size();
  for (int64_t done = 0; done < size;) {
    int64_t group = (first + done) / groupSize;
    int64_t count =
        std::min(size - done, (group + 1) * groupSize - first - done);
    const float *in = values.data() + done;
    uint8_t *out = codes.data() + done;
    withRounder(kind, grids[group],
                [&](auto rounder) { encode(rounder, in, count, out); });
    done += count;
  }
}

float RowGrid::value(int64_t column, uint8_t code) const {
  float result;
  decode(kind, grids[column / groupSize], &code, 1, &result);
  return result;
}

template <typename T>
static void storeRow(const std::vector<T> &from, int64_t row,
                     std::vector<T> &to) {
  std::copy(from.begin(), from.end(), to.begin() + row * from.size());
}

void RowGrid::setGroup(int64_t index, const GroupGrid &grid) {
  assert(!kind.isTwoLevel() && kind.zero != ZeroPoint::Minimum &&
         "groups have their own scales");
  grids[index] = grid;
  scales[index] = grid.scale;
  if (!zeros.empty())
    zeros[index] = static_cast<uint8_t>(grid.zero);
}

void RowGrid::store(QuantizedTensor &tensor, int64_t row) const {
  storeRow(scales, row, tensor.scales);
  storeRow(zeros, row, tensor.zeros);
  storeRow(superScales, row, tensor.superScales);
  storeRow(superOffsets, row, tensor.superOffsets);
}

//===----------------------------------------------------------------------===//
// Fitting
//===----------------------------------------------------------------------===//

llvm::Error RowGrid::fit(llvm::ArrayRef<float> values,
                         llvm::ArrayRef<float> importance, ClipSearch clip,
                         int64_t row) {
  int64_t count = spans();
  for (int64_t span = 0; span < count; ++span)
    if (llvm::Error error = fitSpan(span, values, importance, clip, row))
      return error;
  return llvm::Error::success();
}

llvm::Error RowGrid::fitSpan(int64_t span, llvm::ArrayRef<float> values,
                             llvm::ArrayRef<float> importance, ClipSearch clip,
                             int64_t row) {
  assert(static_cast<int64_t>(values.size()) == width && "a whole row");
  assert((importance.empty() || importance.size() == values.size()) &&
         "one weight for each column");
  return kind.isTwoLevel() ? fitSuperGroup(span, values, importance, clip, row)
                           : fitGroup(span, values, importance, clip, row);
}

static llvm::Error notFinite(llvm::ArrayRef<float> values, int64_t row) {
  int64_t i = 0;
  while (std::isfinite(values[i]))
    ++i;
  const char *what = std::isnan(values[i]) ? "nan"
                     : values[i] > 0       ? "infinite"
                                           : "minus infinite";
  return makeError("element [{0}, {1}] is {2}", row, i, what);
}

llvm::Error RowGrid::fix(llvm::ArrayRef<float> given,
                         llvm::ArrayRef<float> values, int64_t row) {
  assert(given.size() == grids.size() && "one scale for each group");
  assert(kind.isSymmetric() && !kind.isTwoLevel() && "nothing else to store");
  if (!rangeOf(values.data(), values.size()).isFinite)
    return notFinite(values, row);
  for (auto [grid, scale, stored] : llvm::zip(grids, given, scales)) {
    stored = roundScale(kind.scale, scale);
    grid = makeGrid(kind, stored, 0, 0, 0);
  }
  return llvm::Error::success();
}

static llvm::Error overflows(const char *what, int64_t row, const char *unit,
                             int64_t index, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return makeError("{0} of row {1}, {2} {3} overflows fp16: {4}", what, row,
                   unit, index, text);
}

/// A scale that overflows, for a message. In double: in float the difference of
/// two extremes may overflow itself.
static double wantedScale(const Range &range, const Scheme &scheme) {
  double codes = 1 << scheme.bits;
  return scheme.isSymmetric() ? range.extreme / -(codes / 2)
                              : (double(range.high) - range.low) / (codes - 1);
}

/// The grid rounded to what the scheme stores, for one level of scales.
static GroupGrid storedGrid(const Range &range, const Scheme &scheme,
                            float ratio) {
  GroupGrid grid = exactGrid(range, scheme, ratio);
  grid.scale = roundScale(scheme.scale, grid.scale);
  if (scheme.zero != ZeroPoint::Integer)
    return grid;
  // A scale that fp16 cannot hold well (a subnormal) may be far too small, and
  // the zero point would not fit its bits.
  float zero = __builtin_roundevenf(-(range.low * ratio) / grid.scale);
  grid.zero = std::fmin(zero, static_cast<float>((1 << scheme.bits) - 1));
  return grid;
}

llvm::Error RowGrid::fitGroup(int64_t group, llvm::ArrayRef<float> values,
                              llvm::ArrayRef<float> importance, ClipSearch clip,
                              int64_t row) {
  const float *part = values.data() + group * groupSize;
  Range range = rangeOf(part, groupSize);
  if (!range.isFinite)
    return notFinite(values, row);
  GroupGrid best = storedGrid(range, kind, 1.0f);
  if (!std::isfinite(best.scale))
    return overflows("scale", row, "group", group, wantedScale(range, kind));
  if (clip == ClipSearch::LeastSquares) {
    const float *weights =
        importance.empty() ? nullptr : importance.data() + group * groupSize;
    double least = std::numeric_limits<double>::infinity();
    forEachRatio([&](float ratio) {
      GroupGrid grid = storedGrid(range, kind, ratio);
      double error = squaredError(part, weights, groupSize, kind, grid);
      if (!(error < least))
        return;
      least = error;
      best = grid;
    });
  }
  grids[group] = best;
  scales[group] = best.scale;
  if (kind.zero == ZeroPoint::Integer)
    zeros[group] = static_cast<uint8_t>(best.zero);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Two levels
//===----------------------------------------------------------------------===//

/// Given the codes of a grid, the scale and minimum of least squared error
/// (linear regression of the values on the levels; the minimum is not
/// negative).
static GroupGrid regress(const float *values, const float *importance,
                         int64_t size, const Scheme &scheme,
                         const GroupGrid &grid) {
  double w = 0, q = 0, qq = 0, x = 0, qx = 0;
  withRounder(scheme, grid, [&](const auto &rounder) {
    for (int64_t i = 0; i < size; ++i) {
      double weight = importance ? importance[i] : 1.0;
      double level = rounder.level(values[i]) - grid.zero;
      w += weight;
      q += weight * level;
      qq += weight * level * level;
      x += weight * values[i];
      qx += weight * level * values[i];
    }
  });
  GroupGrid result = grid;
  double determinant = w * qq - q * q;
  if (scheme.zero == ZeroPoint::Minimum && determinant > 0) {
    double minimum = (q * qx - qq * x) / determinant;
    if (minimum >= 0) {
      result.minimum = static_cast<float>(minimum);
      result.scale = static_cast<float>((w * qx - q * x) / determinant);
      return result;
    }
    result.minimum = 0;
  }
  if (qq > 0)
    result.scale = static_cast<float>(qx / qq);
  return result;
}

/// The best grid of a group whose scale may be any number. A clip search also
/// tries, for each ratio, the regression on that ratio's codes.
static GroupGrid searchExact(const Range &range, const float *values,
                             const float *importance, int64_t size,
                             const Scheme &scheme, ClipSearch clip) {
  GroupGrid best = exactGrid(range, scheme, 1.0f);
  if (clip == ClipSearch::None)
    return best;
  double least = std::numeric_limits<double>::infinity();
  auto consider = [&](const GroupGrid &grid) {
    double error = squaredError(values, importance, size, scheme, grid);
    if (!(error < least))
      return;
    least = error;
    best = grid;
  };
  forEachRatio([&](float ratio) {
    GroupGrid grid = exactGrid(range, scheme, ratio);
    consider(grid);
    consider(regress(values, importance, size, scheme, grid));
  });
  return best;
}

llvm::Error RowGrid::fitSuperGroup(int64_t super, llvm::ArrayRef<float> values,
                                   llvm::ArrayRef<float> importance,
                                   ClipSearch clip, int64_t row) {
  int64_t first = super * spanGroups;
  int64_t count = std::min<int64_t>(spanGroups, grids.size() - first);
  llvm::SmallVector<GroupGrid, 16> exact(count);
  for (int64_t g = 0; g < count; ++g) {
    int64_t column = (first + g) * groupSize;
    Range range = rangeOf(values.data() + column, groupSize);
    if (!range.isFinite)
      return notFinite(values, row);
    exact[g] =
        searchExact(range, values.data() + column,
                    importance.empty() ? nullptr : importance.data() + column,
                    groupSize, kind, clip);
  }
  if (llvm::Error error = chooseSuper(super, exact, row))
    return error;
  float scale = superScales[super];
  float offset = kind.hasOffsets() ? superOffsets[super] : 0.0f;
  for (int64_t g = 0; g < count; ++g) {
    float wanted = exact[g].scale - (kind.shiftedScales ? offset : 0.0f);
    scales[first + g] = roundScale(kind.scale, wanted / scale);
    uint8_t zero = 0;
    if (kind.zero == ZeroPoint::Minimum) {
      float stored = roundScale(kind.scale, exact[g].minimum / offset);
      zero = zeros[first + g] = codeFromScale(kind.scale, stored);
    }
    grids[first + g] = makeGrid(kind, scales[first + g], zero, scale, offset);
  }
  return llvm::Error::success();
}

/// Super scale and offset from the scales and minima that the groups want.
llvm::Error RowGrid::chooseSuper(int64_t super, llvm::ArrayRef<GroupGrid> exact,
                                 int64_t row) {
  float offset = 0;
  if (kind.shiftedScales) {
    double sum = 0;
    for (const GroupGrid &grid : exact)
      sum += grid.scale;
    offset = static_cast<float>(sum / exact.size());
  }
  float extreme = 0, minimum = 0;
  for (const GroupGrid &grid : exact) {
    float scale = grid.scale - offset;
    extreme = std::fabs(scale) > std::fabs(extreme) ? scale : extreme;
    minimum = std::max(minimum, grid.minimum);
  }
  float largest = largestScale(kind.scale);
  // The longer side of signed integers is the negative one.
  bool isSigned =
      kind.scale == ScaleFormat::Int6 || kind.scale == ScaleFormat::Int8;
  float wanted = isSigned ? extreme / -largest : std::fabs(extreme) / largest;
  superScales[super] = roundScale(kind.superScale, wanted);
  if (!std::isfinite(superScales[super]))
    return overflows("super scale", row, "super group", super, wanted);
  if (kind.zero == ZeroPoint::Minimum) {
    offset = roundScale(kind.superScale, minimum / largest);
    if (!std::isfinite(offset))
      return overflows("super minimum", row, "super group", super,
                       minimum / largest);
  }
  if (kind.hasOffsets())
    superOffsets[super] = offset;
  return llvm::Error::success();
}
