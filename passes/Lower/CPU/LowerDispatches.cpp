//===- LowerDispatches.cpp - a graph's dispatches call the runtime --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Graph.h"
#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

void lqc::lowerGraphDispatches(ModuleOp module, ArrayRef<KernelFacts> kernels) {
  llvm::StringMap<KernelUnits> units;
  for (const KernelFacts &kernel : kernels)
    units[kernel.name] = kernel.units;
  SmallVector<DispatchOp> dispatches;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](DispatchOp op) { dispatches.push_back(op); });
  for (DispatchOp op : dispatches) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    SmallVector<Value> words;
    for (Value operand : op.getOperands_())
      words.push_back(alignedPointer(b, operand));
    const KernelUnits &work = units.at(op.getKernel());
    Value rows = toI64(b, op.getRows());
    dispatchKernel(
        b, op, module.lookupSymbol<func::FuncOp>(op.getKernelAttr()), words,
        rows, work.countFor(b, rows),
        arith::ConstantOp::create(b, b.getI64IntegerAttr(work.grain)));
    op.erase();
  }
}
