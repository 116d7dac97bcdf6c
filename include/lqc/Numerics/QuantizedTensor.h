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
  std::vector<uint8_t> zeros; ///< (rows, groups); empty if symmetric

  int64_t groups() const { return scheme.groups(columns); }
};

/// How to choose a group's range.
enum class ClipSearch {
  None,         ///< the full range of the group, as the scheme defines it
  LeastSquares, ///< of 13 ratios 1.00, 0.95, … 0.40 of the full range, the one
                ///< of least squared error (the first of equals)
};

/// Rounds `values` (rows x columns, row-major float32) to the nearest codes.
///
/// Symmetric: x* = the group's element of largest magnitude with its sign (the
/// first of equals); s = fp16(x* / -2^(B-1)); q = clamp(roundeven(x / s),
/// -2^(B-1), 2^(B-1) - 1). Asymmetric: lo = min(0, min x), hi = max(0, max x),
/// s = fp16((hi - lo) / (2^B - 1)), z = roundeven(-lo / s), q =
/// clamp(roundeven(x / s) + z, 0, 2^B - 1). Dynamic, narrow range: s = max|x| /
/// (2^(B-1) - 1) in float32 (1 if the group is all zero), q = roundeven(x / s).
/// A scale that is or rounds to 0 in fp16 becomes the smallest positive fp16.
/// Where a scale is so small that its format holds it badly (a subnormal), z
/// and q are cut to what their bits hold.
///
/// Errors (one clause, to be prefixed with the tensor's name): the dimensions
/// do not fit the scheme; a value is NaN or infinite ("element [r, c] is
/// nan"); a scale overflows fp16 ("scale of row r, group g overflows fp16:
/// 7e4"). Uses `threads` threads over rows; the result does not depend on it.
llvm::Expected<QuantizedTensor> quantize(llvm::ArrayRef<float> values,
                                         int64_t rows, int64_t columns,
                                         const Scheme &scheme,
                                         ClipSearch clip = ClipSearch::None,
                                         unsigned threads = 1);

/// (code - zero) * scale for every element, row-major.
std::vector<float> dequantize(const QuantizedTensor &tensor);

/// The dense, canonical bytes of a quantized tensor, used by sidecar files:
/// codes as one little-endian bit stream (row-major, LSB first), then scales in
/// the scheme's format (row-major), then zero points as a bit stream. Each part
/// starts on a byte.
std::vector<char> serialize(const QuantizedTensor &tensor);

/// Bytes that `serialize` gives.
uint64_t serializedBytes(const Scheme &scheme, int64_t rows, int64_t columns);

/// The inverse of `serialize`. Error if the size is not serializedBytes or a
/// scale is not finite.
llvm::Expected<QuantizedTensor> deserialize(llvm::ArrayRef<char> bytes,
                                            const Scheme &scheme, int64_t rows,
                                            int64_t columns);

} // namespace lqc

#endif // LQC_NUMERICS_QUANTIZEDTENSOR_H
