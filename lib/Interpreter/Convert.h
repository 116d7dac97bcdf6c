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
enum class FloatFormat : uint8_t { F32, F16, BF16 };

inline unsigned bytesOf(FloatFormat format) {
  return format == FloatFormat::F32 ? 4 : 2;
}

/// `count` little-endian elements, not necessarily aligned, as float32.
void floatsFromElements(const char *elements, FloatFormat format, int64_t count,
                        float *floats);
/// The inverse, rounding to nearest even.
void elementsFromFloats(const float *floats, FloatFormat format, int64_t count,
                        char *elements);
/// Rounds float32 numbers to what the format can hold.
void roundFloats(float *floats, FloatFormat format, int64_t count);

/// values[i, j] *= factors[i] with axis 0, factors[j] with axis 1.
void scaleFloats(float *values, int64_t rows, int64_t columns,
                 const float *factors, int64_t axis);

/// The index of the first NaN or infinity, or -1.
int64_t firstNotFinite(const char *elements, FloatFormat format, int64_t count);

/// Elements [first, first + count) of the sequence of normal numbers of
/// `#lqc.random`: mean 0, standard deviation `deviation`.
void normalNumbers(uint64_t seed, double deviation, int64_t first,
                   int64_t count, float *numbers);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_CONVERT_H
