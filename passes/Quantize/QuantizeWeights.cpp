//===- QuantizeWeights.cpp - rounds weights to the nearest codes ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"
#include "passes/Quantize/SchemePolicy.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static constexpr llvm::StringLiteral kCategory = "lqc-quantize-weights";

namespace {
struct QuantizeWeightsPass
    : public lqc::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void runOnOperation() override {
    SchemePolicy policy;
    if (failed(
            policy.parse(getOperation(), scheme, embedding, head, overrides)))
      return signalPassFailure();
    SymbolTable table(getOperation());
    symbols = &table;
    SmallVector<WeightUse> uses =
        policy.findUses(getOperation(), table, kCategory);
    if (failed(policy.checkOverrides(getOperation())))
      return signalPassFailure();
    bool allFit = true;
    for (WeightUse use : uses)
      allFit &= succeeded(quantizeUse(use));
    if (!allFit)
      signalPassFailure();
    derived.clear();
  }

  LogicalResult quantizeUse(WeightUse use);
  FailureOr<WeightOp> quantizeWeight(WeightOp weight, SchemeAttr scheme);
  WeightOp addDerivedWeight(WeightOp weight, SchemeAttr scheme);

  SymbolTable *symbols = nullptr;
  /// What became of a weight under a scheme; null: it stays as it is.
  DenseMap<std::pair<Operation *, Attribute>, WeightOp> derived;
};
} // namespace

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category(kCategory);
}

//===----------------------------------------------------------------------===//
// Quantizing
//===----------------------------------------------------------------------===//

LogicalResult QuantizeWeightsPass::quantizeUse(WeightUse use) {
  if (!use.scheme) {
    if (!derived.try_emplace({use.weight, Attribute()}).second)
      return success();
    remark::analysis(use.weight.getLoc(), remarkNamed("WeightAsStored"))
        << remark::metric("weight", use.weight.getSymName())
        << remark::metric("type", use.weight.getTensorType().getElementType());
    return success();
  }
  FailureOr<WeightOp> quantized = quantizeWeight(use.weight, use.scheme);
  if (failed(quantized))
    return failure();
  if (!*quantized)
    return success();
  Operation *oldRead = use.operand->get().getDefiningOp();
  OpBuilder builder(oldRead);
  use.operand->set(GetWeightOp::create(builder, oldRead->getLoc(),
                                       quantized->getType(),
                                       quantized->getSymName()));
  if (oldRead->use_empty())
    oldRead->erase();
  return success();
}

FailureOr<WeightOp> QuantizeWeightsPass::quantizeWeight(WeightOp weight,
                                                        SchemeAttr scheme) {
  auto [entry, isNew] = derived.try_emplace({weight, scheme});
  if (!isNew)
    return entry->second;
  FailureOr<bool> fits = checkFit(weight, scheme, strict, kCategory);
  if (failed(fits))
    return failure();
  if (*fits)
    entry->second = addDerivedWeight(weight, scheme);
  return entry->second;
}

WeightOp QuantizeWeightsPass::addDerivedWeight(WeightOp weight,
                                               SchemeAttr scheme) {
  RankedTensorType type = quantizedType(weight.getTensorType(), scheme);
  OpBuilder builder(&getContext());
  WeightOp result = WeightOp::create(builder, weight.getLoc(),
                                     quantizedName(weight, scheme), type, {});
  symbols->insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  Value value = GetWeightOp::create(builder, weight.getLoc(), weight.getType(),
                                    weight.getSymName());
  value = QuantizeOp::create(builder, weight.getLoc(), type, value,
                             /*scales=*/Value(), clip);
  YieldOp::create(builder, weight.getLoc(), value);

  double bits = bitsPerWeight(scheme.getValue(), type.getDimSize(1));
  remark::passed(weight.getLoc(), remarkNamed("WeightQuantized"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", schemeName(scheme.getValue()))
      << remark::metric("clip", stringifyClip(clip))
      << remark::metric("bits", bits);
  return result;
}
