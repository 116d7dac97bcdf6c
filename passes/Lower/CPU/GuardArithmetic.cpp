//===- GuardArithmetic.cpp - no input makes arithmetic fail ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Passes.h"

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"

namespace lqc {
#define GEN_PASS_DEF_GUARDARITHMETICPASS
#include "passes/Lower/CPU/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct GuardArithmeticPass
    : lqc::impl::GuardArithmeticPassBase<GuardArithmeticPass> {
  using GuardArithmeticPassBase::GuardArithmeticPassBase;
  void runOnOperation() override;
};
} // namespace

/// True for divisors that never trap.
static bool isHarmless(Value divisor) {
  APInt value;
  return matchPattern(divisor, m_ConstantInt(&value)) && !value.isZero() &&
         !value.isAllOnes();
}

/// Makes a division by 0 give 0, and the smallest number over -1 wrap.
static void guardDivision(Operation *op) {
  Value dividend = op->getOperand(0), divisor = op->getOperand(1);
  // Sizes are indices; loops of size 0 do not run.
  IntegerType type = dyn_cast<IntegerType>(op->getResult(0).getType());
  if (!type || isHarmless(divisor))
    return;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  auto constant = [&](const APInt &value) -> Value {
    return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
  };
  auto equals = [&](Value value, const APInt &number) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value,
                                 constant(number));
  };
  unsigned width = type.getWidth();
  Value isZero = equals(divisor, APInt::getZero(width));
  Value unsafe = isZero;
  if (isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp>(op)) {
    Value wraps = arith::AndIOp::create(
        b, equals(divisor, APInt::getAllOnes(width)),
        equals(dividend, APInt::getSignedMinValue(width)));
    unsafe = arith::OrIOp::create(b, isZero, wraps);
  }
  Value one = constant(APInt(width, 1));
  op->setOperand(1, arith::SelectOp::create(b, unsafe, one, divisor));
  b.setInsertionPointAfter(op);
  Value zero = constant(APInt::getZero(width));
  arith::SelectOp result =
      arith::SelectOp::create(b, isZero, zero, op->getResult(0));
  op->getResult(0).replaceAllUsesExcept(result, result);
}

void GuardArithmeticPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  SmallVector<Operation *> divisions;
  module.walk([&](Operation *op) {
    if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
            arith::FloorDivSIOp, arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
      divisions.push_back(op);
  });
  llvm::for_each(divisions, guardDivision);
  // bfloat16 arithmetic is that of float32, rounded; the CPU has none.
  OpPassManager manager(ModuleOp::getOperationName());
  arith::ArithEmulateUnsupportedFloatsOptions floats;
  floats.sourceTypeStrs = {"bf16"};
  floats.targetTypeStr = "f32";
  manager.addPass(math::createMathExtendToSupportedTypes(
      {/*extraTypeStrs=*/{"f16"}, /*targetTypeStr=*/"f32"}));
  manager.addPass(arith::createArithEmulateUnsupportedFloats(floats));
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  manager.addPass(arith::createArithExpandOpsPass(expand));
  if (failed(runPipeline(manager, module)))
    signalPassFailure();
}
