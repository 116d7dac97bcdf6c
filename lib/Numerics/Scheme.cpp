//===- Scheme.cpp - what the numbers of a quantized tensor mean ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Scheme.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/StringExtras.h"

#include <array>
#include <tuple>

using namespace lqc;

static auto fieldsOf(const Scheme &s) {
  return std::make_tuple(s.element, s.bits, s.exponentBits, s.codebook, s.zero,
                         s.time, s.scale, s.narrowRange, s.groupSize,
                         s.superGroups, s.superScale, s.shiftedScales);
}

bool Scheme::operator==(const Scheme &other) const {
  return fieldsOf(*this) == fieldsOf(other);
}

llvm::hash_code lqc::hash_value(const Scheme &scheme) {
  return std::apply(
      [](auto... fields) { return llvm::hash_combine(fields...); },
      fieldsOf(scheme));
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// Groups that share a super scale in double quantization, if not said.
static constexpr int64_t kDoubleQuantized = 256;
static constexpr llvm::StringLiteral kDoubleSuffix = "-dq";
/// Scales that are in fp16 otherwise.
static constexpr llvm::StringLiteral kF32Suffix = "-f32";

static constexpr Scheme integerScheme(uint8_t bits, ZeroPoint zero,
                                      ScaleFormat scale = ScaleFormat::F16) {
  Scheme scheme;
  scheme.bits = bits;
  scheme.zero = zero;
  scheme.scale = scale;
  return scheme;
}

static constexpr Scheme activationScheme(ScaleTime time) {
  Scheme scheme;
  scheme.bits = 8;
  scheme.time = time;
  scheme.scale = ScaleFormat::F32;
  scheme.narrowRange = true;
  return scheme;
}

static constexpr Scheme codebookScheme(Codebook codebook, bool isDouble) {
  Scheme scheme;
  scheme.element = ElementKind::Codebook;
  scheme.bits = 4;
  scheme.codebook = codebook;
  scheme.scale = isDouble ? ScaleFormat::Dynamic8 : ScaleFormat::F32;
  scheme.superGroups = isDouble ? kDoubleQuantized : 0;
  scheme.superScale = isDouble ? ScaleFormat::F32 : ScaleFormat::F16;
  scheme.shiftedScales = isDouble;
  return scheme;
}

static constexpr Scheme floatScheme(uint8_t bits, uint8_t exponentBits,
                                    ScaleFormat scale, int64_t groupSize) {
  Scheme scheme;
  scheme.element = ElementKind::Float;
  scheme.bits = bits;
  scheme.exponentBits = exponentBits;
  scheme.scale = scale;
  scheme.groupSize = groupSize;
  return scheme;
}

static constexpr Scheme nvfp4Scheme() {
  Scheme scheme = floatScheme(4, 2, ScaleFormat::E4M3, 16);
  scheme.superGroups = kWholeRow;
  scheme.superScale = ScaleFormat::F32;
  return scheme;
}

/// Super-blocks of 256 columns.
static constexpr Scheme superBlockScheme(uint8_t bits, ScaleFormat scale,
                                         ZeroPoint zero, int64_t groupSize) {
  Scheme scheme = integerScheme(bits, zero);
  scheme.scale = scale;
  scheme.groupSize = groupSize;
  scheme.superGroups = 256 / groupSize;
  return scheme;
}

#define LQC_INT(B)                                                             \
  SchemeFamily {                                                               \
    "int" #B "-gG", #B "-bit codes, symmetric, one fp16 scale a group",        \
        integerScheme(B, ZeroPoint::None)                                      \
  }
#define LQC_UINT(B)                                                            \
  SchemeFamily {                                                               \
    "uint" #B "-gG",                                                           \
        #B "-bit codes, one fp16 scale and one " #B "-bit zero point a group", \
        integerScheme(B, ZeroPoint::Integer)                                   \
  }
#define LQC_INT_F32(B)                                                         \
  SchemeFamily {                                                               \
    "int" #B "-gG-f32", #B "-bit codes, symmetric, one f32 scale a group",     \
        integerScheme(B, ZeroPoint::None, ScaleFormat::F32)                    \
  }
#define LQC_UINT_F32(B)                                                        \
  SchemeFamily {                                                               \
    "uint" #B "-gG-f32",                                                       \
        #B "-bit codes, one f32 scale and one " #B "-bit zero point a group",  \
        integerScheme(B, ZeroPoint::Integer, ScaleFormat::F32)                 \
  }

llvm::ArrayRef<SchemeFamily> lqc::schemeTable() {
  static constexpr SchemeFamily kTable[] = {
      LQC_INT(2),
      LQC_INT(3),
      LQC_INT(4),
      LQC_INT(5),
      LQC_INT(6),
      LQC_INT(7),
      LQC_INT(8),
      LQC_UINT(2),
      LQC_UINT(3),
      LQC_UINT(4),
      LQC_UINT(5),
      LQC_UINT(6),
      LQC_UINT(7),
      LQC_UINT(8),
      LQC_INT_F32(2),
      LQC_INT_F32(4),
      LQC_INT_F32(8),
      LQC_UINT_F32(2),
      LQC_UINT_F32(4),
      LQC_UINT_F32(8),
      {"nf4-gG", "4-bit quantiles of a normal distribution, one f32 scale",
       codebookScheme(Codebook::NF4, false)},
      {"nf4-gG-dq", "nf4 with 8-bit scales, one f32 super scale and offset",
       codebookScheme(Codebook::NF4, true)},
      {"fp4-gG", "4-bit floats of bitsandbytes, one f32 scale",
       codebookScheme(Codebook::FP4, false)},
      {"fp4-gG-dq", "fp4 with 8-bit scales, one f32 super scale and offset",
       codebookScheme(Codebook::FP4, true)},
      {"fp8-e4m3-gG", "8-bit floats up to 448, one f32 scale",
       floatScheme(8, 4, ScaleFormat::F32, 0)},
      {"fp8-e5m2-gG", "8-bit floats up to 57344, one f32 scale",
       floatScheme(8, 5, ScaleFormat::F32, 0)},
      {"mxfp4", "e2m1 floats in groups of 32, scales powers of two",
       floatScheme(4, 2, ScaleFormat::E8M0, 32)},
      {"nvfp4", "e2m1 floats in groups of 16, e4m3 scales, one f32 scale a row",
       nvfp4Scheme()},
      {"q2_k", "2-bit codes in super-blocks of 256, 4-bit scales and minima",
       superBlockScheme(2, ScaleFormat::UInt4, ZeroPoint::Minimum, 16)},
      {"q3_k", "3-bit codes in super-blocks of 256, 6-bit scales",
       superBlockScheme(3, ScaleFormat::Int6, ZeroPoint::None, 16)},
      {"q4_k", "4-bit codes in super-blocks of 256, 6-bit scales and minima",
       superBlockScheme(4, ScaleFormat::UInt6, ZeroPoint::Minimum, 32)},
      {"q5_k", "5-bit codes in super-blocks of 256, 6-bit scales and minima",
       superBlockScheme(5, ScaleFormat::UInt6, ZeroPoint::Minimum, 32)},
      {"q6_k", "6-bit codes in super-blocks of 256, 8-bit scales",
       superBlockScheme(6, ScaleFormat::Int8, ZeroPoint::None, 16)},
      {"dynamic-int8-gG",
       "8-bit codes from -127 to 127, one f32 scale a group, computed at run "
       "time: activations",
       activationScheme(ScaleTime::Dynamic)},
      {"static-int8-gG",
       "8-bit codes from -127 to 127, one f32 scale a group of columns, fixed "
       "at compile time: activations",
       activationScheme(ScaleTime::Static)},
  };
  return kTable;
}

#undef LQC_INT
#undef LQC_UINT
#undef LQC_INT_F32
#undef LQC_UINT_F32

Scheme SchemeFamily::withGroup(int64_t groupSize) const {
  Scheme result = scheme;
  if (hasFreeGroup())
    result.groupSize = groupSize;
  return result;
}

/// The row of the table that `scheme` is an instance of, or null.
static const SchemeFamily *familyOf(Scheme scheme) {
  int64_t groupSize = scheme.groupSize;
  if (scheme.shiftedScales && scheme.superGroups > 0)
    scheme.superGroups = kDoubleQuantized;
  for (const SchemeFamily &family : schemeTable())
    if (family.withGroup(groupSize) == scheme)
      return &family;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static std::nullopt_t fail(std::string *why, std::string reason) {
  if (why)
    *why = std::move(reason);
  return std::nullopt;
}

/// A number without sign and leading zeros, which would give one scheme many
/// names.
static bool readNumber(llvm::StringRef digits, int64_t &number) {
  return !digits.empty() && llvm::all_of(digits, llvm::isDigit) &&
         (digits.size() == 1 || digits.front() != '0') &&
         !digits.getAsInteger(10, number);
}

/// "64-f32" to "64", "64-dq8" to "64" and a scheme with 8 groups to a super
/// scale. False if the suffix is another family's.
static bool readSuffix(const SchemeFamily &family, llvm::StringRef &rest,
                       Scheme &scheme) {
  if (!scheme.shiftedScales)
    return rest.consume_back(family.pattern.split('G').second) &&
           !rest.contains(kDoubleSuffix) && !rest.ends_with(kF32Suffix);
  auto [size, supers] = rest.split(kDoubleSuffix);
  if (size.size() == rest.size())
    return false;
  rest = size;
  return supers.empty() ||
         (readNumber(supers, scheme.superGroups) && scheme.superGroups > 0 &&
          scheme.superGroups < kDoubleQuantized);
}

std::optional<Scheme> lqc::parseScheme(llvm::StringRef name, std::string *why) {
  for (const SchemeFamily &family : schemeTable()) {
    Scheme scheme = family.scheme;
    if (!family.hasFreeGroup()) {
      if (family.pattern == name)
        return scheme;
      continue;
    }
    llvm::StringRef rest = name;
    if (!rest.consume_front(family.pattern.split('G').first) ||
        !readSuffix(family, rest, scheme))
      continue;
    if (!readNumber(rest, scheme.groupSize))
      return fail(why, "group size of a scheme must be a number, got: " +
                           quote(name));
    if (std::optional<std::string> wrong = checkGroupSize(scheme.groupSize))
      return fail(why, *wrong);
    return scheme;
  }
  return fail(why, "scheme must be intB-gG or uintB-gG with B from 2 to 8, "
                   "intB-gG-f32 or uintB-gG-f32 with B 2, 4 or 8, "
                   "nf4-gG, nf4-gG-dq, fp4-gG, fp4-gG-dq, fp8-e4m3-gG, "
                   "fp8-e5m2-gG, mxfp4, nvfp4, q2_k, q3_k, q4_k, q5_k, q6_k, "
                   "dynamic-int8-gG or static-int8-gG, got: " +
                       quote(name));
}

std::string lqc::schemeName(const Scheme &scheme) {
  const SchemeFamily *family = familyOf(scheme);
  assert(family && "a scheme outside the table has no name");
  if (!family->hasFreeGroup())
    return family->pattern.str();
  auto [stem, suffix] = family->pattern.split('G');
  std::string name = (stem + llvm::Twine(scheme.groupSize) + suffix).str();
  if (scheme.shiftedScales && scheme.superGroups != kDoubleQuantized)
    name += std::to_string(scheme.superGroups);
  return name;
}

//===----------------------------------------------------------------------===//
// Shapes and sizes
//===----------------------------------------------------------------------===//

std::optional<std::string> lqc::checkGroupSize(int64_t groupSize) {
  if (groupSize == 16 || (groupSize >= 0 && groupSize % 32 == 0))
    return std::nullopt;
  return "group size must be 0, 16 or a multiple of 32, got: " +
         std::to_string(groupSize);
}

std::optional<std::string>
lqc::whyNotQuantizable(const Scheme &scheme, int64_t rows, int64_t columns) {
  if (!familyOf(scheme))
    return "the scheme is not one of the table of schemes";
  if (std::optional<std::string> wrong = checkGroupSize(scheme.groupSize))
    return wrong;
  if (rows <= 0 || columns <= 0)
    return llvm::formatv("a tensor of {0} x {1} has no elements", rows, columns)
        .str();
  // So that sizes in bits, padded to whole tiles, stay far from overflow.
  constexpr int64_t kMaxElements = int64_t(1) << 48;
  if (rows > kMaxElements || columns > kMaxElements / rows)
    return llvm::formatv("a tensor of {0} x {1} has too many elements", rows,
                         columns)
        .str();
  // A super-block is one unit in every file that has them; other second levels
  // end where the row does.
  if (scheme.isTwoLevel() && scheme.superScale == ScaleFormat::F16 &&
      columns % (scheme.groupSize * scheme.superGroups) != 0)
    return llvm::formatv("{0} columns are not a multiple of the super-block of "
                         "{1}",
                         columns, scheme.groupSize * scheme.superGroups)
        .str();
  if (columns % scheme.groupColumns(columns) != 0)
    return llvm::formatv("{0} columns are not a multiple of the group size {1}",
                         columns, scheme.groupSize)
        .str();
  return std::nullopt;
}

bool lqc::hasScalableRows(const Scheme &scheme) {
  return scheme.isTwoLevel() || scheme.scale == ScaleFormat::F16 ||
         scheme.scale == ScaleFormat::F32;
}

unsigned lqc::scaleBits(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::F16:
    return 16;
  case ScaleFormat::F32:
    return 32;
  case ScaleFormat::E8M0:
  case ScaleFormat::E4M3:
  case ScaleFormat::Int8:
  case ScaleFormat::Dynamic8:
    return 8;
  case ScaleFormat::UInt6:
  case ScaleFormat::Int6:
    return 6;
  case ScaleFormat::UInt4:
    return 4;
  }
  llvm_unreachable("every scale format has a size");
}

unsigned lqc::zeroBits(const Scheme &scheme) {
  switch (scheme.zero) {
  case ZeroPoint::None:
    return 0;
  case ZeroPoint::Integer:
    return scheme.bits;
  case ZeroPoint::Minimum:
    return scaleBits(scheme.scale);
  }
  llvm_unreachable("every kind of zero point has a size");
}

double lqc::bitsPerWeight(const Scheme &scheme, int64_t columns) {
  uint64_t groupBits = scaleBits(scheme.scale) + zeroBits(scheme);
  uint64_t superBits =
      scaleBits(scheme.superScale) * (scheme.hasOffsets() ? 2 : 1);
  uint64_t shared =
      groupBits * scheme.groups(columns) + superBits * scheme.supers(columns);
  return scheme.bits + double(shared) / columns;
}
