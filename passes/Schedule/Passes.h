//===- Passes.h - passes of the schedule phase ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SCHEDULE_PASSES_H
#define LQC_PASSES_SCHEDULE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace lqc {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Schedule/Passes.h.inc"

/// The schedule phase: model-level IR in, kernels and steps out.
void buildSchedulePipeline(mlir::OpPassManager &manager);

} // namespace lqc

#endif // LQC_PASSES_SCHEDULE_PASSES_H
