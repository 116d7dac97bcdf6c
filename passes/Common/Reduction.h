//===- Reduction.h - how lqc-reduce makes a module smaller ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_COMMON_REDUCTION_H
#define LQC_PASSES_COMMON_REDUCTION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace lqc {

/// Teaches the reduction-tree pass to take an operation out of a chain: one
/// with an operand of its result's type is replaced by that operand. A decoder
/// layer, a norm, an attention or a residual sum goes, and what follows stays
/// valid; erasing alone, which is all that the pass does by itself, breaks
/// whatever reads the result.
void registerReductionPatterns(mlir::DialectRegistry &registry);

} // namespace lqc

#endif // LQC_PASSES_COMMON_REDUCTION_H
