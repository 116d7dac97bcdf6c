//===- Levels.h - the numbers that small codes stand for --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Levels of elements and values of scales, as tables: what the reference
// quantizer rounds to and what kernels look up.
//
// A small float of 1 + e + m bits is a sign, an exponent with the bias 2^(e-1)
// - 1 and a mantissa, with subnormals. E2M1 (OCP Microscaling 1.0, 5.3.3) has
// no special codes: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. E4M3 (OCP
// FP8, "fn") has NaN at 0x7f and 0xff and ends at 448; E5M2 has infinities and
// NaN as IEEE has, and ends at 57344.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_LEVELS_H
#define LQC_NUMERICS_LEVELS_H

#include "lqc/Numerics/Scheme.h"

namespace lqc {

/// The level of each of the 2^bits codes of a scheme. Not finite where a code
/// stands for no number.
llvm::ArrayRef<float> levelsOf(const Scheme &scheme);

/// The largest magnitude of a finite level.
float largestLevel(const Scheme &scheme);

/// The number that every level is a multiple of, if all of them divided by it
/// are integers of magnitude at most 127 (0.5 for E2M1, 1 for integers of at
/// most 7 bits), else 0. An 8-bit integer minus its footing of 128 counts.
float levelStep(const Scheme &scheme);

/// The code of the finite small float nearest to `value`, which is not NaN:
/// ties to even, too large ones to the largest. Zero has no sign.
uint8_t smallFloatCode(float value, unsigned bits, unsigned exponentBits);
float smallFloatValue(uint8_t code, unsigned bits, unsigned exponentBits);

/// The scale that a format of at most 8 bits stores under `code`; NaN if none.
float scaleFromCode(ScaleFormat format, uint8_t code);
/// The inverse, for a scale that the format holds exactly.
uint8_t codeFromScale(ScaleFormat format, float scale);

/// The nearest scale of the format. F16: infinite if it overflows, never 0
/// (the smallest positive fp16 instead). F32: as it is, but 1 for 0. E8M0: up
/// to a power of two, so that nothing is cut off. E4M3: never 0. Integers and
/// the dynamic map: cut to their range.
float roundScale(ScaleFormat format, float scale);

/// The largest magnitude of a format of at most 8 bits, where the range is not
/// even that of the longer side: 32 for Int6.
float largestScale(ScaleFormat format);

} // namespace lqc

#endif // LQC_NUMERICS_LEVELS_H
