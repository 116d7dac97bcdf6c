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
// `groupSize` elements. Rows never share anything, so that they can be computed
// one by one; what a file shares between rows (one scale a tensor, a block of
// 128 x 128) is held by each of them. A code stands for a *level* (the code
// itself; a small float; a number of a codebook), and
//
//   value(r, c) = (level(code) - zero) * scale - minimum
//
// where scale, zero and minimum belong to the group (r, c / groupSize):
//
//   one level    scale = the stored scale
//   two levels   scale = stored scale * super scale of the super group
//                        [+ its offset, for double quantization]
//   zero         symmetric integers: the constant 2^(bits-1); with
//                ZeroPoint::Integer the stored zero point; else 0
//   minimum      with ZeroPoint::Minimum: stored minimum * offset of the super
//                group; else 0
//
// each operation rounded to float32. Codes are always held unsigned, in
// [0, 2^bits).
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

/// How one element is coded: which level a code stands for.
enum class ElementKind : uint8_t {
  Integer,  ///< the code
  Float,    ///< a small float: sign, exponentBits, the rest mantissa
  Codebook, ///< a number of a table, see Levels.h
};

/// Tables of levels.
enum class Codebook : uint8_t {
  None,
  NF4, ///< quantiles of a normal distribution (QLoRA, appendix E)
  FP4, ///< the 4-bit float of bitsandbytes, divided by its largest value
};

/// How a scale is stored, and which of them can be.
enum class ScaleFormat : uint8_t {
  F16,
  F32,
  E8M0,     ///< 2^(code - 127)
  E4M3,     ///< 8-bit float, without infinities
  UInt4,    ///< 0 to 15
  UInt6,    ///< 0 to 63
  Int6,     ///< -32 to 31, stored as code - 32
  Int8,     ///< -128 to 127, stored as code - 128
  Dynamic8, ///< the signed dynamic map of bitsandbytes: 256 numbers, [-1, 1]
};

/// What is subtracted.
enum class ZeroPoint : uint8_t {
  None,    ///< symmetric: a constant, see the top of this file
  Integer, ///< asymmetric: one unsigned integer of `bits` bits a group
  Minimum, ///< a minimum a group, in the format of the scales
};

/// When scales are computed.
enum class ScaleTime : uint8_t {
  Static,  ///< at compile time: weights, and activations that were calibrated
  Dynamic, ///< at run time, from the values themselves: activations
};

/// All groups of a row, as Scheme::superGroups.
inline constexpr int64_t kWholeRow = int64_t(1) << 62;

/// What the numbers of a quantized tensor mean. A plain value: compare, hash
/// and copy it freely.
struct Scheme {
  ElementKind element = ElementKind::Integer;
  uint8_t bits = 0;         ///< bits of one code, 2 to 8
  uint8_t exponentBits = 0; ///< of a Float element
  Codebook codebook = Codebook::None;
  ZeroPoint zero = ZeroPoint::None;
  ScaleTime time = ScaleTime::Static;
  ScaleFormat scale = ScaleFormat::F16;
  /// Codes use [-(2^(bits-1) - 1), 2^(bits-1) - 1] only, so that negation never
  /// overflows: activations.
  bool narrowRange = false;
  int64_t groupSize = 0; ///< elements of one row that share a scale; 0: all
  /// Second level of scales: groups of a row that share one super scale (the
  /// last super group may have fewer), or kWholeRow; 0: there is none.
  int64_t superGroups = 0;
  ScaleFormat superScale = ScaleFormat::F16; ///< F16 or F32
  /// Super groups also have an offset that is added to their scales (double
  /// quantization). With ZeroPoint::Minimum they have one that multiplies.
  bool shiftedScales = false;

  bool operator==(const Scheme &other) const;
  bool operator!=(const Scheme &other) const { return !(*this == other); }

  /// Whether a zero point or minimum is stored with each group.
  bool isSymmetric() const { return zero == ZeroPoint::None; }
  bool isDynamic() const { return time == ScaleTime::Dynamic; }
  /// A scheme of activations: static or dynamic, codes in [-127, 127].
  bool isActivation() const { return narrowRange; }
  bool isTwoLevel() const { return superGroups != 0; }
  bool hasOffsets() const {
    return shiftedScales || zero == ZeroPoint::Minimum;
  }
  /// Number of elements of a group in a row of `columns`.
  int64_t groupColumns(int64_t columns) const {
    return groupSize ? groupSize : columns;
  }
  /// Number of groups in a row of `columns`, which groupColumns must divide.
  int64_t groups(int64_t columns) const {
    return columns / groupColumns(columns);
  }
  /// Number of super groups in a row of `columns`; 0 if there are none.
  int64_t supers(int64_t columns) const {
    return isTwoLevel() ? (groups(columns) - 1) / superGroups + 1 : 0;
  }
  /// The zero point that is not stored.
  int32_t symmetricZero() const {
    return element == ElementKind::Integer && isSymmetric() ? 1 << (bits - 1)
                                                            : 0;
  }
};

llvm::hash_code hash_value(const Scheme &scheme);

/// One row of the table of named schemes.
struct SchemeFamily {
  /// How it is written: "int4-gG", "nf4-gG-dq", "mxfp4". G stands for a group
  /// size; a pattern without it has a fixed one.
  llvm::StringRef pattern;
  llvm::StringRef description; ///< one line for --help and the documentation
  Scheme scheme;               ///< with groupSize 0 where the pattern has a G

  bool hasFreeGroup() const { return pattern.contains('G'); }
  /// The family's scheme with this group size, if it is free.
  Scheme withGroup(int64_t groupSize) const;
};

/// Every named scheme LQC knows, in the order of the documentation.
llvm::ArrayRef<SchemeFamily> schemeTable();

/// Reads "int4-g64", "nf4-g64-dq", "mxfp4", "dynamic-int8-g64". Double
/// quantization may say how many groups share a super scale: "nf4-g64-dq8";
/// without, it is 256. Empty if no row of the table matches or the group size
/// breaks `checkGroupSize`; `why`, if given, then says which, in one clause
/// ready for a message.
std::optional<Scheme> parseScheme(llvm::StringRef name,
                                  std::string *why = nullptr);

/// The name that parseScheme reads back.
std::string schemeName(const Scheme &scheme);

/// Group sizes are 0 (a whole row), 16 or a multiple of 32, so that groups and
/// the 32 columns that a byte-wide bit plane covers fit into each other. Says
/// what is wrong, or nothing.
std::optional<std::string> checkGroupSize(int64_t groupSize);

/// Says why a tensor of these dimensions cannot take the scheme ("172 columns
/// are not a multiple of the group size 64"), or nothing.
std::optional<std::string> whyNotQuantizable(const Scheme &scheme, int64_t rows,
                                             int64_t columns);

/// Whether a row can be multiplied by a number by multiplying scales alone,
/// those of the highest level: they are in fp16 or f32.
bool hasScalableRows(const Scheme &scheme);

/// Bits of one scale.
unsigned scaleBits(ScaleFormat format);
/// Bits of a group's stored zero point or minimum; 0 if there is none.
unsigned zeroBits(const Scheme &scheme);

/// Bits one weight costs in all, everything counted: 4.25 for int4-g64, 4.3125
/// for uint4-g64, 4.5 for q4_k.
double bitsPerWeight(const Scheme &scheme, int64_t columns);

} // namespace lqc

#endif // LQC_NUMERICS_SCHEME_H
