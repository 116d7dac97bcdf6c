//===- OnnxType.cpp - the element types of ONNX ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OnnxType.h"

using namespace lqc;

namespace {
enum class Class : uint8_t { None, Float, Signed, Unsigned, Bool, Other };

struct Row {
  const char *name;
  unsigned bits;
  Class kind;
};
} // namespace

/// In the order of OnnxType.
static constexpr Row kRows[] = {
    {"undefined", 0, Class::None},       {"float", 32, Class::Float},
    {"uint8", 8, Class::Unsigned},       {"int8", 8, Class::Signed},
    {"uint16", 16, Class::Unsigned},     {"int16", 16, Class::Signed},
    {"int32", 32, Class::Signed},        {"int64", 64, Class::Signed},
    {"string", 0, Class::Other},         {"bool", 8, Class::Bool},
    {"float16", 16, Class::Float},       {"double", 64, Class::Float},
    {"uint32", 32, Class::Unsigned},     {"uint64", 64, Class::Unsigned},
    {"complex64", 64, Class::Other},     {"complex128", 128, Class::Other},
    {"bfloat16", 16, Class::Float},      {"float8e4m3fn", 8, Class::Float},
    {"float8e4m3fnuz", 8, Class::Float}, {"float8e5m2", 8, Class::Float},
    {"float8e5m2fnuz", 8, Class::Float}, {"uint4", 4, Class::Unsigned},
    {"int4", 4, Class::Signed},          {"float4e2m1", 4, Class::Float},
};

static const Row &rowOf(OnnxType kind) { return kRows[size_t(kind)]; }

llvm::StringRef lqc::elementName(OnnxType kind) { return rowOf(kind).name; }

std::optional<OnnxType> lqc::elementOfNumber(int64_t number) {
  if (number <= 0 || number >= int64_t(std::size(kRows)))
    return std::nullopt;
  return OnnxType(number);
}

unsigned lqc::elementBits(OnnxType kind) { return rowOf(kind).bits; }

bool lqc::isFloat(OnnxType kind) { return rowOf(kind).kind == Class::Float; }

bool lqc::isUnsigned(OnnxType kind) {
  return rowOf(kind).kind == Class::Unsigned;
}

bool lqc::isInteger(OnnxType kind) {
  return isUnsigned(kind) || rowOf(kind).kind == Class::Signed;
}

bool lqc::isSupported(OnnxType kind) {
  Class found = rowOf(kind).kind;
  return found != Class::None && found != Class::Other;
}
