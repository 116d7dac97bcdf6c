//===- DispatchModelOps.cpp - a graph's lqc operations run as kernels -----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "passes/Schedule/KernelTable.h"
#include "passes/Schedule/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace lqc {
#define GEN_PASS_DEF_DISPATCHMODELOPSPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct DispatchModelOpsPass
    : lqc::impl::DispatchModelOpsPassBase<DispatchModelOpsPass> {
  void runOnOperation() override;
};
} // namespace

/// Rows of float32 numbers, or of activations that an operation before has
/// quantized.
static bool isRows(Value value) {
  RankedTensorType type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 2 && type.getElementType().isF32() &&
         !type.isDynamicDim(1) && !packedOf(type);
}

/// Whether a kernel finds the places of a window by itself: everything about
/// the images but the size of their batch is known.
template <typename WindowOp> static bool hasKnownPlaces(WindowOp op) {
  RankedTensorType image = cast<RankedTensorType>(op.getInput().getType());
  return op.getKernel().size() <= 2 &&
         llvm::none_of(image.getShape().drop_front(), ShapedType::isDynamic);
}

/// The operations that a kernel does better than loops.
static bool hasKernel(Operation *op) {
  if (LinearOp linear = dyn_cast<LinearOp>(op))
    return isRows(linear.getInput()) && packedOf(linear.getWeight().getType());
  if (IntegerLinearOp linear = dyn_cast<IntegerLinearOp>(op))
    return bool(packedOf(linear.getWeight().getType()));
  if (DepthwiseOp depthwise = dyn_cast<DepthwiseOp>(op))
    return hasKnownPlaces(depthwise);
  if (QuantizeOp quantize = dyn_cast<QuantizeOp>(op))
    return schemeOf(quantize.getType()).getValue().isActivation();
  if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(op))
    return bool(packedOf(embedding.getTable().getType()));
  return isa<RmsNormOp, LayerNormOp, SplitColumnsOp>(op) &&
         isRows(op->getOperand(0));
}

static RankedTensorType withDynamicRows(Type type) {
  RankedTensorType tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[0] = ShapedType::kDynamic;
  return RankedTensorType::get(shape, tensor.getElementType(),
                               tensor.getEncoding());
}

/// The tensor with any number of rows: one kernel serves all of them. A single
/// row has kernels of its own.
static Type withAnyRows(Type type) {
  RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || packedOf(tensor) || tensor.getDimSize(0) == 1)
    return type;
  return withDynamicRows(tensor);
}

/// Whether the operand has a row for each row of the result.
static bool hasRows(OpOperand &operand) {
  RankedTensorType type = cast<RankedTensorType>(operand.get().getType());
  return type.getRank() == 2 || isa<EmbeddingOp>(operand.getOwner());
}

/// Memory for a result: its numbers, or bytes if it is quantized.
static Value destinationFor(OpBuilder &builder, Location loc, Type type,
                            OpFoldResult rows) {
  RankedTensorType tensor = cast<RankedTensorType>(type);
  int64_t columns = tensor.getDimSize(1);
  Type element = tensor.getElementType();
  if (SchemeAttr scheme = schemeOf(tensor)) {
    columns = activationRow(scheme.getValue(), columns).bytes;
    element = builder.getI8Type();
  }
  return tensor::EmptyOp::create(
      builder, loc, {rows, builder.getIndexAttr(columns)}, element);
}

namespace {
/// Replaces operations by dispatches.
class Dispatcher {
public:
  Dispatcher(func::FuncOp main, SymbolTable &symbols)
      : kernels(main, symbols) {}

  LogicalResult dispatch(Operation *op);

private:
  KernelOp kernelFor(Operation *op, PatchesOp patches);
  SmallVector<Value> operandsOf(Operation *op, PatchesOp patches);

  KernelTable kernels;
  /// Of quantized activations, their bytes. They are read by operations that
  /// still want to know their type.
  llvm::DenseMap<Value, Value> codes;
};
} // namespace

/// The patches that a linear multiplies, if its kernel can find them in the
/// image itself: everything but the size of the batch is known.
static PatchesOp fusedPatches(Operation *op) {
  if (!isa<LinearOp, IntegerLinearOp>(op))
    return {};
  PatchesOp patches = op->getOperand(0).getDefiningOp<PatchesOp>();
  // Groups of columns that share a scale are not those of a patch's segments.
  bool hasGroups = isa<LinearOp>(op) && schemeOf(op->getOperand(1).getType());
  return patches && !hasGroups && hasKnownPlaces(patches) ? patches
                                                          : PatchesOp();
}

/// Places of the window in one image.
template <typename WindowOp> static int64_t placesOf(WindowOp op) {
  int64_t places = 1;
  for (unsigned d = 0; d < op.getKernel().size(); ++d)
    places *= op.getPlaces(d);
  return places;
}

/// Rows of a dispatch whose first operand is `first`.
static OpFoldResult rowsOf(Operation *op, Value first, PatchesOp patches,
                           OpBuilder &builder) {
  OpFoldResult count = tensor::getMixedSize(builder, first.getLoc(), first, 0);
  DepthwiseOp depthwise = dyn_cast<DepthwiseOp>(op);
  if (!patches && !depthwise)
    return count;
  int64_t places = patches ? placesOf(patches) : placesOf(depthwise);
  return affine::makeComposedFoldedAffineApply(
      builder, first.getLoc(), builder.getAffineSymbolExpr(0) * places, count);
}

KernelOp Dispatcher::kernelFor(Operation *op, PatchesOp patches) {
  SmallVector<Type> inputs, results;
  if (isa<DepthwiseOp>(op)) { // one image of a batch has many rows
    llvm::append_range(inputs, op->getOperandTypes());
    inputs[0] = withDynamicRows(inputs[0]);
    return kernels.get(op, inputs, withDynamicRows(op->getResultTypes()[0]));
  }
  for (OpOperand &operand : op->getOpOperands())
    inputs.push_back(hasRows(operand) ? withAnyRows(operand.get().getType())
                                      : operand.get().getType());
  for (Type type : op->getResultTypes())
    results.push_back(withAnyRows(type));
  if (!patches)
    return kernels.get(op, inputs, results);
  inputs[0] = withDynamicRows(patches.getInput().getType());
  return kernels.getConvolution(patches, op, inputs,
                                withDynamicRows(op->getResultTypes()[0]));
}

SmallVector<Value> Dispatcher::operandsOf(Operation *op, PatchesOp patches) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Value bytes = codes.lookup(operand);
    operands.push_back(bytes ? bytes : operand);
  }
  if (patches)
    operands[0] = patches.getInput();
  return operands;
}

LogicalResult Dispatcher::dispatch(Operation *op) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  PatchesOp patches = fusedPatches(op);
  KernelOp kernel = kernelFor(op, patches);
  if (!kernel)
    return op->emitOpError("has no kernel: the CPU cannot run it");
  SmallVector<Value> operands = operandsOf(op, patches);
  OpFoldResult rows = rowsOf(op, operands.front(), patches, builder);
  SmallVector<Type> types;
  for (Type type : op->getResultTypes()) {
    operands.push_back(destinationFor(builder, loc, type, rows));
    types.push_back(operands.back().getType());
  }
  DispatchOp dispatch = DispatchOp::create(
      builder, loc, types, FlatSymbolRefAttr::get(kernel),
      getValueOrCreateConstantIndexOp(builder, loc, rows), operands);
  for (auto [old, made] : llvm::zip(op->getResults(), dispatch.getResults())) {
    if (schemeOf(old.getType())) {
      codes[old] = made;
      continue;
    }
    Value value = made;
    if (made.getType() != old.getType())
      value = tensor::CastOp::create(builder, loc, old.getType(), made);
    old.replaceAllUsesWith(value);
  }
  return success();
}

void DispatchModelOpsPass::runOnOperation() {
  ModuleOp module = getOperation();
  func::FuncOp main = module.lookupSymbol<func::FuncOp>(kMainName);
  if (!isGraph(module) || !main)
    return;
  SymbolTable symbols(module);
  Dispatcher dispatcher(main, symbols);
  SmallVector<Operation *> work;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      if (hasKernel(op))
        work.push_back(op);
    });
  for (Operation *op : work)
    if (failed(dispatcher.dispatch(op)))
      return signalPassFailure();
  for (Operation *op : llvm::reverse(work)) {
    if (op->use_empty()) {
      op->erase();
      continue;
    }
    op->emitOpError("has codes that something but a kernel reads");
    return signalPassFailure();
  }
}
