//===- RowStore.cpp - what becomes of a kernel's sums ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/RowStore.h"

#include "passes/Common/VectorBody.h"

#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lqc;

static int64_t bytesOf(Type element) {
  return element.getIntOrFloatBitWidth() / 8;
}

RowStore::RowStore(KernelEmitter &e, int64_t columns) : e(e), columns(columns) {
  Block &block = e.kernel.getBlock();
  unsigned last = block.getNumArguments() - 1;
  Value yielded = block.getTerminator()->getOperand(0);
  element = e.typeOf(last).getElementType();
  epilogue = yielded.getDefiningOp<linalg::GenericOp>();
  if (epilogue)
    for (OpOperand *input : epilogue.getDpsInputOperands()) {
      BlockArgument inside = epilogue.getMatchingBlockArgument(input);
      BlockArgument argument = dyn_cast<BlockArgument>(input->get());
      if (!argument) {
        sumElement = inside;
        continue;
      }
      Operand operand{inside, e.argument(argument.getArgNumber()), false, {}};
      int64_t rank = cast<RankedTensorType>(argument.getType()).getRank();
      operand.hasRows = rank == 2;
      if (rank == 0)
        operand.lanes = e.load(inside.getType(), operand.pointer);
      operands.push_back(operand);
    }
  if (epilogue) {
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(epilogue.getRegion(), used);
    for (Value constant : used)
      constants.map(constant, e.clone(*constant.getDefiningOp())->getResult(0));
  }
  out = e.argument(last);
}

/// The elements from `index` on.
Value RowStore::load(Type element, Value pointer, Value index) {
  int64_t bytes = bytesOf(element);
  Value place = e.address(pointer, e.mul(index, bytes));
  VectorType type = e.vectorOf(element, lanes);
  if (!mask)
    return e.load(type, place);
  Value zero = arith::ConstantOp::create(e, e.getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(e, type, place, mask, zero, bytes);
}

void RowStore::moveTo(Value first, int64_t count, Value present) {
  column = first;
  lanes = count;
  mask = present;
  for (Operand &operand : operands) {
    bool isScalar = operand.lanes && !isa<VectorType>(operand.lanes.getType());
    if (!operand.hasRows && !isScalar)
      operand.lanes = load(operand.element.getType(), operand.pointer, column);
  }
}

/// The epilogue's results for `sums`, which are those of the elements from
/// `index` on.
Value RowStore::finish(Value sums, Value index) {
  IRMapping mapping = constants;
  mapping.map(sumElement, sums);
  for (Operand &operand : operands)
    mapping.map(operand.element,
                operand.hasRows
                    ? load(operand.element.getType(), operand.pointer, index)
                    : operand.lanes);
  return cloneOnVectors(e, *epilogue.getBody(), mapping, lanes).front();
}

void RowStore::store(Value sums, Value row) {
  Value index = e.add(e.mul(row, columns), column);
  Value result = epilogue ? finish(sums, index) : sums;
  int64_t bytes = bytesOf(element);
  Value place = e.address(out, e.mul(index, bytes));
  if (mask)
    LLVM::MaskedStoreOp::create(e, result, place, mask, bytes);
  else
    e.store(result, place);
}
