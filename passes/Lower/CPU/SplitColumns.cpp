//===- SplitColumns.cpp - activations with some channels apart ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

/// rest = x in one row; then, for each index, kept = x and rest = 0.
LogicalResult lqc::emitSplitColumns(KernelEmitter &e) {
  Type f32 = e.getF32Type();
  for (unsigned i : {0, 3})
    if (e.typeOf(i).getElementType() != f32)
      return e.operation()->emitOpError("activations must be f32, got: ")
             << e.typeOf(i);
  int64_t columns = e.typeOf(0).getDimSize(1), kept = e.typeOf(3).getDimSize(1);
  Value x = e.argument(0), indices = e.argument(1), rest = e.argument(2);
  Value out = e.argument(3), zero = e.splatFloat(f32, 0.0);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value offset = e.mul(row, columns * 4);
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value bytes = e.add(offset, e.mul(column, 4));
      Value piece = e.loadLanes(f32, e.address(x, bytes), lanes);
      e.storeLanes(piece, e.address(rest, bytes), lanes);
    });
    e.loop(e.constantI64(0), e.constantI64(kept), 1, [&](Value place) {
      // Indices are bytes of a file: whatever they are, stay within the row.
      Value index = arith::MinUIOp::create(e, e.loadIndex(indices, place),
                                           e.constantI64(columns - 1));
      Value bytes = e.add(offset, e.mul(index, 4));
      Value target = e.add(e.mul(row, kept * 4), e.mul(place, 4));
      e.store(e.load(f32, e.address(x, bytes)), e.address(out, target));
      e.store(zero, e.address(rest, bytes));
    });
  });
  return success();
}
