//===- DropUnusedWeights.cpp - weights that nothing reads -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Passes.h"

#include "dialects/LQC/LQC.h"

#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_DROPUNUSEDWEIGHTSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

/// Weights that code reads, and through initializers all they are made of.
static DenseSet<StringAttr> findUsed(ModuleOp module) {
  SymbolTable symbols(module);
  SmallVector<WeightOp> pending;
  DenseSet<StringAttr> used;
  auto addReads = [&](Operation *op) {
    op->walk([&](GetWeightOp read) {
      WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
      if (weight && used.insert(weight.getSymNameAttr()).second)
        pending.push_back(weight);
    });
  };
  for (Operation &op : module.getOps())
    if (!isa<WeightOp>(op))
      addReads(&op);
  while (!pending.empty())
    addReads(pending.pop_back_val());
  return used;
}

namespace {
struct DropUnusedWeightsPass
    : public lqc::impl::DropUnusedWeightsPassBase<DropUnusedWeightsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    DenseSet<StringAttr> used = findUsed(module);
    for (WeightOp weight :
         llvm::make_early_inc_range(module.getOps<WeightOp>())) {
      if (used.contains(weight.getSymNameAttr()))
        continue;
      remark::passed(weight.getLoc(), remark::RemarkOpts::name("WeightDropped")
                                          .category("lqc-drop-unused-weights"))
          << remark::metric("weight", weight.getSymName());
      weight.erase();
    }
  }
};
} // namespace
