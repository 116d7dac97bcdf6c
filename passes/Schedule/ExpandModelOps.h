//===- ExpandModelOps.h - a graph's lqc operations as linalg ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SCHEDULE_EXPANDMODELOPS_H
#define LQC_PASSES_SCHEDULE_EXPANDMODELOPS_H

#include "dialects/LQC/LQC.h"

#include "mlir/IR/PatternMatch.h"

namespace lqc {

/// True for a linear, a norm, an embedding or a gate on plain floats, and for
/// what looks at images through windows.
bool isFloatModelOp(mlir::Operation *op);

/// Replaces such an operation by `linalg.generic`s.
void expandModelOp(mlir::RewriterBase &rewriter, mlir::Operation *op);

} // namespace lqc

#endif // LQC_PASSES_SCHEDULE_EXPANDMODELOPS_H
