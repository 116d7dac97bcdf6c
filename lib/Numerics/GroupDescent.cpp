//===- GroupDescent.cpp - codes improved group by group -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Numerics/GroupDescent.h"

#include "lib/Numerics/LaneTrial.h"
#include "lqc/Numerics/Dense.h"

using namespace lqc;

/// Columns of a block if the group is too long to be worked on as a whole, or
/// its scale is not its own.
static constexpr int64_t kBlockColumns = 64;
/// Columns whose changes reach the rest of the gradient in one product.
static constexpr int64_t kPanelColumns = 256;

namespace {
class GroupDescent {
public:
  GroupDescent(const DescentRows &rows, int64_t columns,
               llvm::ArrayRef<float> hessian);
  /// Sweep `index`; true if anything changed.
  bool sweep(int index);
  double objective() const;

private:
  bool improvePanel(int64_t first, int64_t end);
  bool improveBlock(int64_t first, int64_t size, float *change,
                    int64_t changeStride);

  const DescentRows &rows;
  const int64_t columns;
  llvm::ArrayRef<float> hessian;
  const int64_t group;      ///< columns of a group
  const bool adjustsScales; ///< and zero points: each group has its own
  LaneTrial trial;
  std::vector<GridChange> candidates; ///< of this sweep
  std::vector<float> current;  ///< (count, columns): what the codes stand for
  std::vector<float> gradient; ///< (count, columns): (current - target) H
  std::vector<float> change;   ///< (count, columns of a panel)
};
} // namespace

/// Whether a group may have any fp16 scale, independent of other groups.
static bool hasFreeScales(const Scheme &scheme, int64_t group) {
  return scheme.element == ElementKind::Integer && !scheme.isTwoLevel() &&
         scheme.zero != ZeroPoint::Minimum &&
         scheme.scale == ScaleFormat::F16 && group <= kLongestBlock;
}

/// The grids that are tried for each group in a sweep. Counted on random
/// weights and on bard-llama: with many codes a group keeps its grid or nearly
/// so; the other sign of a symmetric grid and other zero points win in the
/// first sweep or never.
static std::vector<GridChange> candidatesOf(const Scheme &scheme, int sweep) {
  const bool isFine = scheme.bits >= 4;
  std::vector<GridChange> result = {{1.0f}};
  if (sweep == 0 || !isFine)
    result.insert(result.end(), {{0.92f}, {1.08f}});
  if (!isFine && (sweep == 0 || scheme.bits < 3))
    result.insert(result.end(), {{0.85f}, {1.15f}});
  if (sweep > 0)
    return result;
  if (scheme.isSymmetric()) {
    result.push_back({-1.0f});
    return result;
  }
  const size_t shifted = isFine ? 1 : result.size();
  for (size_t i = 0; i < shifted; ++i)
    for (int shift : {-1, 1})
      result.push_back({result[i].factor, shift});
  return result;
}

GroupDescent::GroupDescent(const DescentRows &rows, int64_t columns,
                           llvm::ArrayRef<float> hessian)
    : rows(rows), columns(columns), hessian(hessian),
      group(rows.grids[0].scheme().groupColumns(columns)),
      adjustsScales(hasFreeScales(rows.grids[0].scheme(), group)),
      trial(rows.grids[0].scheme(),
            adjustsScales ? group : std::min(kBlockColumns, group),
            adjustsScales),
      current(rows.count * columns), gradient(rows.count * columns) {
  std::vector<float> error(rows.count * columns);
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      int64_t i = r * columns + c;
      current[i] = rows.grids[r].value(c, rows.codes[i]);
      error[i] = rows.target[i] - current[i];
    }
  subtractProduct(error, rows.count, columns, hessian, columns, {0, columns},
                  gradient);
}

/// One block of all rows, a few rows at a time.
bool GroupDescent::improveBlock(int64_t first, int64_t size, float *change,
                                int64_t changeStride) {
  trial.setBlock(hessian, columns, first, size);
  bool isChanged = false;
  for (int64_t row = 0; row < rows.count; row += kLanes) {
    const int64_t at = row * columns;
    isChanged |= trial.improve(
        rows.grids.slice(row, std::min(kLanes, rows.count - row)),
        current.data() + at, gradient.data() + at, rows.codes.data() + at,
        change + row * changeStride, changeStride, candidates);
  }
  return isChanged;
}

/// The blocks of columns [first, end), whole groups or a part of one.
bool GroupDescent::improvePanel(int64_t first, int64_t end) {
  const int64_t width = end - first;
  const int64_t step = adjustsScales ? group : std::min(kBlockColumns, group);
  change.assign(rows.count * width, 0.0f);
  bool isChanged = false;
  std::vector<float> part;
  for (int64_t begin = first; begin < end;) {
    // A block ends with its group.
    const int64_t size = std::min({step, group - begin % group, end - begin});
    if (improveBlock(begin, size, change.data() + (begin - first), width)) {
      isChanged = true;
      part.resize(rows.count * size);
      for (int64_t r = 0; r < rows.count; ++r)
        std::copy_n(change.begin() + r * width + (begin - first), size,
                    part.begin() + r * size);
      subtractProduct(part, rows.count, size,
                      hessian.drop_front(begin * columns), columns,
                      {first, end}, gradient);
    }
    begin += size;
  }
  if (!isChanged)
    return false;
  // A step moves gradients far from its own column by little: bf16 will do.
  for (ColumnRange others : {ColumnRange{0, first}, ColumnRange{end, columns}})
    subtractProduct(change, rows.count, width,
                    hessian.drop_front(first * columns), columns, others,
                    gradient, Precision::BFloat);
  return true;
}

bool GroupDescent::sweep(int index) {
  candidates = candidatesOf(rows.grids[0].scheme(), index);
  const int64_t panel =
      group < kPanelColumns ? kPanelColumns / group * group : kPanelColumns;
  bool isChanged = false;
  for (int64_t first = 0; first < columns; first += panel)
    isChanged |= improvePanel(first, std::min(columns, first + panel));
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
    if (!descent.sweep(i))
      break;
  return descent.objective();
}
