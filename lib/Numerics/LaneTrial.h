//===- LaneTrial.h - better codes for one block of eight rows ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner part of GroupDescent.h. Coordinate descent is a chain: each column
// waits for the one before. But rows do not know of each other and share the
// Hessian's block, so eight of them go side by side, one in each lane of a
// vector: values and gradients are stored column by column, eight rows each.
// Steps of eight columns are gathered before the rest of the gradient follows:
//
//   g_k += sum over 8 j of step_j * h_kj      8 multiply-adds for a load
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_NUMERICS_LANETRIAL_H
#define LQC_LIB_NUMERICS_LANETRIAL_H

#include "lib/Numerics/GroupDescent.h"

namespace lqc {

/// One number for each of eight rows.
typedef float Lanes __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;
/// Columns of a block at most.
constexpr int64_t kLongestBlock = 128;

/// A group's grid to start from, relative to what it has.
struct GridChange {
  float factor;  ///< of the scale
  int shift = 0; ///< of the zero point
};

/// Works on one block of columns after the other; a block lies in one group.
class LaneTrial {
public:
  /// For blocks of up to `size` columns. `adjustsScales`: scales and zero
  /// points may be changed.
  LaneTrial(const Scheme &scheme, int64_t size, bool adjustsScales);

  /// The block of columns [first, first + size) of a symmetric Hessian.
  void setBlock(llvm::ArrayRef<float> hessian, int64_t columns, int64_t first,
                int64_t size);

  /// Looks for better codes for some rows, at most kLanes, starting from the
  /// changes of its grid (none counts if scales are not adjusted). `current`
  /// and `gradient` point to the first row's column 0. Where it finds some,
  /// grids, codes and `current` are changed, and `change` (rows of
  /// `changeStride`) is what was taken away from `current`. False if nothing
  /// was found.
  bool improve(llvm::MutableArrayRef<RowGrid> grids, float *current,
               const float *gradient, uint8_t *codes, float *change,
               int64_t changeStride, llvm::ArrayRef<GridChange> changes);

private:
  /// The grids of a group of eight rows.
  struct Grids {
    Lanes scale, inverse, zero, minimum;
  };

  void load(llvm::ArrayRef<RowGrid> grids, const float *current,
            const float *gradient);
  bool store(llvm::MutableArrayRef<RowGrid> grids, float *current,
             uint8_t *codes, float *change, int64_t changeStride) const;
  void consider(llvm::ArrayRef<RowGrid> grids, const Grids &start);
  void start(llvm::ArrayRef<RowGrid> grids);
  bool round(llvm::ArrayRef<RowGrid> grids);
  bool refitScales();
  void keepBest();
  void follow(const Lanes *steps, int64_t tile);
  Lanes snap(llvm::ArrayRef<RowGrid> grids, int64_t j, Lanes wanted) const;

  const Scheme &scheme;
  const bool adjustsScales, isInteger;
  const float highest; ///< code
  int64_t columns = 0, first = 0, size = 0;
  int64_t padded = 0;                 ///< size, whole tiles
  int64_t group = 0;                  ///< of the block
  std::vector<float> block;           ///< (padded, padded) of the Hessian
  std::vector<float> inverseDiagonal; ///< (padded)
  Grids now, trial, best;
  std::vector<Lanes> nowValues, nowGradient; ///< (padded)
  std::vector<Lanes> values, gradient;       ///< (padded), of the trial
  std::vector<Lanes> bestValues;             ///< (padded)
  double least[kLanes]; ///< the best change of the objective
};

} // namespace lqc

#endif // LQC_LIB_NUMERICS_LANETRIAL_H
