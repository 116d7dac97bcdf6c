//===- VectorBody.cpp - scalar operations on vectors ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/VectorBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OpDefinition.h"

using namespace mlir;

static bool isNumber(Type type) {
  return type.isF32() || type.isF64() || type.isSignlessInteger();
}

bool lqc::isVectorizable(Block &body) {
  return llvm::all_of(body.without_terminator(), [](Operation &op) {
    if (isa<arith::ConstantOp>(op))
      return isNumber(op.getResult(0).getType());
    return OpTrait::hasElementwiseMappableTraits(&op) &&
           llvm::all_of(op.getOperandTypes(), isNumber) &&
           llvm::all_of(op.getResultTypes(), isNumber);
  });
}

/// `value` in every lane, if it is a scalar.
static Value inLanes(OpBuilder &builder, Location loc, Value value,
                     int64_t lanes) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get({lanes}, value.getType()), value);
}

SmallVector<Value> lqc::cloneOnVectors(OpBuilder &builder, Block &body,
                                       IRMapping &mapping, int64_t lanes) {
  auto lookup = [&](Value value, Location loc) {
    return inLanes(builder, loc, mapping.lookupOrDefault(value), lanes);
  };
  for (Operation &op : body.without_terminator()) {
    if (isa<arith::ConstantOp>(op)) {
      mapping.map(op.getResult(0), builder.clone(op)->getResult(0));
      continue;
    }
    SmallVector<Value> operands;
    SmallVector<Type> types;
    for (Value operand : op.getOperands())
      operands.push_back(lookup(operand, op.getLoc()));
    for (Type type : op.getResultTypes())
      types.push_back(VectorType::get({lanes}, type));
    Operation *wide = builder.create(op.getLoc(), op.getName().getIdentifier(),
                                     operands, types, op.getAttrs());
    mapping.map(op.getResults(), wide->getResults());
  }
  SmallVector<Value> results;
  Operation *end = body.getTerminator();
  for (Value yielded : end->getOperands())
    results.push_back(lookup(yielded, end->getLoc()));
  return results;
}
