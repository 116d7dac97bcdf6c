//===- FuseElementwise.cpp - elementwise work in few loops ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph's elementwise operations become `linalg.generic`, named operations
// that only move data too, and chains of them become one. What is computed is
// never computed twice: a producer goes into its consumer only if nobody else
// reads it and the consumer asks for each element once; but a producer that
// only moves data goes everywhere, and so does a number that is repeated.
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "passes/Schedule/ExpandModelOps.h"
#include "passes/Schedule/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lqc {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Elementwise operations on tensors
//===----------------------------------------------------------------------===//

/// True for `arith.addf` and its like on tensors, beside which scalars may
/// stand (the condition of a select).
static bool isElementwiseOnTensors(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumOperands() &&
         llvm::all_of(op->getResultTypes(), [](Type type) {
           RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
           return tensor && !tensor.getEncoding();
         });
}

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

/// One generic with the operation on elements as its body.
static void convertElementwise(RewriterBase &rewriter, Operation *op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op->getLoc();
  SmallVector<Value> inputs(
      llvm::make_filter_range(op->getOperands(), isTensor));
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, inputs.front());
  SmallVector<Value> outputs;
  for (Type type : op->getResultTypes())
    outputs.push_back(tensor::EmptyOp::create(rewriter, loc, sizes,
                                              getElementTypeOrSelf(type)));
  unsigned rank = sizes.size();
  SmallVector<AffineMap> maps(inputs.size() + outputs.size(),
                              rewriter.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location at, ValueRange arguments) {
    SmallVector<Value> operands;
    unsigned next = 0;
    for (Value operand : op->getOperands())
      operands.push_back(isTensor(operand) ? arguments[next++] : operand);
    SmallVector<Type> types;
    for (Type type : op->getResultTypes())
      types.push_back(getElementTypeOrSelf(type));
    Operation *scalar = builder.create(at, op->getName().getIdentifier(),
                                       operands, types, op->getAttrs());
    linalg::YieldOp::create(builder, at, scalar->getResults());
  };
  linalg::GenericOp generic =
      linalg::GenericOp::create(rewriter, loc, TypeRange(ValueRange(outputs)),
                                inputs, outputs, maps, iterators, body);
  // Sizes may be known to one type and not to the other.
  SmallVector<Value> results;
  for (auto [result, type] :
       llvm::zip_equal(generic.getResults(), op->getResultTypes()))
    results.push_back(
        result.getType() == type
            ? Value(result)
            : tensor::CastOp::create(rewriter, loc, type, result));
  rewriter.replaceOp(op, results);
}

//===----------------------------------------------------------------------===//
// What is taken apart before
//===----------------------------------------------------------------------===//

/// Named operations that are elementwise or move data.
static bool isSimpleNamed(Operation *op) {
  return isa<linalg::BroadcastOp, linalg::TransposeOp, linalg::ReduceOp,
             linalg::MapOp, linalg::FillOp, linalg::ElementwiseOp,
             linalg::CopyOp>(op);
}

static LogicalResult decomposeSoftmax(RewriterBase &rewriter,
                                      linalg::SoftmaxOp softmax) {
  rewriter.setInsertionPoint(softmax);
  FailureOr<SmallVector<Value>> results = softmax.decomposeOperation(rewriter);
  if (failed(results))
    return softmax.emitOpError("cannot be taken apart");
  rewriter.replaceOp(softmax, *results);
  return success();
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

/// The body yields an input or something from outside: nothing is computed.
static bool onlyMovesData(linalg::GenericOp generic) {
  return generic.getRegion().hasOneBlock() &&
         generic.getBody()->getOperations().size() == 1;
}

static bool isWorthFusing(OpOperand *operand) {
  linalg::GenericOp producer =
      operand->get().getDefiningOp<linalg::GenericOp>();
  linalg::GenericOp consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  if (onlyMovesData(producer))
    return true;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  return producer->hasOneUse() && map.isPermutation();
}

/// What reads the rows of a kernel's result, in the shape of a tensor, reads
/// rows: so it can go into the kernel.
static bool isOfRows(OpOperand *operand) {
  auto expand = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || expand.getSrcType().getRank() != 2 ||
      expand.getReassociationIndices().back().size() != 1)
    return false;
  Operation *source = expand.getSrc().getDefiningOp();
  // The kernel's result as one of known size.
  if (auto known = dyn_cast_or_null<tensor::CastOp>(source))
    source = known.getSource().getDefiningOp();
  return isa_and_nonnull<DispatchOp, linalg::GenericOp>(source);
}

namespace {
/// A number that is repeated is read where it is, not as a tensor of it.
struct ReadSplats : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    bool found = false;
    for (OpOperand *input : op.getDpsInputOperands()) {
      tensor::SplatOp splat = input->get().getDefiningOp<tensor::SplatOp>();
      BlockArgument element = op.getMatchingBlockArgument(input);
      if (!splat || element.use_empty())
        continue;
      found = true;
      rewriter.replaceAllUsesWith(element, splat.getInput());
    }
    return success(found); // the operand goes as one that nobody reads
  }
};

struct FuseElementwisePass
    : lqc::impl::FuseElementwisePassBase<FuseElementwisePass> {
  void runOnOperation() override;
  LogicalResult takeApart(ModuleOp module);
};
} // namespace

LogicalResult FuseElementwisePass::takeApart(ModuleOp module) {
  SmallVector<Operation *> work;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      if (isElementwiseOnTensors(op) || isSimpleNamed(op) ||
          isa<linalg::SoftmaxOp>(op) || isFloatModelOp(op))
        work.push_back(op);
    });
  IRRewriter rewriter(module.getContext());
  for (Operation *op : work) {
    if (linalg::SoftmaxOp softmax = dyn_cast<linalg::SoftmaxOp>(op)) {
      if (failed(decomposeSoftmax(rewriter, softmax)))
        return failure();
    } else if (isFloatModelOp(op)) {
      expandModelOp(rewriter, op);
    } else if (isSimpleNamed(op)) {
      rewriter.setInsertionPoint(op);
      if (failed(
              linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op))))
        return op->emitOpError("cannot be made generic");
    } else {
      convertElementwise(rewriter, op);
    }
  }
  return success();
}

void FuseElementwisePass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  if (failed(takeApart(module)))
    return signalPassFailure();
  RewritePatternSet patterns(&getContext());
  tensor::populateDecomposeTensorConcatPatterns(patterns);
  linalg::populateElementwiseOpsFusionPatterns(patterns, isWorthFusing);
  linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, isOfRows);
  patterns.add<ReadSplats>(&getContext());
  // A size that is asked of a result keeps a producer alive.
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  for (StringRef dialect : {"tensor", "linalg", "arith"})
    getContext().getLoadedDialect(dialect)->getCanonicalizationPatterns(
        patterns);
  for (RegisteredOperationName name : getContext().getRegisteredOperations())
    if (isa_and_nonnull<tensor::TensorDialect, linalg::LinalgDialect>(
            &name.getDialect()))
      name.getCanonicalizationPatterns(patterns, &getContext());
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    signalPassFailure();
}
