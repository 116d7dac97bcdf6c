//===- Half.cpp - fp16 and bf16 conversions -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Half.h"

#include <bit>

uint16_t lqc::halfFromFloat(float value) {
  return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}

float lqc::floatFromHalf(uint16_t bits) {
  return static_cast<float>(std::bit_cast<_Float16>(bits));
}

uint16_t lqc::bfloat16FromFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  // Rounding up a NaN could carry into infinity: keep it a quiet NaN.
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  uint32_t odd = (bits >> 16) & 1;
  return static_cast<uint16_t>((bits + 0x7fff + odd) >> 16);
}

float lqc::floatFromBfloat16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}
