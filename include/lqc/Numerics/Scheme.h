//===- Scheme.h - what the numbers of a quantized tensor mean ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *scheme* says what the numbers of a quantized tensor mean: element format,
// block shape, scale format, zero point. It says nothing of bytes in a file (a
// codec) nor of bytes that a kernel wants (a layout).
//
// A tensor of `rows x columns` (a linear's weight is `outputs x inputs`; an
// activation is `tokens x features`) is cut along its columns into groups of
// `groupSize` elements; each group has one scale and, if the scheme is
// asymmetric, one zero point:
//
//   value(r, c) = (code(r, c) - zero(r, c / G)) * scale(r, c / G)
//
// Codes are always held unsigned, in [0, 2^bits): a symmetric scheme is one
// whose zero point is the constant 2^(bits-1).
//
// Worked example, `int4-g2` of the row [1.0, -0.5]: the element of largest
// magnitude is 1.0, so scale = fp16(1.0 / -8) = -0.125; q = clamp(round(x /
// scale), -8, 7) = [-8, 4]; stored codes [0, 12]; values [1.0, -0.5].
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_SCHEME_H
#define LQC_NUMERICS_SCHEME_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lqc {

/// How one element is coded.
enum class ElementKind : uint8_t {
  Integer,  ///< code - zero point
  Float,    ///< a small IEEE-like float: sign, exponentBits, mantissaBits
  Codebook, ///< an index into a table of values
};

/// How a group's scale is stored.
enum class ScaleFormat : uint8_t { F16, F32, BF16, E8M0, E4M3, UInt6, UInt4 };

/// Whether groups have a zero point of their own.
enum class ZeroPoint : uint8_t {
  None,    ///< symmetric: the constant 2^(bits-1)
  Integer, ///< asymmetric: one unsigned integer of `bits` bits a group
};

/// When scales are computed.
enum class ScaleTime : uint8_t {
  Static,  ///< at compile time: weights
  Dynamic, ///< at run time, from the values themselves: activations
};

/// What the numbers of a quantized tensor mean. A plain value: compare, hash
/// and copy it freely.
struct Scheme {
  ElementKind element = ElementKind::Integer;
  uint8_t bits = 0;         ///< bits of one code, 1 to 8
  uint8_t exponentBits = 0; ///< of a Float element
  uint8_t codebook = 0;     ///< which table, for a Codebook element
  ZeroPoint zero = ZeroPoint::None;
  ScaleTime time = ScaleTime::Static;
  ScaleFormat scale = ScaleFormat::F16;
  /// Codes use [-(2^(bits-1) - 1), 2^(bits-1) - 1] only, so that negation never
  /// overflows.
  bool narrowRange = false;
  int64_t groupSize = 0; ///< elements of one row that share a scale; 0: all
  /// Second level of scales (K-quants, double quantization): groups that share
  /// one outer scale, 0 if there is none, and that scale's format.
  int64_t superGroups = 0;
  ScaleFormat superScale = ScaleFormat::F16;
  /// Input columns kept in higher precision beside the codes, in thousandths
  /// of all columns; 0: none.
  int64_t outlierPermille = 0;

  bool operator==(const Scheme &other) const;
  bool operator!=(const Scheme &other) const { return !(*this == other); }

  bool isSymmetric() const { return zero == ZeroPoint::None; }
  bool isDynamic() const { return time == ScaleTime::Dynamic; }
  /// Number of elements of a group in a row of `columns`.
  int64_t groupColumns(int64_t columns) const {
    return groupSize ? groupSize : columns;
  }
  /// Number of groups in a row of `columns`, which groupColumns must divide.
  int64_t groups(int64_t columns) const {
    return columns / groupColumns(columns);
  }
  /// The zero point of a symmetric scheme.
  int32_t symmetricZero() const { return 1 << (bits - 1); }
};

llvm::hash_code hash_value(const Scheme &scheme);

/// One row of the table of named schemes.
struct SchemeFamily {
  llvm::StringRef pattern;     ///< how it is written: "int4-gG"
  llvm::StringRef description; ///< one line for --help and the documentation
  Scheme scheme;               ///< with groupSize 0
};

/// Every named scheme LQC knows, in the order of the documentation:
/// int2…int8-gG, uint2…uint8-gG (static, fp16 scales) and dynamic-int8-gG
/// (activations: symmetric, narrow range, f32 scales).
llvm::ArrayRef<SchemeFamily> schemeTable();

/// Reads "int4-g64", "uint3-g0", "dynamic-int8-g64". Empty if no row of the
/// table matches or the group size breaks `checkGroupSize`; `why`, if given,
/// then says which, in one clause ready for a message.
std::optional<Scheme> parseScheme(llvm::StringRef name,
                                  std::string *why = nullptr);

/// The name that parseScheme reads back.
std::string schemeName(const Scheme &scheme);

/// Group sizes are 0 (a whole row) or a multiple of 32, so that no group
/// straddles the 32 columns that a byte-wide bit plane covers. Says what is
/// wrong, or nothing.
std::optional<std::string> checkGroupSize(int64_t groupSize);

/// Says why a tensor of these dimensions cannot take the scheme ("172 columns
/// are not a multiple of the group size 64"), or nothing.
std::optional<std::string> whyNotQuantizable(const Scheme &scheme, int64_t rows,
                                             int64_t columns);

/// Bits one weight costs in all, scales and zero points counted:
/// 4.25 for int4-g64, 4.3125 for uint4-g64.
double bitsPerWeight(const Scheme &scheme, int64_t columns);

} // namespace lqc

#endif // LQC_NUMERICS_SCHEME_H
