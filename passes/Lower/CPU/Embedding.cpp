//===- Embedding.cpp - rows of a table ------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

namespace {
/// Reads single elements of a packed matrix. A lookup touches one row, so it
/// need not be quick; it must not need a second copy of a tied head.
struct PackedElement {
  KernelEmitter &e;
  RankedTensorType type;
  Value block; ///< address of the row's block
  Value lane;  ///< the row's place in its block

  Value plain(Value column);
  Value code(const Scheme &scheme, const BlockParts &parts, Value column);
  Value zeroPoint(const Scheme &scheme, const BlockParts &parts, Value group);
  Value quantized(const Scheme &scheme, Value column);
};
} // namespace

static Value divide(KernelEmitter &e, Value a, int64_t b) {
  return arith::DivSIOp::create(e, a, e.constantI64(b));
}

static Value remainder(KernelEmitter &e, Value a, int64_t b) {
  return arith::RemSIOp::create(e, a, e.constantI64(b));
}

Value PackedElement::plain(Value column) {
  Type element = type.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value index = e.add(e.mul(column, packedOf(type).getTileRows()), lane);
  return e.toF32(e.load(element, e.address(block, e.mul(index, bytes))));
}

/// The code as an i32, unsigned: planes put together (lqc/Numerics/Packing.h).
Value PackedElement::code(const Scheme &scheme, const BlockParts &parts,
                          Value column) {
  Layout layout = packedOf(type).getLayout();
  Type i32 = e.getI32Type();
  Value chunk = divide(e, column, layout.tileColumns);
  Value inVector = e.add(e.mul(lane, layout.tileColumns),
                         remainder(e, column, layout.tileColumns));
  Value code;
  for (auto [plane, offset] : llvm::zip(bitPlanes(scheme.bits), parts.planes)) {
    int64_t chunks = 8 / plane.bits;
    Value run =
        e.mul(divide(e, chunk, chunks), layout.tileRows * layout.tileColumns);
    Value byte = e.load(e.getI8Type(),
                        e.address(block, e.add(e.add(run, inVector), offset)));
    byte = arith::ExtUIOp::create(e, i32, byte);
    Value shift = arith::TruncIOp::create(
        e, i32, e.mul(remainder(e, chunk, chunks), plane.bits));
    Value bits =
        arith::AndIOp::create(e, arith::ShRUIOp::create(e, byte, shift),
                              e.splatInt(i32, (1 << plane.bits) - 1));
    bits = arith::ShLIOp::create(e, bits, e.splatInt(i32, plane.shift));
    code = code ? arith::OrIOp::create(e, code, bits).getResult() : bits;
  }
  // The 8-bit plane holds code - 128.
  if (scheme.bits == 8)
    code = arith::XOrIOp::create(e, code, e.splatInt(i32, 128));
  return code;
}

Value PackedElement::zeroPoint(const Scheme &scheme, const BlockParts &parts,
                               Value group) {
  Type i32 = e.getI32Type();
  if (scheme.isSymmetric())
    return e.splatInt(i32, scheme.symmetricZero());
  int64_t maskBytes = packedOf(type).getTileRows() / 8;
  Value masks = e.address(
      block, e.add(e.mul(group, scheme.bits * maskBytes), parts.zeros));
  Value shift = arith::TruncIOp::create(e, i32, lane);
  Value zero = e.splatInt(i32, 0);
  for (int64_t bit = 0; bit < scheme.bits; ++bit) {
    Value mask = e.load(e.getIntegerType(maskBytes * 8),
                        e.address(masks, bit * maskBytes));
    mask = arith::ExtUIOp::create(e, i32, mask);
    Value one = arith::AndIOp::create(e, arith::ShRUIOp::create(e, mask, shift),
                                      e.splatInt(i32, 1));
    zero = arith::OrIOp::create(
        e, zero, arith::ShLIOp::create(e, one, e.splatInt(i32, bit)));
  }
  return zero;
}

Value PackedElement::quantized(const Scheme &scheme, Value column) {
  Layout layout = packedOf(type).getLayout();
  int64_t columns = type.getDimSize(1);
  BlockParts parts = blockParts(scheme, columns, layout);
  Value group = divide(e, column, scheme.groupColumns(columns));
  Value index = e.add(e.mul(group, layout.tileRows), lane);
  Value scale = e.toF32(e.load(
      e.getF16Type(), e.address(block, e.add(e.mul(index, 2), parts.scales))));
  Value level = arith::SubIOp::create(e, code(scheme, parts, column),
                                      zeroPoint(scheme, parts, group));
  return arith::MulFOp::create(
      e, arith::SIToFPOp::create(e, e.getF32Type(), level), scale);
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
  SchemeAttr scheme = packed.getScheme();
  RankedTensorType oneBlock =
      RankedTensorType::get({tile, columns}, type.getElementType(), packed);
  int64_t blockBytes =
      scheme ? blockParts(scheme.getValue(), columns, packed.getLayout()).bytes
             : weightBytes(oneBlock);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value index = e.loadIndex(indices, row);
    Value block = e.address(table, e.mul(divide(e, index, tile), blockBytes));
    PackedElement element{e, type, block, remainder(e, index, tile)};
    Value target = e.address(out, e.mul(row, columns * 4));
    e.loop(e.constantI64(0), e.constantI64(columns), 1, [&](Value column) {
      Value x = scheme ? element.quantized(scheme.getValue(), column)
                       : element.plain(column);
      e.store(x, e.address(target, e.mul(column, 4)));
    });
  });
  return success();
}
