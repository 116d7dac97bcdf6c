//===- Dot.h - dot products in double ---------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_DOT_H
#define LQC_LIB_INTERPRETER_DOT_H

#include <cstdint>

namespace lqc {

/// out[t, o] = float32(sum_i input[t, i] * weight[o, i] + bias[o]) for outputs
/// [firstOutput, lastOutput), summed in double in an order that depends on
/// `columns` alone. `input` is (tokens, columns), `weight` (outputs, columns),
/// `out` (tokens, outputs); `bias` may be null.
void linearOutputs(const double *input, const float *weight, const float *bias,
                   int64_t tokens, int64_t columns, int64_t outputs,
                   int64_t firstOutput, int64_t lastOutput, float *out);

/// sum_i a[i] * b[i] in double.
double dot(const float *a, const float *b, int64_t size);

/// sum[i] += factor * values[i].
void addScaled(double factor, const float *values, int64_t size, double *sum);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_DOT_H
