//===- Embedding.cpp - rows of a table ------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/BlockReader.h"

using namespace mlir;
using namespace lqc;

static Value divide(KernelEmitter &e, Value a, int64_t b) {
  return arith::DivSIOp::create(e, a, e.constantI64(b));
}

static Value remainder(KernelEmitter &e, Value a, int64_t b) {
  return arith::RemSIOp::create(e, a, e.constantI64(b));
}

/// Rows of a table that is an activation: copied.
static void emitCopyRows(KernelEmitter &e, Value indices, Value table,
                         Value out, int64_t columns) {
  Type f32 = e.getF32Type();
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value from = e.mul(e.loadIndex(indices, row), columns * 4);
    Value to = e.mul(row, columns * 4);
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value offset = e.mul(column, 4);
      Value x = e.loadLanes(f32, e.address(table, e.add(from, offset)), lanes);
      e.storeLanes(x, e.address(out, e.add(to, offset)), lanes);
    });
  });
}

/// One row of a packed float matrix: the place `lane` of block `block`.
static void emitFloatRow(KernelEmitter &e, RankedTensorType type, Value block,
                         Value lane, Value target) {
  Type element = type.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  int64_t tile = packedOf(type).getTileRows(), columns = type.getDimSize(1);
  e.loop(e.constantI64(0), e.constantI64(columns), 1, [&](Value column) {
    Value index = e.add(e.mul(column, tile), lane);
    Value x = e.toF32(e.load(element, e.address(block, e.mul(index, bytes))));
    e.store(x, e.address(target, e.mul(column, 4)));
  });
}

/// One row of a packed quantized matrix. The registers of the whole block are
/// decoded and one lane is kept: a lookup touches one row, so it need not be
/// quick; it must not need a second copy of a tied head.
static void emitQuantizedRow(KernelEmitter &e, BlockReader &reader,
                             const Scheme &scheme, int64_t columns, Value block,
                             Value lane, Value target) {
  int64_t group = scheme.groupColumns(columns), run = reader.runColumns();
  Value inRegister = remainder(e, lane, reader.lanes());
  auto pick = [&](ArrayRef<Value> registers) {
    Value result;
    for (auto [part, all] : llvm::enumerate(registers)) {
      Value x = vector::ExtractOp::create(
          e, all,
          OpFoldResult(
              arith::IndexCastOp::create(e, e.getIndexType(), inRegister)
                  .getResult()));
      Value isHere =
          arith::CmpIOp::create(e, arith::CmpIPredicate::sge, lane,
                                e.constantI64(int64_t(part) * reader.lanes()));
      result = result ? arith::SelectOp::create(e, isHere, x, result) : x;
    }
    return result;
  };
  auto emitGroup = [&](Value g, Value base, int64_t offset,
                       KernelEmitter::Values) {
    SmallVector<Value> zeros, scales, minima;
    for (int64_t part = 0; part < reader.parts(); ++part) {
      zeros.push_back(reader.zeros(block, part, g));
      scales.push_back(reader.scale(block, part, g));
      minima.push_back(reader.minimum(block, part, g));
    }
    return overColumns(
        e, base, offset, group, run, {},
        [&](Value column, int64_t within, int64_t count,
            KernelEmitter::Values) {
          for (int64_t c = within; c < within + count; ++c) {
            SmallVector<Value> registers;
            for (int64_t part = 0; part < reader.parts(); ++part) {
              Value x = arith::MulFOp::create(
                  e, reader.levels(block, part, column, c, zeros[part]),
                  scales[part]);
              if (minima[part])
                x = arith::SubFOp::create(e, x, minima[part]);
              registers.push_back(x);
            }
            Value place = e.add(e.mul(column, 4), c * 4);
            e.store(pick(registers), e.address(target, place));
          }
          return KernelEmitter::Values();
        });
  };
  overGroups(e, columns, group, run, {}, emitGroup);
}

LogicalResult lqc::emitEmbedding(KernelEmitter &e) {
  RankedTensorType type = e.typeOf(1);
  int64_t columns = type.getDimSize(1);
  Value indices = e.argument(0), table = e.argument(1), out = e.argument(2);
  PackedAttr packed = packedOf(type);
  if (!packed) {
    emitCopyRows(e, indices, table, out, columns);
    return success();
  }
  int64_t tile = packed.getTileRows();
  Scheme scheme = packed.getScheme() ? packed.getScheme().getValue() : Scheme();
  BlockReader reader(e, scheme, columns, packed.getLayout());
  RankedTensorType oneBlock =
      RankedTensorType::get({tile, columns}, type.getElementType(), packed);
  int64_t blockBytes =
      packed.getScheme() ? reader.blockBytes() : weightBytes(oneBlock);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value index = e.loadIndex(indices, row);
    Value block = e.address(table, e.mul(divide(e, index, tile), blockBytes));
    Value lane = remainder(e, index, tile);
    Value target = e.address(out, e.mul(row, columns * 4));
    if (packed.getScheme())
      emitQuantizedRow(e, reader, scheme, columns, block, lane, target);
    else
      emitFloatRow(e, type, block, lane, target);
  });
  return success();
}
