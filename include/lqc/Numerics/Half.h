//===- Half.h - fp16 and bf16 conversions -----------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_HALF_H
#define LQC_NUMERICS_HALF_H

#include <cstdint>

namespace lqc {

/// IEEE 754 binary16 bits of `value`, rounded to nearest even; overflow gives
/// infinity.
uint16_t halfFromFloat(float value);
float floatFromHalf(uint16_t bits);

/// bfloat16 bits of `value`, rounded to nearest even.
uint16_t bfloat16FromFloat(float value);
float floatFromBfloat16(uint16_t bits);

} // namespace lqc

#endif // LQC_NUMERICS_HALF_H
