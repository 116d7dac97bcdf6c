//===- AssignSchemes.cpp - which scheme each weight is to get -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"
#include "passes/Quantize/SchemePolicy.h"

namespace lqc {
#define GEN_PASS_DEF_ASSIGNSCHEMESPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static constexpr llvm::StringLiteral kCategory = "lqc-assign-schemes";

namespace {
struct AssignSchemesPass
    : public lqc::impl::AssignSchemesPassBase<AssignSchemesPass> {
  using AssignSchemesPassBase::AssignSchemesPassBase;

  void runOnOperation() override {
    SchemePolicy policy;
    if (failed(policy.parse(getOperation(), scheme, /*embedding=*/"",
                            /*head=*/"", overrides)))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    SmallVector<WeightUse> uses =
        policy.findUses(getOperation(), symbols, kCategory);
    if (failed(policy.checkOverrides(getOperation())))
      return signalPassFailure();
    for (WeightUse use : uses)
      if (isInLayer(use.operand->getOwner()) && failed(assign(use)))
        signalPassFailure();
  }

  LogicalResult assign(WeightUse use) {
    use.weight->removeAttr(kSchemeAttrName);
    if (!use.scheme)
      return success();
    FailureOr<bool> fits = checkFit(use.weight, use.scheme, strict, kCategory);
    if (failed(fits))
      return failure();
    if (*fits)
      use.weight->setAttr(kSchemeAttrName, use.scheme);
    return success();
  }
};
} // namespace
