//===- Serialize.cpp - the canonical bytes of a quantized tensor ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Half.h"
#include "lqc/Numerics/Levels.h"
#include "lqc/Numerics/QuantizedTensor.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <cstring>

using namespace lqc;

//===----------------------------------------------------------------------===//
// Bit streams
//===----------------------------------------------------------------------===//

/// Eight codes of `Bits` bits fill `Bits` bytes exactly: one step.
template <unsigned Bits>
static void writeCodes(const uint8_t *codes, uint64_t count, char *out) {
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8, out += Bits) {
    uint64_t word = 0;
    for (unsigned j = 0; j < 8; ++j)
      word |= static_cast<uint64_t>(codes[i + j]) << (j * Bits);
    std::memcpy(out, &word, Bits);
  }
  uint64_t word = 0;
  for (unsigned j = 0; i + j < count; ++j)
    word |= static_cast<uint64_t>(codes[i + j]) << (j * Bits);
  std::memcpy(out, &word, streamBytes(count - i, Bits));
}

template <unsigned Bits>
static void readCodes(const char *in, uint64_t count, uint8_t *codes) {
  constexpr uint64_t kMask = (1u << Bits) - 1;
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8, in += Bits) {
    uint64_t word = 0;
    std::memcpy(&word, in, Bits);
    for (unsigned j = 0; j < 8; ++j)
      codes[i + j] = (word >> (j * Bits)) & kMask;
  }
  uint64_t word = 0;
  std::memcpy(&word, in, streamBytes(count - i, Bits));
  for (unsigned j = 0; i + j < count; ++j)
    codes[i + j] = (word >> (j * Bits)) & kMask;
}

/// Calls `function` with the number of bits as a compile-time constant.
template <typename Function>
static void withBits(unsigned bits, Function function) {
  switch (bits) {
  case 2:
    return function(std::integral_constant<unsigned, 2>());
  case 3:
    return function(std::integral_constant<unsigned, 3>());
  case 4:
    return function(std::integral_constant<unsigned, 4>());
  case 5:
    return function(std::integral_constant<unsigned, 5>());
  case 6:
    return function(std::integral_constant<unsigned, 6>());
  case 7:
    return function(std::integral_constant<unsigned, 7>());
  case 8:
    return function(std::integral_constant<unsigned, 8>());
  default:
    llvm_unreachable("the table's schemes have 2 to 8 bits");
  }
}

/// Writes a stream and gives the place behind it.
static char *writeStream(llvm::ArrayRef<uint8_t> codes, unsigned bits,
                         char *out) {
  withBits(bits, [&](auto width) {
    writeCodes<width>(codes.data(), codes.size(), out);
  });
  return out + streamBytes(codes.size(), bits);
}

static const char *readStream(const char *in, unsigned bits,
                              llvm::MutableArrayRef<uint8_t> codes) {
  withBits(bits, [&](auto width) {
    readCodes<width>(in, codes.size(), codes.data());
  });
  return in + streamBytes(codes.size(), bits);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

static char *writeScales(llvm::ArrayRef<float> scales, ScaleFormat format,
                         char *out) {
  if (scaleBits(format) <= 8) {
    std::vector<uint8_t> codes(scales.size());
    for (auto [code, scale] : llvm::zip(codes, scales))
      code = codeFromScale(format, scale);
    return writeStream(codes, scaleBits(format), out);
  }
  for (float scale : scales) {
    uint16_t half = halfFromFloat(scale);
    bool isF32 = format == ScaleFormat::F32;
    std::memcpy(out, isF32 ? static_cast<const void *>(&scale) : &half,
                scaleBits(format) / 8);
    out += scaleBits(format) / 8;
  }
  return out;
}

static const char *readScales(const char *in, ScaleFormat format,
                              llvm::MutableArrayRef<float> scales) {
  if (scaleBits(format) <= 8) {
    std::vector<uint8_t> codes(scales.size());
    in = readStream(in, scaleBits(format), codes);
    for (auto [code, scale] : llvm::zip(codes, scales))
      scale = scaleFromCode(format, code);
    return in;
  }
  for (float &scale : scales) {
    uint16_t half = 0;
    bool isF32 = format == ScaleFormat::F32;
    std::memcpy(isF32 ? static_cast<void *>(&scale) : &half, in,
                scaleBits(format) / 8);
    in += scaleBits(format) / 8;
    if (!isF32)
      scale = floatFromHalf(half);
  }
  return in;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

SerializedParts lqc::serializedParts(const Scheme &scheme, int64_t rows,
                                     int64_t columns) {
  uint64_t groups = rows * scheme.groups(columns);
  uint64_t supers = rows * scheme.supers(columns);
  SerializedParts parts;
  parts.codes = streamBytes(rows * columns, scheme.bits);
  parts.scales = streamBytes(groups, scaleBits(scheme.scale));
  parts.zeros = streamBytes(groups, zeroBits(scheme));
  parts.superScales = streamBytes(supers, scaleBits(scheme.superScale));
  parts.superOffsets = scheme.hasOffsets() ? parts.superScales : 0;
  return parts;
}

uint64_t lqc::serializedBytes(const Scheme &scheme, int64_t rows,
                              int64_t columns) {
  uint64_t sum = 0;
  for (uint64_t bytes : serializedParts(scheme, rows, columns).list())
    sum += bytes;
  return sum;
}

std::vector<char> lqc::serialize(const QuantizedTensor &tensor) {
  const Scheme &scheme = tensor.scheme;
  std::vector<char> bytes(serializedBytes(scheme, tensor.rows, tensor.columns));
  char *out = writeStream(tensor.codes, scheme.bits, bytes.data());
  out = writeScales(tensor.scales, scheme.scale, out);
  if (!scheme.isSymmetric())
    out = writeStream(tensor.zeros, zeroBits(scheme), out);
  out = writeScales(tensor.superScales, scheme.superScale, out);
  writeScales(tensor.superOffsets, scheme.superScale, out);
  return bytes;
}

/// The first code or scale that stands for no finite number.
static llvm::Error checkNumbers(const QuantizedTensor &tensor) {
  llvm::ArrayRef<float> levels = levelsOf(tensor.scheme);
  if (!llvm::all_of(levels, [](float level) { return std::isfinite(level); }))
    for (size_t i = 0; i < tensor.codes.size(); ++i)
      if (!std::isfinite(levels[tensor.codes[i]]))
        return makeError("code of element [{0}, {1}] must stand for a finite "
                         "number, got: {2}",
                         i / tensor.columns, i % tensor.columns,
                         unsigned(tensor.codes[i]));
  auto check = [](llvm::ArrayRef<float> scales, int64_t perRow,
                  const char *what, const char *unit) -> llvm::Error {
    for (size_t i = 0; i < scales.size(); ++i)
      if (!std::isfinite(scales[i]))
        return makeError("{0} of row {1}, {2} {3} must be finite", what,
                         i / perRow, unit, i % perRow);
    return llvm::Error::success();
  };
  if (llvm::Error error =
          check(tensor.scales, tensor.groups(), "scale", "group"))
    return error;
  if (llvm::Error error = check(tensor.superScales, tensor.supers(),
                                "super scale", "super group"))
    return error;
  return check(tensor.superOffsets, tensor.supers(), "super offset",
               "super group");
}

llvm::Expected<QuantizedTensor> lqc::deserialize(llvm::ArrayRef<char> bytes,
                                                 const Scheme &scheme,
                                                 int64_t rows,
                                                 int64_t columns) {
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return makeError("{0}", *why);
  uint64_t expected = serializedBytes(scheme, rows, columns);
  if (bytes.size() != expected)
    return makeError("a tensor of {0} x {1} in {2} must have {3} bytes, got: "
                     "{4}",
                     rows, columns, schemeName(scheme), expected, bytes.size());
  QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, columns);
  const char *in = readStream(bytes.data(), scheme.bits, tensor.codes);
  in = readScales(in, scheme.scale, tensor.scales);
  if (!scheme.isSymmetric())
    in = readStream(in, zeroBits(scheme), tensor.zeros);
  in = readScales(in, scheme.superScale, tensor.superScales);
  readScales(in, scheme.superScale, tensor.superOffsets);
  if (llvm::Error error = checkNumbers(tensor))
    return std::move(error);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Codes of other programs
//===----------------------------------------------------------------------===//

bool lqc::canAssemble(const Scheme &scheme) {
  return scheme.element == ElementKind::Integer && !scheme.isActivation() &&
         !scheme.isTwoLevel() && scheme.zero != ZeroPoint::Minimum;
}

/// Rows of `count` codes, each of which begins with a byte.
static void readRows(llvm::ArrayRef<char> in, unsigned bits, int64_t count,
                     std::vector<uint8_t> &codes) {
  const char *at = in.data();
  llvm::MutableArrayRef<uint8_t> rest = codes;
  for (; !rest.empty(); rest = rest.drop_front(count))
    at = readStream(at, bits, rest.take_front(count));
}

llvm::Expected<QuantizedTensor> lqc::assemble(llvm::ArrayRef<char> codes,
                                              llvm::ArrayRef<float> scales,
                                              llvm::ArrayRef<char> zeros,
                                              const Scheme &scheme,
                                              int64_t rows, int64_t columns) {
  assert(canAssemble(scheme) && "integers with one level of scales");
  QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, columns);
  assert(codes.size() == rows * streamBytes(columns, scheme.bits) &&
         scales.size() == tensor.scales.size() && "one code an element");
  readRows(codes, scheme.bits, columns, tensor.codes);
  llvm::copy(scales, tensor.scales.begin());
  if (!scheme.isSymmetric())
    readRows(zeros, scheme.bits, tensor.groups(), tensor.zeros);
  if (llvm::Error error = checkNumbers(tensor))
    return std::move(error);
  return tensor;
}
