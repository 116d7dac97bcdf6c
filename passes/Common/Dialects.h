//===- Dialects.h - what the tools can read ---------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_COMMON_DIALECTS_H
#define LQC_PASSES_COMMON_DIALECTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace lqc {

/// Registers the lqc dialect, all upstream dialects and what lowering them
/// needs.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace lqc

#endif // LQC_PASSES_COMMON_DIALECTS_H
