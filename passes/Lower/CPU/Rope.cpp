//===- Rope.cpp - rotary position embedding -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

LogicalResult lqc::emitRotaryTable(KernelEmitter &e) {
  RankedTensorType frequencies = e.typeOf(1);
  int64_t half = frequencies.getDimSize(0);
  Type element = frequencies.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value positions = e.argument(0), table = e.argument(1), out = e.argument(2);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value position =
        arith::SIToFPOp::create(e, e.getF32Type(), e.loadIndex(positions, row));
    Value target = e.address(out, e.mul(row, 2 * half * 4));
    e.loop(e.constantI64(0), e.constantI64(half), 1, [&](Value i) {
      Value frequency =
          e.toF32(e.load(element, e.address(table, e.mul(i, bytes))));
      Value angle = arith::MulFOp::create(e, position, frequency);
      Value place = e.address(target, e.mul(i, 4));
      e.store(math::CosOp::create(e, angle), place);
      e.store(math::SinOp::create(e, angle), e.address(place, half * 4));
    });
  });
  return success();
}

LogicalResult lqc::emitRope(KernelEmitter &e) {
  RopeOp op = cast<RopeOp>(e.operation());
  int64_t columns = e.typeOf(0).getDimSize(1);
  int64_t headDim = op.getHeadDim(), half = headDim / 2;
  Type f32 = e.getF32Type();
  Value in = e.argument(0), table = e.argument(1), out = e.argument(2);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value cosines = e.address(table, e.mul(row, headDim * 4));
    Value rowBytes = e.mul(row, columns * 4);
    e.loop(e.constantI64(0), e.constantI64(columns), headDim, [&](Value head) {
      Value headBytes = e.add(rowBytes, e.mul(head, 4));
      e.forColumns(half, [&](Value column, int64_t lanes) {
        Value offset = e.mul(column, 4);
        Value low = e.add(headBytes, offset), high = e.add(low, half * 4);
        Value c = e.loadLanes(f32, e.address(cosines, offset), lanes);
        Value s = e.loadLanes(f32, e.address(cosines, e.add(offset, half * 4)),
                              lanes);
        Value x = e.loadLanes(f32, e.address(in, low), lanes);
        Value y = e.loadLanes(f32, e.address(in, high), lanes);
        Value xc = arith::MulFOp::create(e, x, c);
        Value yc = arith::MulFOp::create(e, y, c);
        Value ys = arith::MulFOp::create(e, y, s);
        Value xs = arith::MulFOp::create(e, x, s);
        e.storeLanes(arith::SubFOp::create(e, xc, ys), e.address(out, low),
                     lanes);
        e.storeLanes(arith::AddFOp::create(e, yc, xs), e.address(out, high),
                     lanes);
      });
    });
  });
  return success();
}
