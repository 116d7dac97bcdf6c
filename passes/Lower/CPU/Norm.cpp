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

/// Adds up what `addTerm` makes of the columns of a row: lanes beyond the last
/// column read as 0.
static Value
sumColumns(KernelEmitter &e, Value row, int64_t columns,
           function_ref<Value(Value x, Value sum, int64_t lanes)> addTerm) {
  VectorType vector = e.vectorOf(e.getF32Type());
  Value sums = e.forColumns(
      columns, e.splatFloat(vector, 0.0),
      [&](Value column, int64_t lanes, ValueRange carried) {
        Value x = e.loadLanes(e.getF32Type(), e.address(row, e.mul(column, 4)),
                              lanes);
        return KernelEmitter::Values{addTerm(x, carried.front(), lanes)};
      })[0];
  return reduceAdd(e, sums);
}

/// 1 / sqrt(sum / columns + epsilon).
static Value inverseDeviation(KernelEmitter &e, Value sum, int64_t columns,
                              APFloat epsilon) {
  Value mean = arith::DivFOp::create(e, sum, e.constantF32(columns));
  Value variance =
      arith::AddFOp::create(e, mean, e.constantF32(epsilon.convertToFloat()));
  return arith::DivFOp::create(e, e.constantF32(1.0),
                               math::SqrtOp::create(e, variance));
}

/// Columns of a vector operand, as f32.
static Value loadOperand(KernelEmitter &e, unsigned index, Value column,
                         int64_t lanes) {
  Type type = e.typeOf(index).getElementType();
  Value bytes = e.mul(column, type.getIntOrFloatBitWidth() / 8);
  return e.toF32(e.loadLanes(type, e.address(e.argument(index), bytes), lanes));
}

LogicalResult lqc::emitRmsNorm(KernelEmitter &e) {
  RmsNormOp op = cast<RmsNormOp>(e.operation());
  int64_t columns = e.typeOf(0).getDimSize(1);
  Type f32 = e.getF32Type();
  Value in = e.argument(0), out = e.argument(2);
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value source = e.address(in, e.mul(row, columns * 4));
    Value target = e.address(out, e.mul(row, columns * 4));
    Value squares =
        sumColumns(e, source, columns, [&](Value x, Value sum, int64_t) {
          return math::FmaOp::create(e, x, x, sum);
        });
    Value scales =
        e.broadcast(e.vectorOf(f32),
                    inverseDeviation(e, squares, columns, op.getEpsilon()));
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value bytes = e.mul(column, 4);
      Value x = e.loadLanes(f32, e.address(source, bytes), lanes);
      Value y = arith::MulFOp::create(e, arith::MulFOp::create(e, x, scales),
                                      loadOperand(e, 1, column, lanes));
      e.storeLanes(y, e.address(target, bytes), lanes);
    });
  });
  return success();
}

/// x - mean, in the first lanes; the rest is 0.
static Value center(KernelEmitter &e, Value x, Value means, int64_t lanes) {
  Value centered = arith::SubFOp::create(e, x, means);
  if (lanes == kLanes)
    return centered;
  Value mask = vector::CreateMaskOp::create(
      e, e.vectorOf(e.getI1Type()),
      ValueRange{arith::ConstantIndexOp::create(e, lanes)});
  return arith::SelectOp::create(e, mask, centered,
                                 e.splatFloat(e.vectorOf(e.getF32Type()), 0.0));
}

// The mean is taken away before squares are summed: with E[x^2] - m^2 a row of
// large, near-equal numbers would lose its variance.
LogicalResult lqc::emitLayerNorm(KernelEmitter &e) {
  LayerNormOp op = cast<LayerNormOp>(e.operation());
  int64_t columns = e.typeOf(0).getDimSize(1);
  Type f32 = e.getF32Type();
  VectorType vector = e.vectorOf(f32);
  Value in = e.argument(0), out = e.argument(op.getNumOperands());
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value source = e.address(in, e.mul(row, columns * 4));
    Value target = e.address(out, e.mul(row, columns * 4));
    Value total =
        sumColumns(e, source, columns, [&](Value x, Value sum, int64_t) {
          return arith::AddFOp::create(e, x, sum);
        });
    Value means = e.broadcast(
        vector, arith::DivFOp::create(e, total, e.constantF32(columns)));
    Value squares =
        sumColumns(e, source, columns, [&](Value x, Value sum, int64_t lanes) {
          Value centered = center(e, x, means, lanes);
          return math::FmaOp::create(e, centered, centered, sum);
        });
    Value scales = e.broadcast(
        vector, inverseDeviation(e, squares, columns, op.getEpsilon()));
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      Value bytes = e.mul(column, 4);
      Value x = e.loadLanes(f32, e.address(source, bytes), lanes);
      Value y =
          arith::MulFOp::create(e, arith::SubFOp::create(e, x, means), scales);
      y = arith::MulFOp::create(e, y, loadOperand(e, 1, column, lanes));
      if (op.getBias())
        y = arith::AddFOp::create(e, y, loadOperand(e, 2, column, lanes));
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
  int64_t columns = e.typeOf(0).getDimSize(1);
  int64_t groups = scheme.groups(columns);
  int64_t group = scheme.groupColumns(columns);
  ActivationRow parts = activationRow(scheme, columns);
  bool isFixed = bool(op.getScales());
  Value in = e.argument(0), out = e.argument(isFixed ? 2 : 1);
  Value given = isFixed ? e.argument(1) : Value();
  e.loop(e.begin, e.end, 1, [&](Value row) {
    Value source = e.address(in, e.mul(row, columns * 4));
    Value codes = e.address(out, e.mul(row, parts.bytes));
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
      Value place = e.address(codes, e.mul(g, 4));
      e.store(scale, e.address(place, parts.scales));
      e.store(sum, e.address(place, parts.sums));
    });
    // Linears read codes in runs of 32: the tail of a row is zero.
    for (int64_t pad = columns; pad < parts.scales; ++pad)
      e.store(e.splatInt(e.getI8Type(), 0), e.address(codes, pad));
  });
  return success();
}
