//===- Elementwise.cpp - sums and gated activations -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

/// g / (1 + exp(-g))
static Value emitSilu(KernelEmitter &e, Value gate) {
  Type type = gate.getType();
  Value exp = math::ExpOp::create(e, arith::NegFOp::create(e, gate));
  Value one = e.splatFloat(type, 1.0);
  return arith::DivFOp::create(e, gate, arith::AddFOp::create(e, one, exp));
}

/// g/2 (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3)))
static Value emitGeluTanh(KernelEmitter &e, Value gate) {
  Type type = gate.getType();
  Value square = arith::MulFOp::create(e, gate, gate);
  Value cubic = math::FmaOp::create(
      e, arith::MulFOp::create(e, square, e.splatFloat(type, 0.044715)), gate,
      gate);
  Value tanh = math::TanhOp::create(
      e,
      arith::MulFOp::create(e, cubic, e.splatFloat(type, 0.7978845608028654)));
  Value half = arith::MulFOp::create(e, gate, e.splatFloat(type, 0.5));
  return math::FmaOp::create(e, half, tanh, half);
}

static Value combine(KernelEmitter &e, Value a, Value b) {
  GatedActivationOp gated = dyn_cast<GatedActivationOp>(e.operation());
  if (!gated)
    return arith::AddFOp::create(e, a, b);
  Value gate = gated.getKind() == ActivationKind::silu ? emitSilu(e, a)
                                                       : emitGeluTanh(e, a);
  return arith::MulFOp::create(e, gate, b);
}

LogicalResult lqc::emitElementwise(KernelEmitter &e) {
  int64_t columns = e.typeOf(2).getDimSize(1);
  Value a = e.argument(0), b = e.argument(1), out = e.argument(2);
  Type f32 = e.getF32Type();
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value offset = e.mul(row, columns * 4);
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value bytes = e.add(offset, e.mul(column, 4));
      Value x = e.loadLanes(f32, e.address(a, bytes), lanes);
      Value y = e.loadLanes(f32, e.address(b, bytes), lanes);
      e.storeLanes(combine(e, x, y), e.address(out, bytes), lanes);
    });
  });
  return success();
}
