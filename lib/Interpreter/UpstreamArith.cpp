//===- UpstreamArith.cpp - constants, and elementwise on tensors ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Scalar.h"
#include "Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

/// Elements that are computed at once.
static constexpr int64_t kBlock = 256;

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

namespace {
/// The results of an elementwise operation while they are computed.
struct ElementwiseResults {
  SmallVector<ScalarType, 2> types;
  SmallVector<ElementsBuilder, 2> elements;

  llvm::Error start(Operation *op, int64_t count) {
    for (Type type : op->getResultTypes()) {
      llvm::Expected<ScalarType> scalarType = scalarTypeOf(type);
      if (!scalarType)
        return scalarType.takeError();
      types.push_back(*scalarType);
      elements.emplace_back(*scalarType, count);
    }
    return llvm::Error::success();
  }

  void store(ArrayRef<Scalar *> blocks, int64_t first, int64_t count) {
    for (auto [i, block] : llvm::enumerate(blocks)) {
      roundScalars(block, count, types[i]);
      for (int64_t k = 0; k < count; ++k)
        elements[i].set(first + k, block[k]);
    }
  }
};

/// Room for one block of each operand or result.
struct Blocks {
  explicit Blocks(size_t number) : scalars(number * kBlock) {
    for (size_t i = 0; i < number; ++i)
      starts.push_back(scalars.data() + i * kBlock);
  }
  std::vector<Scalar> scalars;
  SmallVector<Scalar *> starts;
};
} // namespace

/// Applies the function of `op` to all elements of its operands.
static llvm::Error mapElements(Operation *op, const ScalarFunction &function,
                               Frame &frame) {
  SmallVector<const TensorValue *> operands;
  for (Value operand : op->getOperands())
    operands.push_back(&frame.get(operand));
  llvm::Expected<TensorValue::Shape> shape = commonShape(op, operands);
  if (!shape)
    return shape.takeError();
  int64_t count = ShapedType::getNumElements(*shape);
  ElementwiseResults results;
  if (llvm::Error error = results.start(op, count))
    return error;
  Blocks inputs(operands.size()), outputs(op->getNumResults());
  SmallVector<const Scalar *> read(inputs.starts.begin(), inputs.starts.end());
  for (int64_t first = 0; first < count; first += kBlock) {
    int64_t size = std::min(kBlock, count - first);
    for (auto [operand, block] : llvm::zip(operands, inputs.starts))
      loadScalars(*operand, first, size, block);
    if (llvm::Error error = function(read, outputs.starts, size))
      return opError(op, "{0}", llvm::toString(std::move(error)));
    results.store(outputs.starts, first, size);
  }
  for (auto [result, elements] : llvm::zip(op->getResults(), results.elements))
    frame.set(result, elements.take(*shape));
  return llvm::Error::success();
}

/// With a scalar condition all of one side is taken, whatever it is.
static llvm::Error select(Operation *op, const ScalarFunction &function,
                          Frame &frame) {
  arith::SelectOp select = cast<arith::SelectOp>(op);
  const TensorValue &condition = frame.get(select.getCondition());
  if (!condition.shape().empty())
    return mapElements(op, function, frame);
  // A copy, because setting a value moves the others.
  TensorValue chosen = frame.get(
      condition.integers()[0] ? select.getTrueValue() : select.getFalseValue());
  frame.set(op->getResult(0), std::move(chosen));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static Scalar scalarOf(const APInt &value) {
  Scalar result;
  result.integer =
      value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue();
  return result;
}

static Scalar scalarOf(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  Scalar result;
  result.number = value.convertToDouble();
  return result;
}

template <typename Element>
static void addElements(DenseElementsAttr dense, ElementsBuilder &elements) {
  int64_t i = 0;
  for (const Element &value : dense.getValues<Element>())
    elements.set(i++, scalarOf(value));
}

static llvm::Error constant(arith::ConstantOp op, Frame &frame) {
  llvm::Expected<ScalarType> type = scalarTypeOf(op.getType());
  if (!type)
    return type.takeError();
  DenseElementsAttr dense = dyn_cast<DenseElementsAttr>(op.getValue());
  ElementsBuilder elements(*type, dense ? dense.getNumElements() : 1);
  if (dense && type->format)
    addElements<APFloat>(dense, elements);
  else if (dense)
    addElements<APInt>(dense, elements);
  else if (IntegerAttr integer = dyn_cast<IntegerAttr>(op.getValue()))
    elements.set(0, scalarOf(integer.getValue()));
  else if (FloatAttr number = dyn_cast<FloatAttr>(op.getValue()))
    elements.set(0, scalarOf(number.getValue()));
  else
    return opError(op, "value must be a number or dense");
  frame.set(op,
            elements.take(dense ? TensorValue::Shape(dense.getType().getShape())
                                : TensorValue::Shape()));
  return llvm::Error::success();
}

void lqc::addUpstreamArithOps(OpTable &table) {
  addOp<arith::ConstantOp>(table, constant);
  for (const auto &entry : scalarTable()) {
    const MakeScalarFunction &make = entry.second;
    table[entry.getKey()] = [&make](Operation *op, Frame &frame) {
      return mapElements(op, make(op), frame);
    };
  }
  table[arith::SelectOp::getOperationName()] = [](Operation *op, Frame &frame) {
    return select(op, scalarTable().lookup(op->getName().getStringRef())(op),
                  frame);
  };
}
