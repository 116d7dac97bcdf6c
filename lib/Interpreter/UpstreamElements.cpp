//===- UpstreamElements.cpp - tensor operations on single elements --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarRegion.h"
#include "TensorIndex.h"
#include "Upstream.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lqc;
using namespace mlir;

using Shape = TensorValue::Shape;

//===----------------------------------------------------------------------===//
// Some elements
//===----------------------------------------------------------------------===//

static llvm::Expected<int64_t> placeOf(Operation *op, const TensorValue &tensor,
                                       ValueRange indices, const Frame &frame) {
  llvm::Expected<int64_t> place = elementPlace(
      tensor.shape(), [&](unsigned d) { return frame.integer(indices[d]); });
  if (!place)
    return opError(op, "{0}", llvm::toString(place.takeError()));
  return place;
}

static llvm::Error extract(tensor::ExtractOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getTensor());
  llvm::Expected<int64_t> place = placeOf(op, source, op.getIndices(), frame);
  if (!place)
    return place.takeError();
  frame.set(op, changed(source, {}, [&](const auto &elements) {
              return std::decay_t<decltype(elements)>{elements[*place]};
            }));
  return llvm::Error::success();
}

static llvm::Error insert(tensor::InsertOp op, Frame &frame) {
  const TensorValue &dest = frame.get(op.getDest());
  llvm::Expected<int64_t> place = placeOf(op, dest, op.getIndices(), frame);
  if (!place)
    return place.takeError();
  const TensorValue &scalar = frame.get(op.getScalar());
  frame.set(op, changed(dest, Shape(dest.shape()), [&](auto elements) {
              elements[*place] = elementsOf<decltype(elements)>(scalar)[0];
              return elements;
            }));
  return llvm::Error::success();
}

static llvm::Error fromElements(tensor::FromElementsOp op, Frame &frame) {
  llvm::Expected<ScalarType> type = scalarTypeOf(op.getType());
  if (!type)
    return type.takeError();
  ElementsBuilder elements(*type, op.getElements().size());
  for (auto [i, element] : llvm::enumerate(op.getElements()))
    elements.set(i, scalarAt(frame.get(element), 0));
  frame.set(op, elements.take(Shape(op.getType().getShape())));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Gathered and scattered slices
//===----------------------------------------------------------------------===//

/// The indices of each slice, one for each of `dims`, must be in the tensor.
static llvm::Error checkIndices(Operation *op, ArrayRef<int64_t> whole,
                                const TensorValue &indices,
                                ArrayRef<int64_t> dims) {
  for (auto [i, index] : llvm::enumerate(indices.integers())) {
    int64_t d = dims[i % dims.size()];
    if (index < 0 || index >= whole[d])
      return opError(op,
                     "an index of dimension {0} must be less than {1}, got: "
                     "{2}",
                     d, whole[d], index);
  }
  return llvm::Error::success();
}

/// Calls `body(element of the tensor, element of the slices)` for the slices
/// that `indices` name: a slice has all of a dimension, or the one index of
/// `dims`. The slices are behind one another.
template <typename Body>
static void forEachInSlices(ArrayRef<int64_t> whole, const TensorValue &indices,
                            ArrayRef<int64_t> dims, Body body) {
  Shape sizes(whole), strides = stridesOf(whole);
  for (int64_t d : dims)
    sizes[d] = 1;
  int64_t size = ShapedType::getNumElements(sizes);
  int64_t slices = indices.elements() / dims.size();
  for (int64_t slice = 0; slice < slices; ++slice) {
    int64_t start = 0;
    for (auto [k, d] : llvm::enumerate(dims))
      start += indices.integers()[slice * dims.size() + k] * strides[d];
    Shape position(whole.size(), 0);
    for (int64_t i = 0; i < size; ++i) {
      int64_t place = start;
      for (auto [index, stride] : llvm::zip(position, strides))
        place += index * stride;
      body(place, slice * size + i);
      advance(position, sizes);
    }
  }
}

/// The shape of a gather's result: its static sizes hold for the slices, the
/// others come from the indices.
static Shape gatheredShape(tensor::GatherOp op, const TensorValue &source,
                           const TensorValue &indices) {
  Shape shape(indices.shape().drop_back());
  bool dropsDims = op.getResultType().getRank() !=
                   static_cast<int64_t>(shape.size() + source.shape().size());
  for (auto [d, size] : llvm::enumerate(source.shape())) {
    bool isGathered = llvm::is_contained(op.getGatherDims(), d);
    if (!isGathered)
      shape.push_back(size);
    else if (!dropsDims)
      shape.push_back(1);
  }
  return shape;
}

static llvm::Error gather(tensor::GatherOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  const TensorValue &indices = frame.get(op.getIndices());
  ArrayRef<int64_t> dims = op.getGatherDims();
  if (llvm::Error error = checkIndices(op, source.shape(), indices, dims))
    return error;
  Shape shape = gatheredShape(op, source, indices);
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  frame.set(op, changed(source, shape, [&](const auto &elements) {
              std::decay_t<decltype(elements)> gathered(
                  ShapedType::getNumElements(shape));
              forEachInSlices(source.shape(), indices, dims,
                              [&](int64_t place, int64_t i) {
                                gathered[i] = elements[place];
                              });
              return gathered;
            }));
  return llvm::Error::success();
}

static llvm::Error scatter(tensor::ScatterOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  const TensorValue &dest = frame.get(op.getDest());
  const TensorValue &indices = frame.get(op.getIndices());
  ArrayRef<int64_t> dims = op.getScatterDims();
  if (llvm::Error error = checkIndices(op, dest.shape(), indices, dims))
    return error;
  Shape slice(dest.shape());
  for (int64_t d : dims)
    slice[d] = 1;
  int64_t count =
      indices.elements() / dims.size() * ShapedType::getNumElements(slice);
  if (source.elements() != count)
    return opError(op, "the source must have {0} elements, got: {1}", count,
                   source.elements());
  frame.set(op, changed(dest, Shape(dest.shape()), [&](auto elements) {
              const auto &slices = elementsOf<decltype(elements)>(source);
              forEachInSlices(dest.shape(), indices, dims,
                              [&](int64_t place, int64_t i) {
                                elements[place] = slices[i];
                              });
              return elements;
            }));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Elements that a body computes
//===----------------------------------------------------------------------===//

/// The elements of `shape` that the body gives for their indices.
static llvm::Expected<TensorValue> generateElements(RankedTensorType type,
                                                    Block &body,
                                                    const Shape &shape,
                                                    Frame &frame) {
  llvm::Expected<ScalarType> scalarType = scalarTypeOf(type);
  if (!scalarType)
    return scalarType.takeError();
  int64_t count = ShapedType::getNumElements(shape);
  ElementsBuilder elements(*scalarType, count);
  if (count == 0)
    return elements.take(shape);
  llvm::Expected<std::unique_ptr<ScalarRegion>> region =
      ScalarRegion::create(body, frame, /*isReduction=*/false);
  if (!region)
    return region.takeError();
  Shape position(shape.size(), 0);
  for (int64_t first = 0; first < count; first += ScalarRegion::kCount) {
    int64_t size = std::min(ScalarRegion::kCount, count - first);
    for (int64_t i = 0; i < size; ++i) {
      for (auto [d, index] : llvm::enumerate(position))
        (*region)->argument(d)[i].integer = index;
      advance(position, shape);
    }
    if (llvm::Error error = (*region)->run(size))
      return std::move(error);
    for (int64_t i = 0; i < size; ++i)
      elements.set(first + i, (*region)->yielded(0)[i]);
  }
  return elements.take(shape);
}

static llvm::Error generate(tensor::GenerateOp op, Frame &frame) {
  RankedTensorType type = cast<RankedTensorType>(op.getType());
  Shape shape = evaluateShape(type, op.getDynamicExtents(), frame);
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  llvm::Expected<TensorValue> result =
      generateElements(type, op.getBody().front(), shape, frame);
  if (!result)
    return result.takeError();
  frame.set(op, std::move(*result));
  return llvm::Error::success();
}

/// Writes `source` into the tensor with its first element at `low`.
static TensorValue overwritten(const TensorValue &tensor,
                               const TensorValue &source,
                               ArrayRef<int64_t> low) {
  Shape strides = stridesOf(tensor.shape());
  return changed(tensor, Shape(tensor.shape()), [&](auto elements) {
    const auto &from = elementsOf<decltype(elements)>(source);
    Shape position(low.size(), 0);
    for (const auto &element : from) {
      int64_t place = 0;
      for (size_t d = 0; d < low.size(); ++d)
        place += (low[d] + position[d]) * strides[d];
      elements[place] = element;
      advance(position, source.shape());
    }
    return elements;
  });
}

/// The padding is computed everywhere, then the source put in its middle.
static llvm::Error pad(tensor::PadOp op, Frame &frame) {
  const TensorValue source = frame.get(op.getSource());
  Shape low = evaluateSizes(op.getMixedLowPad(), frame);
  Shape high = evaluateSizes(op.getMixedHighPad(), frame);
  Shape shape(source.shape());
  for (size_t d = 0; d < shape.size(); ++d) {
    if (low[d] < 0 || high[d] < 0)
      return opError(op, "padding must not be negative, got: {0} and {1}",
                     low[d], high[d]);
    shape[d] += low[d] + high[d];
  }
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  llvm::Expected<TensorValue> padding = generateElements(
      op.getResultType(), op.getRegion().front(), shape, frame);
  if (!padding)
    return padding.takeError();
  frame.set(op, overwritten(*padding, source, low));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static llvm::Error rank(tensor::RankOp op, Frame &frame) {
  int64_t rank = frame.get(op.getTensor()).shape().size();
  frame.set(op, TensorValue::ofIntegers({}, {rank}));
  return llvm::Error::success();
}

static llvm::Error reshape(tensor::ReshapeOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  Shape shape(llvm::ArrayRef(frame.get(op.getShape()).integers()));
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  if (ShapedType::getNumElements(shape) != source.elements())
    return opError(op, "shapes must have as many elements, got: {0} != {1}",
                   ShapedType::getNumElements(shape), source.elements());
  frame.set(op, source.reshaped(std::move(shape)));
  return llvm::Error::success();
}

void lqc::addUpstreamElementOps(OpTable &table) {
  addOp<tensor::ExtractOp>(table, extract);
  addOp<tensor::InsertOp>(table, insert);
  addOp<tensor::FromElementsOp>(table, fromElements);
  addOp<tensor::GatherOp>(table, gather);
  addOp<tensor::ScatterOp>(table, scatter);
  addOp<tensor::GenerateOp>(table, generate);
  addOp<tensor::PadOp>(table, pad);
  addOp<tensor::RankOp>(table, rank);
  addOp<tensor::ReshapeOp>(table, reshape);
}
