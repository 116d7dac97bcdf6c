//===- AllocateBits.cpp - schemes chosen under a budget -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/BitBudget.h"
#include "passes/Quantize/Passes.h"

namespace lqc {
#define GEN_PASS_DEF_ALLOCATEBITSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct AllocateBitsPass
    : public lqc::impl::AllocateBitsPassBase<AllocateBitsPass> {
  using AllocateBitsPassBase::AllocateBitsPassBase;

  void runOnOperation() override {
    if (failed(allocate(getOperation())))
      signalPassFailure();
  }

  LogicalResult allocate(ModuleOp module) const {
    if ((bitsPerWeight > 0) == (maxKl > 0))
      return module.emitError("needs one of the options bits-per-weight=B and "
                              "max-kl=X, above 0");
    FailureOr<BitBudget> budget = BitBudget::of(module);
    if (failed(budget))
      return failure();
    std::string problem = bitsPerWeight > 0 ? budget->bitsProblem(bitsPerWeight)
                                            : budget->klProblem(maxKl);
    if (!problem.empty())
      return module.emitError(bitsPerWeight > 0 ? "bits-per-weight" : "max-kl")
             << " " << problem;
    Allocation allocation = bitsPerWeight > 0
                                ? *budget->withinBits(bitsPerWeight)
                                : *budget->withinKl(maxKl);
    budget->report(module, allocation);
    budget->assign(module, allocation);
    return success();
  }
};
} // namespace
