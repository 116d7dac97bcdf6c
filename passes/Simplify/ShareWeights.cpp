//===- ShareWeights.cpp - equal weights become one ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/Passes.h"

#include "dialects/LQC/LQC.h"

#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

namespace lqc {
#define GEN_PASS_DEF_SHAREWEIGHTSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

/// The same type, and the same value or initializer.
static bool isSameWeight(WeightOp a, WeightOp b) {
  return a.getType() == b.getType() && a.getValue() == b.getValue() &&
         OperationEquivalence::isRegionEquivalentTo(
             &a.getInitializer(), &b.getInitializer(),
             OperationEquivalence::IgnoreLocations);
}

/// Duplicates, each with the weight that stays in its place.
static DenseMap<StringAttr, WeightOp> findDuplicates(ModuleOp module) {
  // Few weights share a type and a value; those with an initializer have no
  // value and share the key of their type.
  DenseMap<std::pair<Type, Attribute>, SmallVector<WeightOp, 1>> kept;
  DenseMap<StringAttr, WeightOp> duplicates;
  for (WeightOp weight : module.getOps<WeightOp>()) {
    SmallVector<WeightOp, 1> &candidates =
        kept[{weight.getType(), weight.getValue().value_or(Attribute())}];
    auto same = llvm::find_if(candidates, [&](WeightOp candidate) {
      return isSameWeight(candidate, weight);
    });
    if (same == candidates.end())
      candidates.push_back(weight);
    else
      duplicates[weight.getSymNameAttr()] = *same;
  }
  return duplicates;
}

namespace {
struct ShareWeightsPass
    : public lqc::impl::ShareWeightsPassBase<ShareWeightsPass> {
  void runOnOperation() override {
    // Sharing the weights that initializers read can make initializers equal.
    while (shareOnce())
      ;
  }

  bool shareOnce() {
    ModuleOp module = getOperation();
    DenseMap<StringAttr, WeightOp> duplicates = findDuplicates(module);
    if (duplicates.empty())
      return false;
    module.walk([&](GetWeightOp use) {
      if (WeightOp weight = duplicates.lookup(use.getWeightAttr().getAttr()))
        use.setWeight(weight.getSymName());
    });
    for (WeightOp weight :
         llvm::make_early_inc_range(module.getOps<WeightOp>())) {
      WeightOp same = duplicates.lookup(weight.getSymNameAttr());
      if (!same)
        continue;
      remark::passed(weight.getLoc(), remark::RemarkOpts::name("WeightShared")
                                          .category("lqc-share-weights"))
          << remark::metric("weight", weight.getSymName())
          << remark::metric("same_as", same.getSymName());
      weight.erase();
    }
    return true;
  }
};
} // namespace
