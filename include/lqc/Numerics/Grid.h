//===- Grid.h - the numbers that a row's codes can stand for ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The *grid* of a group is the set of numbers that its codes stand for: scale,
// zero point and minimum, all exactly what the scheme's formats hold. Rounding
// is two steps: fit a grid to the values, then take the nearest code for each.
// Methods that choose codes themselves (GPTQ) use the same two steps, in their
// own order and for any static scheme of the table:
//
//   QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, columns);
//   RowGrid grid(scheme, columns);                   // used again for each row
//   grid.fit(values, importance, clip, row);         // or span by span
//   for (int64_t c = 0; c < columns; ++c) {
//     uint8_t code = grid.nearest(c, values[c]);
//     float error = values[c] - grid.value(c, code); // pushed to later columns
//     tensor.codes[row * columns + c] = code;
//   }
//   grid.store(tensor, row);
//
// A *span* is the columns that are fitted together: a group, or with two levels
// of scales a super group. Fitting a span leaves the others as they are, so the
// values may have changed since the row was fitted.
//
// Symmetric: x* = the group's element of largest magnitude with its sign (the
// first of equals); s = fp16(x* / -2^(B-1)); q = clamp(roundeven(x / s),
// -2^(B-1), 2^(B-1) - 1). Asymmetric: lo = min(0, min x), hi = max(0, max x),
// s = fp16((hi - lo) / (2^B - 1)), z = roundeven(-lo / s), q =
// clamp(roundeven(x / s) + z, 0, 2^B - 1). Activations, narrow range: s =
// max|x| / (2^(B-1) - 1) in float32 (1 if the group is all zero), q =
// roundeven(x / s). Small floats and codebooks: s = max|x| / the largest level,
// rounded as roundScale() says; the nearest level, of two the one with the even
// code. A scale that is or rounds to 0 in fp16 becomes the smallest positive
// fp16. Where a scale is so small that its format holds it badly (a subnormal),
// z and q are cut to what their bits hold.
//
// Two levels: first the scale s (and, with minima, m = -lo, s = (hi - lo) /
// (2^B - 1)) of each group as above but not rounded, then
//   integers   S = fp16(largest s / largest stored scale), stored = round(s /
//              S); symmetric with the sign of the s of largest magnitude, so
//              that it is the longer side of the format; minima likewise
//   e4m3       S = largest s / 448, stored = e4m3(s / S)
//   dynamic    offset = mean of s, S = largest |s - offset|, stored = nearest
//              of the map to (s - offset) / S
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_GRID_H
#define LQC_NUMERICS_GRID_H

#include "lqc/Numerics/QuantizedTensor.h"

namespace lqc {

/// value = (level - zero) * scale - minimum.
struct GroupGrid {
  float scale = 0;
  float zero = 0;
  float minimum = 0;
};

/// The grid of group `group` of a row of a tensor.
GroupGrid groupGrid(const QuantizedTensor &tensor, int64_t row, int64_t group);

/// The numbers that the codes of `count` elements of one group stand for.
void decode(const Scheme &scheme, const GroupGrid &grid, const uint8_t *codes,
            int64_t count, float *values);

/// The grids of one row, and the numbers that store them.
class RowGrid {
public:
  /// All grids are empty until fitted. The dimensions must fit the scheme
  /// (whyNotQuantizable).
  RowGrid(const Scheme &scheme, int64_t columns);

  const Scheme &scheme() const { return kind; }
  int64_t columns() const { return width; }
  /// Columns that are fitted together; the last span may have fewer.
  int64_t spanColumns() const { return spanGroups * groupSize; }
  int64_t spans() const { return (width - 1) / spanColumns() + 1; }

  /// Fits every span to `values` (a whole row). `importance` holds one weight
  /// for each column, by which ClipSearch::LeastSquares multiplies squared
  /// errors (for example the diagonal of the Hessian); empty: all are 1.
  ///
  /// Errors, one clause: a value is NaN or infinite ("element [r, c] is nan"),
  /// a scale overflows fp16 ("scale of row r, group g overflows fp16: 7e4").
  /// `row` is for these messages only.
  llvm::Error fit(llvm::ArrayRef<float> values,
                  llvm::ArrayRef<float> importance = {},
                  ClipSearch clip = ClipSearch::None, int64_t row = 0);

  /// The same for one span. `values` and `importance` are still those of the
  /// whole row.
  llvm::Error fitSpan(int64_t span, llvm::ArrayRef<float> values,
                      llvm::ArrayRef<float> importance = {},
                      ClipSearch clip = ClipSearch::None, int64_t row = 0);

  /// Grids with these scales, one for each group. One level without zero points
  /// only. Error: a value is NaN or infinite.
  llvm::Error fix(llvm::ArrayRef<float> given, llvm::ArrayRef<float> values,
                  int64_t row = 0);

  /// The code whose number is nearest to a finite `value`.
  uint8_t nearest(int64_t column, float value) const;
  /// Those of columns [first, first + values.size()), quicker than one by one.
  void nearest(int64_t first, llvm::ArrayRef<float> values,
               llvm::MutableArrayRef<uint8_t> codes) const;
  /// The number that a code stands for, as dequantize() gives it.
  float value(int64_t column, uint8_t code) const;

  const GroupGrid &group(int64_t index) const { return grids[index]; }
  /// Gives a group another grid: for schemes with one level of scales, and a
  /// scale and zero point that their formats hold.
  void setGroup(int64_t index, const GroupGrid &grid);

  /// Writes all but the codes of row `row`.
  void store(QuantizedTensor &tensor, int64_t row) const;

private:
  llvm::Error fitGroup(int64_t group, llvm::ArrayRef<float> values,
                       llvm::ArrayRef<float> importance, ClipSearch clip,
                       int64_t row);
  llvm::Error fitSuperGroup(int64_t super, llvm::ArrayRef<float> values,
                            llvm::ArrayRef<float> importance, ClipSearch clip,
                            int64_t row);
  llvm::Error chooseSuper(int64_t super, llvm::ArrayRef<GroupGrid> exact,
                          int64_t row);

  Scheme kind;
  int64_t width, groupSize, spanGroups;
  std::vector<GroupGrid> grids;    ///< (groups)
  std::vector<float> scales;       ///< (groups), as QuantizedTensor's
  std::vector<uint8_t> zeros;      ///< (groups) or empty
  std::vector<float> superScales;  ///< (super groups) or empty
  std::vector<float> superOffsets; ///< (super groups) or empty
};

} // namespace lqc

#endif // LQC_NUMERICS_GRID_H
