//===- Norm.cpp - normalization and quantization of rows ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

/// The sum of a vector's lanes, in any order.
static Value reduceAdd(KernelEmitter &e, Value vector) {
  return vector::ReductionOp::create(
      e, vector::CombiningKind::ADD, vector,
      isa<FloatType>(getElementTypeOrSelf(vector.getType()))
          ? arith::FastMathFlags::reassoc
          : arith::FastMathFlags::none);
}

LogicalResult lqc::emitRmsNorm(KernelEmitter &e) {
  RmsNormOp op = cast<RmsNormOp>(e.operation());
  int64_t columns = e.typeOf(0).getDimSize(1);
  Type f32 = e.getF32Type(), gainType = e.typeOf(1).getElementType();
  int64_t gainBytes = gainType.getIntOrFloatBitWidth() / 8;
  VectorType vector = e.vectorOf(f32);
  Value in = e.argument(0), gain = e.argument(1), out = e.argument(2);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value source = e.address(in, e.mul(row, columns * 4));
    Value target = e.address(out, e.mul(row, columns * 4));
    Value squares =
        e.forColumns(columns, e.splatFloat(vector, 0.0),
                     [&](Value column, int64_t lanes, ValueRange sum) {
                       Value x = e.loadLanes(
                           f32, e.address(source, e.mul(column, 4)), lanes);
                       return KernelEmitter::Values{
                           math::FmaOp::create(e, x, x, sum.front())};
                     })[0];
    Value mean =
        arith::DivFOp::create(e, reduceAdd(e, squares), e.constantF32(columns));
    Value variance = arith::AddFOp::create(
        e, mean, e.constantF32(op.getEpsilon().convertToFloat()));
    Value scale = arith::DivFOp::create(e, e.constantF32(1.0),
                                        math::SqrtOp::create(e, variance));
    Value scales = e.broadcast(vector, scale);
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value bytes = e.mul(column, 4);
      Value x = e.loadLanes(f32, e.address(source, bytes), lanes);
      Value g = e.toF32(e.loadLanes(
          gainType, e.address(gain, e.mul(column, gainBytes)), lanes));
      Value y =
          arith::MulFOp::create(e, arith::MulFOp::create(e, x, scales), g);
      e.storeLanes(y, e.address(target, bytes), lanes);
    });
  });
  return success();
}

/// Largest magnitude of `columns` floats at `source`.
static Value emitMaxMagnitude(KernelEmitter &e, Value source, int64_t columns) {
  VectorType vector = e.vectorOf(e.getF32Type());
  Value max = e.forColumns(
      columns, e.splatFloat(vector, 0.0),
      [&](Value column, int64_t lanes, ValueRange carried) {
        Value x = e.loadLanes(e.getF32Type(),
                              e.address(source, e.mul(column, 4)), lanes);
        return KernelEmitter::Values{arith::MaximumFOp::create(
            e, carried.front(), math::AbsFOp::create(e, x))};
      })[0];
  return vector::ReductionOp::create(e, vector::CombiningKind::MAXIMUMF, max);
}

/// Writes the codes of `columns` floats and returns their sum.
static Value emitCodes(KernelEmitter &e, Value source, Value codes, Value scale,
                       int64_t columns, bool isFixed) {
  VectorType f32 = e.vectorOf(e.getF32Type());
  VectorType i32 = e.vectorOf(e.getI32Type());
  VectorType i8 = e.vectorOf(e.getI8Type());
  Value scales = e.broadcast(f32, scale);
  Value sum = e.forColumns(
      columns, e.splatInt(i32, 0),
      [&](Value column, int64_t lanes, ValueRange carried) {
        Value x = e.loadLanes(e.getF32Type(),
                              e.address(source, e.mul(column, 4)), lanes);
        Value rounded =
            math::RoundEvenOp::create(e, arith::DivFOp::create(e, x, scales));
        // The largest magnitude gives 127 unless the scale was fixed before.
        if (isFixed)
          rounded = arith::MinimumFOp::create(
              e, arith::MaximumFOp::create(e, rounded, e.splatFloat(f32, -127)),
              e.splatFloat(f32, 127));
        Value code = arith::FPToSIOp::create(e, i32, rounded);
        e.storeLanes(arith::TruncIOp::create(e, i8, code),
                     e.address(codes, column), lanes);
        return KernelEmitter::Values{e.add(carried.front(), code)};
      })[0];
  return reduceAdd(e, sum);
}

LogicalResult lqc::emitQuantize(KernelEmitter &e) {
  QuantizeOp op = cast<QuantizeOp>(e.operation());
  const Scheme &scheme = schemeOf(op.getType()).getValue();
  if (!scheme.isActivation())
    return op.emitOpError(
               "activations must take a scheme of activations, got: ")
           << schemeName(scheme);
  int64_t rows = e.typeOf(0).getDimSize(0), columns = e.typeOf(0).getDimSize(1);
  int64_t groups = scheme.groups(columns);
  int64_t group = scheme.groupColumns(columns);
  BufferParts parts = bufferParts(scheme, rows, columns);
  bool isFixed = bool(op.getScales());
  Value in = e.argument(0), out = e.argument(isFixed ? 2 : 1);
  Value given = isFixed ? e.argument(1) : Value();
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value source = e.address(in, e.mul(row, columns * 4));
    Value codes = e.address(out, e.mul(row, parts.codeStride));
    Value perGroup = e.address(out, e.mul(row, groups * 4));
    e.loop(e.constantI64(0), e.constantI64(groups), 1, [&](Value g) {
      Value first = e.address(source, e.mul(g, group * 4));
      Value scale =
          isFixed ? e.load(e.getF32Type(), e.address(given, e.mul(g, 4)))
                  : arith::DivFOp::create(e, emitMaxMagnitude(e, first, group),
                                          e.constantF32(127.0))
                        .getResult();
      Value isZero = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, scale,
                                           e.constantF32(0.0));
      scale = arith::SelectOp::create(e, isZero, e.constantF32(1.0), scale);
      Value sum = emitCodes(e, first, e.address(codes, e.mul(g, group)), scale,
                            group, isFixed);
      Value place = e.address(perGroup, e.mul(g, 4));
      e.store(scale, e.address(place, parts.scales));
      e.store(sum, e.address(place, parts.sums));
    });
    // Linears read codes in runs of 32: the tail of a row is zero.
    for (int64_t pad = columns; pad < parts.codeStride; ++pad)
      e.store(e.splatInt(e.getI8Type(), 0), e.address(codes, pad));
  });
  return success();
}
