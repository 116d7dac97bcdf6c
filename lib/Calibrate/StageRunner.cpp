//===- StageRunner.cpp - a model, run as far as wanted --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/StageRunner.h"

#include "lqc/Support/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

/// What a linear's outputs, with those of its kept columns, are added to, and
/// nothing else is done with.
static Value residualOf(Value result) {
  if (!result.hasOneUse())
    return {};
  arith::AddFOp sum = dyn_cast<arith::AddFOp>(*result.user_begin());
  if (!sum)
    return {};
  Value other = sum.getLhs() == result ? sum.getRhs() : sum.getLhs();
  LinearOp part = other.getDefiningOp<LinearOp>();
  return part && part.readsKeptColumns() ? residualOf(sum) : other;
}

Stage lqc::stageAt(LinearOp linear, const IsWanted &isWanted) {
  Stage stage;
  stage.input = linear.getInput();
  stage.columns = linear.getInput().getType().getDimSize(1);
  for (Operation *user : stage.input.getUsers())
    if (LinearOp other = dyn_cast<LinearOp>(user))
      if (other.getInput() == stage.input &&
          other->getBlock() == linear->getBlock() && isWanted(other))
        stage.linears.push_back(other);
  llvm::sort(stage.linears,
             [](LinearOp a, LinearOp b) { return a->isBeforeInBlock(b); });
  if (stage.linears.size() == 1)
    stage.residual = residualOf(stage.linears.front().getResult());
  return stage;
}

llvm::Expected<WeightOp> lqc::weightOf(GetWeightOp read, WeightStore &weights) {
  if (WeightOp weight = weights.find(read.getWeight()))
    return weight;
  return makeError("no weight is called @{0}", read.getWeight());
}

llvm::Expected<TensorValue> lqc::readMatrix(WeightOp weight,
                                            WeightStore &weights) {
  llvm::Expected<WeightBytes> bytes = weights.get(weight);
  if (!bytes)
    return bytes.takeError();
  std::string name = "weight @" + weight.getSymName().str();
  llvm::Expected<TensorValue> value =
      tensorFromBytes(bytes->bytes, weight.getTensorType());
  if (!value)
    return prefixError(name, value.takeError());
  for (float number : value->floats())
    if (!std::isfinite(number))
      return makeError("{0}: elements must be finite, got: {1}", name, number);
  return value;
}
