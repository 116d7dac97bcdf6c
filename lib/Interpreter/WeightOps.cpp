//===- WeightOps.cpp - what the operations on weights mean ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "Machine.h"

using namespace lqc;

static llvm::Error getWeight(GetWeightOp op, Frame &frame) {
  llvm::Expected<TensorValue> value = frame.machine.weight(op);
  if (!value)
    return value.takeError();
  frame.set(op, std::move(*value));
  return llvm::Error::success();
}

static llvm::Error quantizeMatrix(QuantizeOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  ClipSearch clip = op.getClip() == Clip::least_squares
                        ? ClipSearch::LeastSquares
                        : ClipSearch::None;
  const Scheme &scheme = schemeOf(op.getType()).getValue();
  int64_t rows = input.shape()[0], columns = input.shape()[1];
  llvm::Expected<QuantizedTensor> result =
      op.getScales() ? quantizeWith(frame.get(op.getScales()).floats(),
                                    input.floats(), rows, columns, scheme)
                     : quantize(input.floats(), rows, columns, scheme, clip,
                                frame.machine.threads);
  if (!result)
    return opError(op, "{0}", llvm::toString(result.takeError()));
  frame.set(op, TensorValue::ofQuantized(std::move(*result)));
  return llvm::Error::success();
}

/// The bytes of a tensor of i8.
static std::vector<char> bytesOf(const TensorValue &tensor) {
  const std::vector<int64_t> &numbers = tensor.integers();
  return {numbers.begin(), numbers.end()};
}

static llvm::Error assembleMatrix(AssembleOp op, Frame &frame) {
  std::vector<char> codes = bytesOf(frame.get(op.getCodes())), zeros;
  if (op.getZeros())
    zeros = bytesOf(frame.get(op.getZeros()));
  mlir::RankedTensorType type = op.getType();
  llvm::Expected<QuantizedTensor> result = assemble(
      codes, frame.get(op.getScales()).floats(), zeros,
      schemeOf(type).getValue(), type.getDimSize(0), type.getDimSize(1));
  if (!result)
    return opError(op, "{0}", llvm::toString(result.takeError()));
  frame.set(op, TensorValue::ofQuantized(std::move(*result)));
  return llvm::Error::success();
}

static llvm::Error dequantizeMatrix(DequantizeOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  frame.set(op, TensorValue::ofFloats(TensorValue::Shape(input.shape()),
                                      input.floats()));
  return llvm::Error::success();
}

static llvm::Error scaleChannels(ScaleChannelsOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const std::vector<float> &factors = frame.get(op.getFactors()).floats();
  if (input.kind() == TensorValue::Kind::Quantized) {
    QuantizedTensor result = input.quantized();
    if (llvm::Error error = scaleRows(result, factors))
      return opError(op, "{0}", llvm::toString(std::move(error)));
    frame.set(op, TensorValue::ofQuantized(std::move(result)));
    return llvm::Error::success();
  }
  std::vector<float> result = input.floats();
  int64_t rows = input.shape()[0];
  scaleFloats(result.data(), rows, rows ? result.size() / rows : 0,
              factors.data(), op.getAxis());
  frame.set(op, TensorValue::ofFloats(TensorValue::Shape(input.shape()),
                                      std::move(result)));
  return llvm::Error::success();
}

/// Packing changes bytes, never values.
static llvm::Error packMatrix(PackOp op, Frame &frame) {
  frame.set(op, frame.get(op.getInput()));
  return llvm::Error::success();
}

void lqc::addWeightOps(OpTable &table) {
  addOp<GetWeightOp>(table, getWeight);
  addOp<QuantizeOp>(table, quantizeMatrix);
  addOp<AssembleOp>(table, assembleMatrix);
  addOp<DequantizeOp>(table, dequantizeMatrix);
  addOp<ScaleChannelsOp>(table, scaleChannels);
  addOp<PackOp>(table, packMatrix);
}
