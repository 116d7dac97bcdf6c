//===- Limits.h - what this machine can do at most --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel cannot be faster than memory delivers its bytes or than the
// processor does its multiply-adds. Both are measured in the run that compares
// with them, with the same threads.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_LIMITS_H
#define LQC_LIB_RUNTIME_LIMITS_H

#include "lqc/Runtime/Pool.h"

#include <string_view>

namespace lqc::runtime {

/// Bytes read per second by all threads: the best of a few passes that sum a
/// buffer much larger than the caches. 0 if there is no memory for it.
double measureBandwidth(lqc_pool &pool);

/// Multiply-adds per second of all threads on registers, with the widest
/// instructions that code for `features` (as in lqc_model) uses: of floats, or
/// of int8 with 32-bit sums (16-bit ones with AVX2 alone).
double measureMultiplyAdds(lqc_pool &pool, std::string_view features,
                           bool integer);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_LIMITS_H
