//===- Tensor.cpp - tensors of a graph ------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tensor.h"

#include "lqc/Runtime/Output.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace lqc::runtime {

namespace {
struct ElementInfo {
  int64_t element;
  int64_t bytes;
  const char *name;
};
} // namespace

static const ElementInfo kElements[] = {
    {LQC_FLOAT32, 4, "float32"},
    {LQC_UINT8, 1, "uint8"},
    {LQC_INT8, 1, "int8"},
    {LQC_UINT16, 2, "uint16"},
    {LQC_INT16, 2, "int16"},
    {LQC_INT32, 4, "int32"},
    {LQC_INT64, 8, "int64"},
    {LQC_BOOL, 1, "bool"},
    {LQC_FLOAT16, 2, "float16"},
    {LQC_FLOAT64, 8, "float64"},
    {LQC_UINT32, 4, "uint32"},
    {LQC_UINT64, 8, "uint64"},
    {LQC_BFLOAT16, 2, "bfloat16"},
    {LQC_FLOAT8_E4M3FN, 1, "float8_e4m3fn"},
    {LQC_FLOAT8_E4M3FNUZ, 1, "float8_e4m3fnuz"},
    {LQC_FLOAT8_E5M2, 1, "float8_e5m2"},
    {LQC_FLOAT8_E5M2FNUZ, 1, "float8_e5m2fnuz"},
};

static const ElementInfo *infoOf(int64_t element) {
  for (const ElementInfo &info : kElements)
    if (info.element == element)
      return &info;
  return nullptr;
}

int64_t elementBytes(int64_t element) {
  const ElementInfo *info = infoOf(element);
  return info ? info->bytes : 0;
}

std::string elementName(int64_t element) {
  const ElementInfo *info = infoOf(element);
  return info ? info->name : "type " + std::to_string(element);
}

std::string shapeText(const std::vector<int64_t> &dims) {
  if (dims.empty())
    return "scalar";
  std::string text;
  for (int64_t dim : dims)
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

int64_t Tensor::count() const {
  int64_t product = 1;
  for (int64_t dim : dims)
    product *= dim; // allocate() has seen that it fits
  return product;
}

bool Tensor::allocate(std::string &error) {
  int64_t size = elementBytes(element);
  for (int64_t dim : dims)
    if (dim < 0) {
      error = "sizes must not be negative, got: " + shapeText(dims);
      return false;
    }
  bool isEmpty = std::count(dims.begin(), dims.end(), 0);
  // The sizes beside a 0 have a product too, which others compute.
  for (int64_t dim : dims)
    if (dim && __builtin_mul_overflow(size, dim, &size)) {
      error = "too large: " + shapeText(dims) + " elements";
      return false;
    }
  if (isEmpty)
    size = 0;
  constexpr int64_t kAlignment = 64;
  if (size <= INT64_MAX - kAlignment)
    data.reset(static_cast<char *>(std::aligned_alloc(
        kAlignment, size_t((size / kAlignment + 1) * kAlignment))));
  if (!data)
    error = "not enough memory for " + shapeText(dims) + " elements";
  return bool(data);
}

//===----------------------------------------------------------------------===//
// Elements as numbers
//===----------------------------------------------------------------------===//

/// Value of a small float: sign, `exponentBits`, the rest mantissa.
static double smallFloat(unsigned bits, unsigned width, unsigned exponentBits,
                         int bias) {
  const unsigned mantissaBits = width - 1 - exponentBits;
  const unsigned mantissa = bits & ((1u << mantissaBits) - 1);
  const int exponent = int(bits >> mantissaBits & ((1u << exponentBits) - 1));
  const double sign = bits >> (width - 1) & 1 ? -1 : 1;
  if (exponent == 0)
    return sign * std::ldexp(mantissa, 1 - bias - int(mantissaBits));
  return sign * std::ldexp(mantissa + (1u << mantissaBits),
                           exponent - bias - int(mantissaBits));
}

static double halfValue(unsigned bits) {
  if ((bits & 0x7c00) != 0x7c00)
    return smallFloat(bits, 16, 5, 15);
  if (bits & 0x3ff)
    return NAN;
  return bits & 0x8000 ? -INFINITY : INFINITY;
}

static double float8Value(unsigned bits, int64_t element) {
  const bool hasNegativeZeroNan =
      element == LQC_FLOAT8_E4M3FNUZ || element == LQC_FLOAT8_E5M2FNUZ;
  if (hasNegativeZeroNan && bits == 0x80)
    return NAN;
  if (element == LQC_FLOAT8_E4M3FN)
    return (bits & 0x7f) == 0x7f ? NAN : smallFloat(bits, 8, 4, 7);
  if (element == LQC_FLOAT8_E4M3FNUZ)
    return smallFloat(bits, 8, 4, 8);
  if (element == LQC_FLOAT8_E5M2FNUZ)
    return smallFloat(bits, 8, 5, 16);
  return halfValue(bits << 8); // E5M2 is the upper half of a float16
}

template <typename T> static T load(const char *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

double Tensor::at(int64_t index) const {
  const char *from = data.get();
  switch (element) {
  case LQC_FLOAT32:
    return load<float>(from, index);
  case LQC_FLOAT64:
    return load<double>(from, index);
  case LQC_FLOAT16:
    return halfValue(load<uint16_t>(from, index));
  case LQC_BFLOAT16:
    return std::bit_cast<float>(uint32_t(load<uint16_t>(from, index)) << 16);
  case LQC_INT8:
    return load<int8_t>(from, index);
  case LQC_INT16:
    return load<int16_t>(from, index);
  case LQC_INT32:
    return load<int32_t>(from, index);
  case LQC_INT64:
    return double(load<int64_t>(from, index));
  case LQC_BOOL:
  case LQC_UINT8:
    return load<uint8_t>(from, index);
  case LQC_UINT16:
    return load<uint16_t>(from, index);
  case LQC_UINT32:
    return load<uint32_t>(from, index);
  case LQC_UINT64:
    return double(load<uint64_t>(from, index));
  default:
    return float8Value(load<uint8_t>(from, index), element);
  }
}

bool readTensor(const std::string &path, Tensor &tensor, std::string &error) {
  std::string bytes;
  if (!readWholeFile(path, bytes, error))
    return false;
  bool isProto = path.ends_with(".pb");
  if (isProto ? parseTensorProto(bytes, tensor, error)
              : parseNpy(bytes, tensor, error))
    return true;
  error = path + ": " + error;
  return false;
}

} // namespace lqc::runtime
