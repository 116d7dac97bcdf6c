//===- Convert.h - elements of files to floats and back ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops that every weight goes through. Always compiled with -O3; nothing
// of MLIR in here.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_CONVERT_H
#define LQC_LIB_INTERPRETER_CONVERT_H

#include <cstdint>

namespace lqc {

/// Float formats of elements in files and in the IR.
enum class FloatFormat : uint8_t {
  F32,
  F16,
  BF16,
  F64,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ
};

inline unsigned bytesOf(FloatFormat format) {
  switch (format) {
  case FloatFormat::F64:
    return 8;
  case FloatFormat::F32:
    return 4;
  case FloatFormat::F16:
  case FloatFormat::BF16:
    return 2;
  default:
    return 1;
  }
}

/// `count` little-endian elements, not necessarily aligned, as float32, to
/// which float64 is rounded.
void floatsFromElements(const char *elements, FloatFormat format, int64_t count,
                        float *floats);
/// The inverse, rounding to nearest even.
void elementsFromFloats(const float *floats, FloatFormat format, int64_t count,
                        char *elements);
/// Rounds float32 numbers to what the format can hold.
void roundFloats(float *floats, FloatFormat format, int64_t count);

/// Rounds a number to nearest even, once, to what the format can hold. Beyond
/// its largest number: infinity, or NaN if the format has none.
double roundNumber(double number, FloatFormat format);

/// The bits of a number that the format can hold, and back.
uint64_t bitsOfNumber(double number, FloatFormat format);
double numberOfBits(uint64_t bits, FloatFormat format);

/// values[i, j] *= factors[i] with axis 0, factors[j] with axis 1.
void scaleFloats(float *values, int64_t rows, int64_t columns,
                 const float *factors, int64_t axis);

/// The index of the first NaN or infinity, or -1. Of 8-bit floats: -1.
int64_t firstNotFinite(const char *elements, FloatFormat format, int64_t count);

/// Elements [first, first + count) of the sequence of normal numbers of
/// `#lqc.random`: mean 0, standard deviation `deviation`.
void normalNumbers(uint64_t seed, double deviation, int64_t first,
                   int64_t count, float *numbers);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_CONVERT_H
