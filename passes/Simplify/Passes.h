//===- Passes.h - passes of the simplify phase ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SIMPLIFY_PASSES_H
#define LQC_PASSES_SIMPLIFY_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lqc {

#define GEN_PASS_DECL
#include "passes/Simplify/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Simplify/Passes.h.inc"

/// Appends the simplify phase. `context`: of a decoder that is found in a
/// graph.
void buildSimplifyPipeline(mlir::OpPassManager &manager, int64_t context);

} // namespace lqc

#endif // LQC_PASSES_SIMPLIFY_PASSES_H
