//===- StepOps.cpp - kernels, steps and their arena -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Kernels and steps: @name(%argument: type, …) attributes {…} { body }
//===----------------------------------------------------------------------===//

static ParseResult parseBodyOp(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(),
                             result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  if (!body->empty())
    return success();
  // An empty body parses to no block at all.
  body->emplaceBlock();
  for (const OpAsmParser::Argument &argument : arguments)
    body->addArgument(argument.type,
                      parser.getEncodedSourceLoc(argument.ssaName.location));
  return success();
}

static void printBodyOp(OpAsmPrinter &printer, Operation *op) {
  printer << ' ';
  printer.printSymbolName(SymbolTable::getSymbolName(op));
  printer << '(';
  llvm::interleaveComma(
      op->getRegion(0).getArguments(), printer,
      [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword(op->getAttrs(),
                                           {SymbolTable::getSymbolAttrName()});
  printer << ' ';
  printer.printRegion(op->getRegion(0), /*printEntryBlockArgs=*/false);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseBodyOp(parser, result);
}
void KernelOp::print(OpAsmPrinter &printer) { printBodyOp(printer, *this); }

ParseResult StepOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseBodyOp(parser, result);
}
void StepOp::print(OpAsmPrinter &printer) { printBodyOp(printer, *this); }

LogicalResult KernelOp::verifyRegions() {
  // C1
  int64_t arguments = getBlock().getNumArguments();
  if (getDestinations() > uint64_t(arguments))
    return emitOpError("must have an argument per destination, got: ")
           << arguments << " < " << getDestinations();
  // C2
  YieldOp yield = dyn_cast<YieldOp>(getBlock().getTerminator());
  if (!yield)
    return emitOpError("must end with lqc.yield");
  if (!llvm::equal(yield.getOperandTypes(),
                   llvm::map_range(getOutputs(), [](BlockArgument argument) {
                     return argument.getType();
                   })))
    return yield.emitOpError("must yield the types of the destinations");
  // C3
  if (int64_t(getUnits()) < 1)
    return emitOpError("units must be positive, got: ") << int64_t(getUnits());
  if (int64_t(getUnitRows().value_or(1)) < 1)
    return emitOpError("unit_rows must be positive, got: ")
           << int64_t(*getUnitRows());
  return success();
}

/// C1: what each argument of a step must be.
static bool hasStepArgumentTypes(Block &block) {
  if (block.getNumArguments() != StepOp::ArgumentCount)
    return false;
  auto isBuffer = [&](unsigned index, unsigned rank, auto isElement) {
    BufferType buffer =
        dyn_cast<BufferType>(block.getArgument(index).getType());
    return buffer && buffer.getTensor().getRank() == rank &&
           isElement(buffer.getTensor().getElementType());
  };
  auto isI32 = [](Type type) { return type.isInteger(32); };
  auto isF32 = [](Type type) { return type.isF32(); };
  return isBuffer(StepOp::Tokens, 1, isI32) &&
         isBuffer(StepOp::Positions, 1, isI32) &&
         isBuffer(StepOp::Slots, 1, isI32) &&
         isBuffer(StepOp::Outputs, 1, isI32) &&
         isBuffer(StepOp::Logits, 2, isF32) &&
         isa<CacheType>(block.getArgument(StepOp::Cache).getType()) &&
         block.getArgument(StepOp::Count).getType().isIndex() &&
         block.getArgument(StepOp::OutputCount).getType().isIndex();
}

LogicalResult StepOp::verifyRegions() {
  // C1
  if (!hasStepArgumentTypes(getBlock()))
    return emitOpError("must take tokens, positions, slots, outputs, logits, "
                       "a cache and two counts");
  // C2
  for (Operation &op : getBlock())
    if (!isa<GetWeightOp, ArenaSliceOp, CacheLayerOp, DispatchOp>(op))
      return op.emitOpError("is not a part of a step: schedule makes "
                            "dispatches of all work");
  return success();
}

//===----------------------------------------------------------------------===//
// ArenaSliceOp, DispatchOp
//===----------------------------------------------------------------------===//

LogicalResult ArenaSliceOp::verify() {
  // C1
  if (getOffset() % 64)
    return emitOpError("offset must be a multiple of 64, got: ") << getOffset();
  // C2
  StepOp step = (*this)->getParentOfType<StepOp>();
  if (step && getOffset() + getType().getBytes() > step.getArenaBytes())
    return emitOpError("must end within the arena, got: ")
           << getOffset() + getType().getBytes() << " > "
           << step.getArenaBytes();
  return success();
}

LogicalResult CacheLayerOp::verify() { // C1
  if (int64_t(getLayer()) < 0 || int64_t(getLayer()) >= getType().getLayers())
    return emitOpError("layer must be one of the cache's, got: ")
           << int64_t(getLayer()) << " of " << getType().getLayers();
  return success();
}

/// Whether bytes of this shape hold a tensor whose elements have no type in
/// memory of their own: packed weights and quantized activations.
static bool fitsAsBytes(ShapedType bytes, RankedTensorType tensor) {
  if (!bytes.getElementType().isInteger(8))
    return false;
  if (packedOf(tensor))
    return bytes.getShape() == ArrayRef<int64_t>(weightBytes(tensor));
  SchemeAttr scheme = schemeOf(tensor);
  return scheme && scheme.getValue().isActivation() && bytes.getRank() == 2 &&
         bytes.getDimSize(1) ==
             activationRow(scheme.getValue(), tensor.getDimSize(1)).bytes;
}

/// Whether an operand of a dispatch can be the kernel's `argument`.
static bool fitsKernel(Type operand, Type argument) {
  if (BufferType buffer = dyn_cast<BufferType>(operand))
    return buffer.getTensor() == argument;
  RankedTensorType tensor = dyn_cast<RankedTensorType>(argument);
  ShapedType shaped = dyn_cast<ShapedType>(operand);
  if (operand == argument || !tensor || !shaped)
    return operand == argument;
  if (tensor.getEncoding())
    return fitsAsBytes(shaped, tensor);
  return shaped.getElementType() == tensor.getElementType() &&
         shaped.getRank() == tensor.getRank() &&
         llvm::all_of(llvm::zip(shaped.getShape(), tensor.getShape()),
                      [](auto sizes) {
                        auto [given, wanted] = sizes;
                        return given == wanted || ShapedType::isDynamic(wanted);
                      });
}

void DispatchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // On tensors the results are all that comes of it.
  for (OpOperand &operand : getOperands_Mutable()) {
    if (isa<TensorType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (!getNumResults())
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // C1
  KernelOp kernel =
      symbolTable.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("must name an lqc.kernel, got: ") << getKernelAttr();
  // C2
  auto arguments = kernel.getBlock().getArgumentTypes();
  if (arguments.size() != getOperands_().size() ||
      !llvm::all_of(llvm::zip(getOperands_().getTypes(), arguments),
                    [](auto pair) {
                      return fitsKernel(std::get<0>(pair), std::get<1>(pair));
                    }))
    return (emitOpError("operands must match the kernel's arguments"))
               .attachNote(kernel.getLoc())
           << "kernel is here";
  // C3
  auto destinations = getOperands_().take_back(kernel.getDestinations());
  if (getNumResults() &&
      !llvm::equal(getResultTypes(), destinations.getTypes()))
    return emitOpError("results must have the types of the destinations");
  return success();
}
