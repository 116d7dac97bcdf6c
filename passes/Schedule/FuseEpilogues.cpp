//===- FuseEpilogues.cpp - elementwise work in the kernels of linears -----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel with an epilogue is the kernel it was, with the linalg.generic
// between its operation and what it yields. The generic writes to the kernel's
// destination, so that it needs no memory of its own.
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "passes/Common/VectorBody.h"
#include "passes/Schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

#include <map>

namespace lqc {
#define GEN_PASS_DEF_FUSEEPILOGUESPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// What fits
//===----------------------------------------------------------------------===//

/// The operation whose sums a kernel computes in registers, or null.
static Operation *productOf(KernelOp kernel) {
  Operation *yield = kernel.getBlock().getTerminator();
  if (kernel.getDestinations() != 1)
    return nullptr;
  Operation *op = yield->getOperand(0).getDefiningOp();
  return isa_and_nonnull<LinearOp, IntegerLinearOp, DepthwiseOp>(op) ? op
                                                                     : nullptr;
}

/// Numbers that lie in memory as they are in registers.
static bool hasWholeBytes(Type element) {
  return element.isSignlessInteger(8) || element.isSignlessInteger(16) ||
         element.isSignlessInteger(32) || element.isSignlessInteger(64) ||
         element.isF32() || element.isF64();
}

/// A matrix of the result's size, a vector with an element for each column, or
/// one element.
static bool fitsOperand(Value operand, AffineMap map, int64_t columns) {
  RankedTensorType type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || type.getEncoding() || !hasWholeBytes(type.getElementType()))
    return false;
  if (type.getRank() == 0)
    return true;
  if (type.getShape().back() != columns)
    return false;
  AffineExpr column = getAffineDimExpr(1, map.getContext());
  return map.isIdentity() ||
         (map.getNumResults() == 1 && map.getResult(0) == column);
}

/// Whether it works on elements of a matrix alone, in a way that vectors can.
static bool fitsKernel(linalg::GenericOp op) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      op.getNumDpsInits() != 1 || !isVectorizable(*op.getBody()))
    return false;
  OpOperand *out = op.getDpsInitOperand(0);
  if (!op.getMatchingIndexingMap(out).isIdentity() ||
      !op.getMatchingBlockArgument(out).use_empty())
    return false;
  int64_t columns = cast<RankedTensorType>(out->get().getType()).getDimSize(1);
  if (ShapedType::isDynamic(columns) ||
      !fitsOperand(out->get(), op.getMatchingIndexingMap(out), columns) ||
      !llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
        return fitsOperand(input->get(), op.getMatchingIndexingMap(input),
                           columns);
      }))
    return false;
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getRegion(), captured);
  return llvm::all_of(captured, [](Value value) {
    Operation *source = value.getDefiningOp();
    return source && source->hasTrait<OpTrait::ConstantLike>();
  });
}

/// The one generic that reads the dispatch's result, which it may see as a
/// tensor of known size; sizes that are asked for don't count.
static OpOperand *readerOf(Value result) {
  OpOperand *reader = nullptr;
  for (OpOperand &use : result.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (reader)
      return nullptr;
    reader = &use;
  }
  if (!reader)
    return nullptr;
  if (auto cast = dyn_cast<tensor::CastOp>(reader->getOwner()))
    return readerOf(cast.getResult());
  auto generic = dyn_cast<linalg::GenericOp>(reader->getOwner());
  return generic && generic.isDpsInput(reader) &&
                 generic.getMatchingIndexingMap(reader).isIdentity() &&
                 fitsKernel(generic)
             ? reader
             : nullptr;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

namespace {
/// Moves epilogues into kernels; equal kernels are made once.
class EpilogueFuser {
public:
  explicit EpilogueFuser(SymbolTable &symbols) : symbols(symbols) {}

  void fuse(DispatchOp dispatch);

private:
  KernelOp kernelWith(KernelOp kernel, OpOperand *reader);
  KernelOp share(KernelOp kernel, linalg::GenericOp epilogue);
  static SmallVector<Value> operandsOf(DispatchOp dispatch, OpOperand *reader,
                                       KernelOp kernel);

  SymbolTable &symbols;
  std::map<std::string, KernelOp> kernels; ///< by their text
};
} // namespace

/// The matrix type with the rows of `like`.
static RankedTensorType withRowsOf(RankedTensorType like, Type type) {
  RankedTensorType tensor = cast<RankedTensorType>(type);
  if (tensor.getRank() < 2)
    return tensor;
  return RankedTensorType::get(like.getShape(), tensor.getElementType());
}

/// The kernel in the table that says the same, or this one.
KernelOp EpilogueFuser::share(KernelOp kernel, linalg::GenericOp epilogue) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel.print(os, OpPrintingFlags().useLocalScope());
  auto [entry, isNew] = kernels.try_emplace(text, kernel);
  if (!isNew) {
    kernel.erase();
    return entry->second;
  }
  Operation *last = epilogue.getBody()->getTerminator()->getPrevNode();
  StringRef name = last ? last->getName().stripDialect() : "copy";
  kernel.setSymName((kernel.getSymName() + "_" + name).str());
  symbols.insert(kernel);
  return kernel;
}

/// The kernel with the owner of `reader` behind its product. Operands are those
/// of the kernel, then those of the epilogue.
KernelOp EpilogueFuser::kernelWith(KernelOp kernel, OpOperand *reader) {
  linalg::GenericOp epilogue = cast<linalg::GenericOp>(reader->getOwner());
  OpBuilder builder(kernel);
  builder.setInsertionPointAfter(kernel);
  KernelOp result = cast<KernelOp>(builder.clone(*kernel));
  Block &block = result.getBlock();
  Operation *yield = block.getTerminator();
  Value product = yield->getOperand(0);
  RankedTensorType rows = cast<RankedTensorType>(product.getType());

  unsigned place = block.getNumArguments() - 1;
  BlockArgument out = block.getArgument(place);
  out.setType(withRowsOf(rows, epilogue.getResult(0).getType()));
  IRMapping mapping;
  for (OpOperand *input : epilogue.getDpsInputOperands()) {
    if (input == reader || mapping.contains(input->get()))
      continue;
    Type type = withRowsOf(rows, input->get().getType());
    mapping.map(input->get(),
                block.insertArgument(place++, type, epilogue.getLoc()));
  }
  mapping.map(reader->get(), product);
  mapping.map(epilogue.getDpsInits()[0], out);
  builder.setInsertionPoint(yield);
  llvm::SetVector<Value> constants;
  getUsedValuesDefinedAbove(epilogue.getRegion(), constants);
  linalg::GenericOp inside =
      cast<linalg::GenericOp>(builder.clone(*epilogue, mapping));
  inside.getResult(0).setType(cast<RankedTensorType>(out.getType()));
  builder.setInsertionPointToStart(&block);
  for (Value constant : constants)
    replaceAllUsesInRegionWith(
        constant, builder.clone(*constant.getDefiningOp())->getResult(0),
        inside.getRegion());
  yield->setOperand(0, inside.getResult(0));
  return share(result, inside);
}

/// Sizes that are asked of the product, or of it as a tensor of known size.
static void replaceSizes(Value product, Value rows) {
  for (Operation *user : llvm::make_early_inc_range(product.getUsers())) {
    if (auto cast = dyn_cast<tensor::CastOp>(user))
      replaceSizes(cast.getResult(), rows);
    auto size = dyn_cast<tensor::DimOp>(user);
    if (!size || size.getConstantIndex() != 0)
      continue;
    size.replaceAllUsesWith(rows);
    size.erase();
  }
}

/// The operands of the fused dispatch but for its destination.
SmallVector<Value> EpilogueFuser::operandsOf(DispatchOp dispatch,
                                             OpOperand *reader,
                                             KernelOp kernel) {
  linalg::GenericOp epilogue = cast<linalg::GenericOp>(reader->getOwner());
  SmallVector<Value> operands(dispatch.getOperands_().drop_back());
  llvm::SmallSetVector<Value, 4> added;
  for (OpOperand *input : epilogue.getDpsInputOperands())
    if (input != reader)
      added.insert(input->get());
  OpBuilder builder(epilogue);
  for (Value operand : added) {
    RankedTensorType wanted = cast<RankedTensorType>(
        kernel.getBlock().getArgument(operands.size()).getType());
    // A kernel of one row takes one row.
    if (wanted.hasStaticShape() && operand.getType() != wanted)
      operand =
          tensor::CastOp::create(builder, epilogue.getLoc(), wanted, operand);
    operands.push_back(operand);
  }
  return operands;
}

void EpilogueFuser::fuse(DispatchOp dispatch) {
  KernelOp kernel = symbols.lookup<KernelOp>(dispatch.getKernel());
  if (dispatch.getNumResults() != 1 || !productOf(kernel))
    return;
  Value product = dispatch.getResult(0);
  OpOperand *reader = readerOf(product);
  if (!reader || reader->getOwner()->getBlock() != dispatch->getBlock())
    return;
  linalg::GenericOp epilogue = cast<linalg::GenericOp>(reader->getOwner());
  OpBuilder builder(epilogue);
  Location loc = epilogue.getLoc();
  KernelOp fused = kernelWith(kernel, reader);
  SmallVector<Value> operands = operandsOf(dispatch, reader, fused);
  replaceSizes(product, dispatch.getRows());
  // The destination has the rows of the dispatch.
  RankedTensorType type = withRowsOf(cast<RankedTensorType>(product.getType()),
                                     epilogue.getResult(0).getType());
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(dispatch.getRows());
  operands.push_back(tensor::EmptyOp::create(builder, loc, type, sizes));
  DispatchOp whole = DispatchOp::create(builder, loc, TypeRange{type},
                                        FlatSymbolRefAttr::get(fused),
                                        dispatch.getRows(), operands);
  Value value = whole.getResult(0);
  if (type != epilogue.getResult(0).getType())
    value = tensor::CastOp::create(builder, loc,
                                   epilogue.getResult(0).getType(), value);
  epilogue.getResult(0).replaceAllUsesWith(value);
  Value seen = reader->get();
  epilogue.erase();
  if (seen != product)
    seen.getDefiningOp()->erase();
  Operation *place = dispatch.getOperands_().back().getDefiningOp();
  dispatch.erase();
  if (place && place->use_empty())
    place->erase();
  if (SymbolTable::symbolKnownUseEmpty(kernel, symbols.getOp()))
    symbols.erase(kernel);
}

namespace {
struct FuseEpiloguesPass : lqc::impl::FuseEpiloguesPassBase<FuseEpiloguesPass> {
  void runOnOperation() override;
};
} // namespace

void FuseEpiloguesPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  SymbolTable symbols(module);
  EpilogueFuser fuser(symbols);
  SmallVector<DispatchOp> dispatches;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](DispatchOp op) { dispatches.push_back(op); });
  for (DispatchOp dispatch : dispatches)
    fuser.fuse(dispatch);
}
