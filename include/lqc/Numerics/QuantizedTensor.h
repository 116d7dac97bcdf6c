//===- QuantizedTensor.h - codes, scales and zero points --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference quantizer and dequantizer: slow, obviously right, the meaning
// that every kernel is checked against.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_QUANTIZEDTENSOR_H
#define LQC_NUMERICS_QUANTIZEDTENSOR_H

#include "lqc/Numerics/Scheme.h"

#include "llvm/Support/Error.h"

#include <array>
#include <vector>

namespace lqc {

/// A quantized matrix, one code a byte. Not a file format and not a layout.
struct QuantizedTensor {
  Scheme scheme;
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<uint8_t> codes; ///< (rows, columns), unsigned, see Scheme.h
  std::vector<float> scales;  ///< (rows, groups), exactly representable in
                              ///< the scheme's scale format
  /// (rows, groups): zero points, or the codes of minima in the scale format;
  /// empty if symmetric.
  std::vector<uint8_t> zeros;
  std::vector<float> superScales;  ///< (rows, super groups) or empty
  std::vector<float> superOffsets; ///< (rows, super groups) or empty

  /// A tensor with room for its parts. The dimensions must fit the scheme.
  static QuantizedTensor empty(const Scheme &scheme, int64_t rows,
                               int64_t columns);

  int64_t groups() const { return scheme.groups(columns); }
  int64_t supers() const { return scheme.supers(columns); }
};

/// How to choose a group's range.
enum class ClipSearch {
  None,         ///< the full range of the group, as the scheme defines it
  LeastSquares, ///< of 13 ratios 1.00, 0.95, … 0.40 of the full range, the one
                ///< of least squared error (the first of equals)
};

/// Rounds `values` (rows x columns, row-major float32) to the nearest codes of
/// grids fitted to them; Grid.h says how. `importance`, if given, holds a
/// weight for each column, by which the clip search multiplies squared errors.
///
/// Errors (one clause, to be prefixed with the tensor's name): the dimensions
/// do not fit the scheme; a value is NaN or infinite ("element [r, c] is
/// nan"); a scale overflows fp16 ("scale of row r, group g overflows fp16:
/// 7e4"). Uses `threads` threads over rows; the result does not depend on it.
llvm::Expected<QuantizedTensor>
quantize(llvm::ArrayRef<float> values, int64_t rows, int64_t columns,
         const Scheme &scheme, ClipSearch clip = ClipSearch::None,
         unsigned threads = 1, llvm::ArrayRef<float> importance = {});

/// The same with scales that are given, one for each group of a row, the same
/// for every row (0 counts as 1): static activations.
llvm::Expected<QuantizedTensor> quantizeWith(llvm::ArrayRef<float> scales,
                                             llvm::ArrayRef<float> values,
                                             int64_t rows, int64_t columns,
                                             const Scheme &scheme);

/// Multiplies row i by factors[i]: its scales, or its super scales and their
/// offsets if there are two levels, each rounded to its format. For schemes
/// with hasScalableRows(). Error, one clause: a scale overflows fp16.
llvm::Error scaleRows(QuantizedTensor &tensor, llvm::ArrayRef<float> factors);

/// The number that each code stands for, row-major.
std::vector<float> dequantize(const QuantizedTensor &tensor);

/// Bytes of each part of a tensor's canonical form, in their order.
struct SerializedParts {
  uint64_t codes, scales, zeros, superScales, superOffsets;

  std::array<uint64_t, 5> list() const {
    return {codes, scales, zeros, superScales, superOffsets};
  }
};
SerializedParts serializedParts(const Scheme &scheme, int64_t rows,
                                int64_t columns);

/// The dense, canonical bytes of a quantized tensor, used by sidecar files:
/// codes, scales, zero points or minima, super scales, super offsets, each
/// row-major. What has at most 8 bits is a little-endian bit stream (LSB
/// first), floats are little-endian. Each part starts on a byte.
std::vector<char> serialize(const QuantizedTensor &tensor);

/// Bytes that `serialize` gives.
uint64_t serializedBytes(const Scheme &scheme, int64_t rows, int64_t columns);

/// The inverse of `serialize`. Error if the size is not serializedBytes or a
/// code or scale stands for no finite number.
llvm::Expected<QuantizedTensor> deserialize(llvm::ArrayRef<char> bytes,
                                            const Scheme &scheme, int64_t rows,
                                            int64_t columns);

/// Bytes of a stream of `count` codes of `bits` bits.
inline uint64_t streamBytes(uint64_t count, unsigned bits) {
  return (count * bits + 7) / 8;
}

/// Whether `assemble` makes tensors of the scheme: integers of weights with one
/// level of scales.
bool canAssemble(const Scheme &scheme);

/// A tensor of what another program chose. `codes` and `zeros` (none if
/// symmetric) are streams as in `serialize`, but each row begins with a byte:
/// rows * streamBytes(columns or groups, bits) of them. `scales` (rows, groups)
/// fit the scheme's format. Error, one clause: "scale of row r, group g must be
/// finite".
llvm::Expected<QuantizedTensor> assemble(llvm::ArrayRef<char> codes,
                                         llvm::ArrayRef<float> scales,
                                         llvm::ArrayRef<char> zeros,
                                         const Scheme &scheme, int64_t rows,
                                         int64_t columns);

} // namespace lqc

#endif // LQC_NUMERICS_QUANTIZEDTENSOR_H
