//===- Passes.h - passes of the lower phase for CPUs ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_PASSES_H
#define LQC_PASSES_LOWER_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace lqc {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Lower/CPU/Passes.h.inc"

/// The lower phase for CPUs: kernels and steps in, the LLVM dialect out.
void buildLowerCPUPipeline(mlir::OpPassManager &manager);

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_PASSES_H
