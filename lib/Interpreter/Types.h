//===- Types.h - element types that the interpreter holds -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_TYPES_H
#define LQC_LIB_INTERPRETER_TYPES_H

#include "Convert.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace lqc {

/// The format of a float type or of a tensor of floats: f32, f16 or bf16.
std::optional<FloatFormat> floatFormatOf(mlir::Type type);

/// The bits of an integer type, an index (64) or a tensor of them; at most 64.
std::optional<unsigned> integerBitsOf(mlir::Type type);

/// The low bits of a number, sign-extended; one bit is 0 or 1.
int64_t wrapInteger(int64_t value, unsigned bits);

/// The error for any other element type.
llvm::Error unknownElementType(mlir::Type type);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_TYPES_H
