//===- Payload.cpp - where each weight lies in the payload ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Payload.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lqc;

SmallVector<PayloadWeight> lqc::planPayload(ModuleOp scheduled) {
  SmallVector<PayloadWeight> payload;
  SymbolTable symbols(scheduled);
  llvm::DenseSet<StringAttr> seen;
  uint64_t offset = 0;
  auto add = [&](GetWeightOp read) {
    if (!seen.insert(read.getWeightAttr().getAttr()).second)
      return;
    WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
    uint64_t bytes = weightBytes(weight.getTensorType());
    payload.push_back({weight, offset, bytes});
    offset = llvm::alignTo(offset + bytes, kWeightAlignment);
  };
  for (StepOp step : scheduled.getOps<StepOp>())
    llvm::for_each(step.getBlock().getOps<GetWeightOp>(), add);
  if (isGraph(scheduled))
    for (func::FuncOp function : scheduled.getOps<func::FuncOp>())
      function.walk(add);
  return payload;
}

uint64_t lqc::payloadBytes(ArrayRef<PayloadWeight> payload) {
  if (payload.empty())
    return 0;
  return llvm::alignTo(payload.back().offset + payload.back().bytes,
                       kWeightAlignment);
}
