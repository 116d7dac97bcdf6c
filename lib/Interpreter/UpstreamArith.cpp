//===- UpstreamArith.cpp - arith and math, on scalars and tensors ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

/// The shape of an elementwise result. In a kernel a constant has all rows of
/// its type, a tensor with a row a token only the valid ones: the fewest rows
/// decide.
static llvm::Expected<TensorValue::Shape>
commonShape(Operation *op, llvm::ArrayRef<const TensorValue *> operands) {
  TensorValue::Shape shape(operands[0]->shape());
  bool mayDiffer = op->getParentOfType<KernelOp>() != nullptr;
  for (const TensorValue *operand : operands.drop_front()) {
    for (size_t d = 0; d < shape.size(); ++d)
      if (operand->shape()[d] != shape[d] && (d > 0 || !mayDiffer))
        return opError(op,
                       "dimension {0} of the operands must be the same, "
                       "got: {1} != {2}",
                       d, shape[d], operand->shape()[d]);
    if (!shape.empty())
      shape[0] = std::min(shape[0], operand->shape()[0]);
  }
  return shape;
}

/// Sets a float result, rounded to its format.
static llvm::Error setFloats(Value result, Frame &frame,
                             TensorValue::Shape shape,
                             std::vector<float> values) {
  std::optional<FloatFormat> format = floatFormatOf(result.getType());
  if (!format)
    return unknownElementType(result.getType());
  roundFloats(values.data(), *format, values.size());
  frame.set(result, TensorValue::ofFloats(std::move(shape), std::move(values)));
  return llvm::Error::success();
}

/// Sets an integer result, cut to its width.
static llvm::Error setIntegers(Value result, Frame &frame,
                               TensorValue::Shape shape,
                               std::vector<int64_t> values) {
  std::optional<unsigned> bits = integerBitsOf(result.getType());
  if (!bits)
    return unknownElementType(result.getType());
  for (int64_t &value : values)
    value = wrapInteger(value, *bits);
  frame.set(result,
            TensorValue::ofIntegers(std::move(shape), std::move(values)));
  return llvm::Error::success();
}

template <typename Out, typename In, typename Function>
static std::vector<Out>
combine(const std::vector<In> &a, const std::vector<In> &b,
        const TensorValue::Shape &shape, Function function) {
  std::vector<Out> result(ShapedType::getNumElements(shape));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = function(a[i], b[i]);
  return result;
}

/// Adds `Op` with a function of two floats.
template <typename Op, float (*function)(float, float)>
static void addFloatBinary(OpTable &table) {
  addOp<Op>(
      table, +[](Op op, Frame &frame) {
        const TensorValue &a = frame.get(op.getLhs()),
                          &b = frame.get(op.getRhs());
        llvm::Expected<TensorValue::Shape> shape = commonShape(op, {&a, &b});
        if (!shape)
          return shape.takeError();
        return setFloats(
            op, frame, *shape,
            combine<float>(a.floats(), b.floats(), *shape, function));
      });
}

/// Adds `Op` with a function of two integers.
template <typename Op, uint64_t (*function)(uint64_t, uint64_t)>
static void addIntegerBinary(OpTable &table) {
  addOp<Op>(
      table, +[](Op op, Frame &frame) {
        const TensorValue &a = frame.get(op.getLhs()),
                          &b = frame.get(op.getRhs());
        llvm::Expected<TensorValue::Shape> shape = commonShape(op, {&a, &b});
        if (!shape)
          return shape.takeError();
        return setIntegers(
            op, frame, *shape,
            combine<int64_t>(a.integers(), b.integers(), *shape, function));
      });
}

/// Adds `Op` with a function of one number, computed in double.
template <typename Op, double (*function)(double)>
static void addFloatUnary(OpTable &table) {
  addOp<Op>(
      table, +[](Op op, Frame &frame) {
        const TensorValue &operand = frame.get(op.getOperand());
        std::vector<float> result = operand.floats();
        for (float &value : result)
          value = static_cast<float>(function(value));
        return setFloats(op, frame, TensorValue::Shape(operand.shape()),
                         std::move(result));
      });
}

static float add(float a, float b) { return a + b; }
static float subtract(float a, float b) { return a - b; }
static float multiply(float a, float b) { return a * b; }
static float divide(float a, float b) { return a / b; }
/// NaN wins, and +0 is larger than -0, as the dialect says.
static float maximum(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
static float minimum(float a, float b) { return -maximum(-a, -b); }

static uint64_t addIntegers(uint64_t a, uint64_t b) { return a + b; }
static uint64_t subtractIntegers(uint64_t a, uint64_t b) { return a - b; }
static uint64_t multiplyIntegers(uint64_t a, uint64_t b) { return a * b; }

static double negate(double x) { return -x; }
static double inverseRoot(double x) { return 1 / std::sqrt(x); }

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

static bool compareIntegers(arith::CmpIPredicate predicate, int64_t a,
                            int64_t b) {
  uint64_t x = a, y = b;
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return x < y;
  case arith::CmpIPredicate::ule:
    return x <= y;
  case arith::CmpIPredicate::ugt:
    return x > y;
  case arith::CmpIPredicate::uge:
    return x >= y;
  }
  llvm_unreachable("all predicates are listed");
}

static llvm::Error compareI(arith::CmpIOp op, Frame &frame) {
  const TensorValue &a = frame.get(op.getLhs()), &b = frame.get(op.getRhs());
  llvm::Expected<TensorValue::Shape> shape = commonShape(op, {&a, &b});
  if (!shape)
    return shape.takeError();
  // One bit is held as 0 or 1; signed, a set bit means -1.
  bool isBit = getElementTypeOrSelf(op.getLhs().getType()).isInteger(1);
  int64_t sign = isBit ? -1 : 1;
  return setIntegers(
      op, frame, *shape,
      combine<int64_t>(
          a.integers(), b.integers(), *shape, [&](int64_t x, int64_t y) {
            return compareIntegers(op.getPredicate(), sign * x, sign * y);
          }));
}

static bool compareFloats(arith::CmpFPredicate predicate, float a, float b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return !unordered && a == b;
  case P::UEQ:
    return unordered || a == b;
  case P::ONE:
    return !unordered && a != b;
  case P::UNE:
    return unordered || a != b;
  case P::OLT:
    return !unordered && a < b;
  case P::ULT:
    return unordered || a < b;
  case P::OLE:
    return !unordered && a <= b;
  case P::ULE:
    return unordered || a <= b;
  case P::OGT:
    return !unordered && a > b;
  case P::UGT:
    return unordered || a > b;
  case P::OGE:
    return !unordered && a >= b;
  case P::UGE:
    return unordered || a >= b;
  }
  llvm_unreachable("all predicates are listed");
}

static llvm::Error compareF(arith::CmpFOp op, Frame &frame) {
  const TensorValue &a = frame.get(op.getLhs()), &b = frame.get(op.getRhs());
  llvm::Expected<TensorValue::Shape> shape = commonShape(op, {&a, &b});
  if (!shape)
    return shape.takeError();
  return setIntegers(
      op, frame, *shape,
      combine<int64_t>(a.floats(), b.floats(), *shape, [&](float x, float y) {
        return compareFloats(op.getPredicate(), x, y);
      }));
}

template <typename T>
static std::vector<T>
choose(const std::vector<int64_t> &condition, const std::vector<T> &yes,
       const std::vector<T> &no, const TensorValue::Shape &shape) {
  std::vector<T> result(ShapedType::getNumElements(shape));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = condition[i] ? yes[i] : no[i];
  return result;
}

static llvm::Error select(arith::SelectOp op, Frame &frame) {
  const TensorValue &condition = frame.get(op.getCondition());
  const TensorValue &yes = frame.get(op.getTrueValue());
  const TensorValue &no = frame.get(op.getFalseValue());
  if (condition.shape().empty()) {
    frame.set(op, condition.integers()[0] ? yes : no);
    return llvm::Error::success();
  }
  llvm::Expected<TensorValue::Shape> shape =
      commonShape(op, {&condition, &yes, &no});
  if (!shape)
    return shape.takeError();
  if (yes.kind() == TensorValue::Kind::Integer)
    return setIntegers(
        op, frame, *shape,
        choose(condition.integers(), yes.integers(), no.integers(), *shape));
  return setFloats(
      op, frame, *shape,
      choose(condition.integers(), yes.floats(), no.floats(), *shape));
}

//===----------------------------------------------------------------------===//
// Constants and conversions
//===----------------------------------------------------------------------===//

static int64_t integerOf(const APInt &value) {
  return value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue();
}

static float floatOf(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToFloat();
}

static llvm::Error constantTensor(arith::ConstantOp op, Frame &frame,
                                  DenseElementsAttr dense) {
  TensorValue::Shape shape(dense.getType().getShape());
  if (integerBitsOf(op.getType())) {
    std::vector<int64_t> values;
    for (const APInt &value : dense.getValues<APInt>())
      values.push_back(integerOf(value));
    return setIntegers(op, frame, std::move(shape), std::move(values));
  }
  if (!floatFormatOf(op.getType()))
    return unknownElementType(op.getType());
  std::vector<float> values;
  for (const APFloat &value : dense.getValues<APFloat>())
    values.push_back(floatOf(value));
  return setFloats(op, frame, std::move(shape), std::move(values));
}

static llvm::Error constant(arith::ConstantOp op, Frame &frame) {
  if (DenseElementsAttr dense = dyn_cast<DenseElementsAttr>(op.getValue()))
    return constantTensor(op, frame, dense);
  if (IntegerAttr integer = dyn_cast<IntegerAttr>(op.getValue()))
    return setIntegers(op, frame, {}, {integerOf(integer.getValue())});
  if (FloatAttr number = dyn_cast<FloatAttr>(op.getValue()))
    return setFloats(op, frame, {}, {floatOf(number.getValue())});
  return opError(op, "value must be a number or dense");
}

/// truncf rounds to the result's format, extf does nothing: setFloats does
/// both.
template <typename Op> static llvm::Error convertFloat(Op op, Frame &frame) {
  const TensorValue &input = frame.get(op.getIn());
  return setFloats(op, frame, TensorValue::Shape(input.shape()),
                   input.floats());
}

static llvm::Error castIndex(arith::IndexCastOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getIn());
  return setIntegers(op, frame, TensorValue::Shape(input.shape()),
                     input.integers());
}

static llvm::Error integerToFloat(arith::SIToFPOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getIn());
  std::vector<float> result;
  for (int64_t value : input.integers())
    result.push_back(static_cast<float>(value));
  return setFloats(op, frame, TensorValue::Shape(input.shape()),
                   std::move(result));
}

void lqc::addUpstreamArithOps(OpTable &table) {
  addOp<arith::ConstantOp>(table, constant);
  addFloatBinary<arith::AddFOp, add>(table);
  addFloatBinary<arith::SubFOp, subtract>(table);
  addFloatBinary<arith::MulFOp, multiply>(table);
  addFloatBinary<arith::DivFOp, divide>(table);
  addFloatBinary<arith::MaximumFOp, maximum>(table);
  addFloatBinary<arith::MinimumFOp, minimum>(table);
  addFloatUnary<arith::NegFOp, negate>(table);
  addIntegerBinary<arith::AddIOp, addIntegers>(table);
  addIntegerBinary<arith::SubIOp, subtractIntegers>(table);
  addIntegerBinary<arith::MulIOp, multiplyIntegers>(table);
  addOp<arith::CmpIOp>(table, compareI);
  addOp<arith::CmpFOp>(table, compareF);
  addOp<arith::SelectOp>(table, select);
  addOp<arith::ExtFOp>(table, convertFloat<arith::ExtFOp>);
  addOp<arith::TruncFOp>(table, convertFloat<arith::TruncFOp>);
  addOp<arith::IndexCastOp>(table, castIndex);
  addOp<arith::SIToFPOp>(table, integerToFloat);
  addFloatUnary<math::ExpOp, std::exp>(table);
  addFloatUnary<math::TanhOp, std::tanh>(table);
  addFloatUnary<math::SqrtOp, std::sqrt>(table);
  addFloatUnary<math::RsqrtOp, inverseRoot>(table);
  addFloatUnary<math::ErfOp, std::erf>(table);
  addFloatUnary<math::CosOp, std::cos>(table);
  addFloatUnary<math::SinOp, std::sin>(table);
}
