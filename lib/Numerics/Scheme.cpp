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
                         s.superGroups, s.superScale, s.outlierPermille);
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

static constexpr Scheme integerScheme(uint8_t bits, ZeroPoint zero) {
  Scheme scheme;
  scheme.bits = bits;
  scheme.zero = zero;
  return scheme;
}

static constexpr Scheme dynamicScheme(uint8_t bits) {
  Scheme scheme;
  scheme.bits = bits;
  scheme.time = ScaleTime::Dynamic;
  scheme.scale = ScaleFormat::F32;
  scheme.narrowRange = true;
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
      {"dynamic-int8-gG",
       "8-bit codes from -127 to 127, one f32 scale a group, computed at run "
       "time: activations",
       dynamicScheme(8)},
  };
  return kTable;
}

#undef LQC_INT
#undef LQC_UINT

/// The row of the table that `scheme` is an instance of, or null.
static const SchemeFamily *familyOf(Scheme scheme) {
  scheme.groupSize = 0;
  for (const SchemeFamily &family : schemeTable())
    if (family.scheme == scheme)
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

std::optional<Scheme> lqc::parseScheme(llvm::StringRef name, std::string *why) {
  auto [stem, digits] = name.rsplit("-g");
  for (const SchemeFamily &family : schemeTable()) {
    if (!name.contains("-g") || family.pattern.drop_back(3) != stem)
      continue;
    // Leading zeros and signs would give one scheme many names.
    int64_t groupSize = 0;
    if (digits.empty() || !llvm::all_of(digits, llvm::isDigit) ||
        (digits.size() > 1 && digits.front() == '0') ||
        digits.getAsInteger(10, groupSize))
      return fail(why, "group size of a scheme must be a number, got: " +
                           quote(name));
    if (std::optional<std::string> wrong = checkGroupSize(groupSize))
      return fail(why, *wrong);
    Scheme scheme = family.scheme;
    scheme.groupSize = groupSize;
    return scheme;
  }
  return fail(why, "scheme must be intB-gG or uintB-gG with B from 2 to 8, or "
                   "dynamic-int8-gG, got: " +
                       quote(name));
}

std::string lqc::schemeName(const Scheme &scheme) {
  const SchemeFamily *family = familyOf(scheme);
  assert(family && "a scheme outside the table has no name");
  return family->pattern.drop_back().str() + std::to_string(scheme.groupSize);
}

//===----------------------------------------------------------------------===//
// Shapes and sizes
//===----------------------------------------------------------------------===//

std::optional<std::string> lqc::checkGroupSize(int64_t groupSize) {
  if (groupSize >= 0 && groupSize % 32 == 0)
    return std::nullopt;
  return "group size must be 0 or a multiple of 32, got: " +
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
  if (columns % scheme.groupColumns(columns) != 0)
    return llvm::formatv("{0} columns are not a multiple of the group size {1}",
                         columns, scheme.groupSize)
        .str();
  return std::nullopt;
}

static unsigned bitsOf(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::F16:
  case ScaleFormat::BF16:
    return 16;
  case ScaleFormat::F32:
    return 32;
  case ScaleFormat::E8M0:
  case ScaleFormat::E4M3:
    return 8;
  case ScaleFormat::UInt6:
    return 6;
  case ScaleFormat::UInt4:
    return 4;
  }
  llvm_unreachable("every scale format has a size");
}

double lqc::bitsPerWeight(const Scheme &scheme, int64_t columns) {
  double groupBits = bitsOf(scheme.scale);
  if (!scheme.isSymmetric())
    groupBits += scheme.bits;
  if (scheme.superGroups)
    groupBits += double(bitsOf(scheme.superScale)) / scheme.superGroups;
  return scheme.bits + groupBits / scheme.groupColumns(columns);
}
