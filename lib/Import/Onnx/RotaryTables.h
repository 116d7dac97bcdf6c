//===- RotaryTables.h - the frequencies behind stored angles ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX Runtime's models hold cosines and sines of all positions as tables:
//
//   cosines[p, i] = cos(p f_i)        sines[p, i] = sin(p f_i)
//
// where the product is rounded to float32 and f_i are the frequencies, float32
// numbers too. They are found again to the last bit: an angle that is a power
// of two times f has no rounding, so large ones give f with more digits than
// float32 has, and of its neighbours the right one is what gives most of the
// table's numbers exactly.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_ROTARYTABLES_H
#define LQC_LIB_IMPORT_ONNX_ROTARYTABLES_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace lqc {

/// The frequencies of tables (positions, pairs) of float32 numbers, given as
/// their bytes. Nothing if a number differs by more than 1e-6 from what they
/// give: tables that are scaled, or made of longer angles.
std::optional<std::vector<float>>
frequenciesOfTables(llvm::ArrayRef<char> cosines, llvm::ArrayRef<char> sines,
                    int64_t pairs);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_ROTARYTABLES_H
