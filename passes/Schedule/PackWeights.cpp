//===- PackWeights.cpp - choose the byte order of every matrix ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "passes/Schedule/Passes.h"

#include "mlir/IR/Builders.h"

namespace lqc {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static PackedAttr layoutFor(RankedTensorType type) {
  SchemeAttr scheme = schemeOf(type);
  return PackedAttr::get(type.getContext(), 16, scheme ? 4 : 1, scheme);
}

/// A weight right behind `weight` whose initializer packs it.
static WeightOp createPacked(WeightOp weight, SymbolTable &symbols) {
  OpBuilder builder(weight->getContext());
  builder.setInsertionPointAfter(weight);
  RankedTensorType type = weight.getTensorType();
  RankedTensorType packedType = withEncoding(type, layoutFor(type));
  WeightOp packed = WeightOp::create(builder, weight.getLoc(),
                                     (weight.getSymName() + ".packed").str(),
                                     packedType, /*value=*/Attribute());
  builder.createBlock(&packed.getInitializer());
  Value value =
      GetWeightOp::create(builder, weight.getLoc(), type, weight.getSymName());
  Value result = PackOp::create(builder, weight.getLoc(), packedType, value);
  YieldOp::create(builder, weight.getLoc(), result);
  symbols.insert(packed, std::next(Block::iterator(weight)));
  return packed;
}

namespace {
struct PackWeightsPass : lqc::impl::PackWeightsPassBase<PackWeightsPass> {
  void runOnOperation() override;
  /// Makes `use`, a matrix operand, read the packed form of its weight.
  LogicalResult packOperand(OpOperand &use, SymbolTable &symbols);

  llvm::DenseMap<Operation *, WeightOp> packedOfWeight;
};
} // namespace

LogicalResult PackWeightsPass::packOperand(OpOperand &use,
                                           SymbolTable &symbols) {
  if (packedOf(use.get().getType()))
    return success();
  GetWeightOp read = use.get().getDefiningOp<GetWeightOp>();
  if (!read)
    return use.getOwner()->emitOpError(
        "matrix operand must be a weight for the CPU's kernels");
  WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
  WeightOp &packed = packedOfWeight[weight];
  if (!packed)
    packed = createPacked(weight, symbols);
  OpBuilder builder(use.getOwner());
  use.set(GetWeightOp::create(builder, read.getLoc(), packed.getTensorType(),
                              packed.getSymName()));
  if (read.use_empty())
    read.erase();
  return success();
}

/// A graph's kernels are for matrices that are weights; it has loops for the
/// rest, and for a few rows of a float table.
static bool isLeftToLoops(OpOperand *use) {
  RankedTensorType type = cast<RankedTensorType>(use->get().getType());
  return !use->get().getDefiningOp<GetWeightOp>() ||
         (isa<EmbeddingOp>(use->getOwner()) && !schemeOf(type));
}

void PackWeightsPass::runOnOperation() {
  SymbolTable symbols(getOperation());
  SmallVector<OpOperand *> uses;
  getOperation().walk([&](Operation *op) {
    if (LinearOp linear = dyn_cast<LinearOp>(op))
      uses.push_back(&linear.getWeightMutable());
    else if (IntegerLinearOp linear = dyn_cast<IntegerLinearOp>(op))
      uses.push_back(&linear.getWeightMutable());
    else if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(op))
      uses.push_back(&embedding.getTableMutable());
  });
  if (isGraph(getOperation()))
    llvm::erase_if(uses, isLeftToLoops);
  packedOfWeight.clear();
  for (OpOperand *use : uses)
    if (failed(packOperand(*use, symbols)))
      return signalPassFailure();
}
