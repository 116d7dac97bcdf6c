//===- UpstreamTensor.cpp - tensor and linalg -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quantized.h"
#include "TensorIndex.h"
#include "Types.h"
#include "Upstream.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace lqc;
using namespace mlir;

using Shape = TensorValue::Shape;
using Kind = TensorValue::Kind;

/// 64 GiB of integers.
static constexpr int64_t kMaxElements = int64_t(1) << 33;

//===----------------------------------------------------------------------===//
// Boxes of a tensor
//===----------------------------------------------------------------------===//

namespace {
/// The elements offsets[i] + strides[i] * k, k < sizes[i], of each dimension.
struct Box {
  Shape offsets, sizes, strides;
};
} // namespace

Shape lqc::evaluateSizes(ArrayRef<OpFoldResult> mixed, const Frame &frame) {
  Shape result;
  for (OpFoldResult entry : mixed) {
    if (std::optional<int64_t> constant = getConstantIntValue(entry))
      result.push_back(*constant);
    else
      result.push_back(frame.integer(cast<Value>(entry)));
  }
  return result;
}

Shape lqc::evaluateShape(RankedTensorType type, ValueRange dynamicSizes,
                         const Frame &frame) {
  Shape shape(type.getShape());
  auto dynamic = dynamicSizes.begin();
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = frame.integer(*dynamic++);
  return shape;
}

llvm::Error lqc::checkSizes(Operation *op, llvm::ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  bool isTooLarge = false;
  for (int64_t size : sizes) {
    if (size < 0)
      return opError(op, "sizes must not be negative, got: {0}", size);
    isTooLarge |= llvm::MulOverflow(count, size, count);
  }
  if (isTooLarge || count > kMaxElements)
    return opError(op,
                   "a tensor must have at most {0} elements, got: shape "
                   "[{1:$[, ]}]",
                   kMaxElements, llvm::make_range(sizes.begin(), sizes.end()));
  return llvm::Error::success();
}

/// Calls `body(index of the element of the whole, index in the box)` for every
/// element of the box, in order.
template <typename Body>
static void forEachElement(const Box &box, llvm::ArrayRef<int64_t> whole,
                           Body body) {
  int64_t rank = whole.size(), count = ShapedType::getNumElements(box.sizes);
  Shape position(rank, 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t place = 0;
    for (int64_t d = 0; d < rank; ++d)
      place = place * whole[d] + box.offsets[d] + position[d] * box.strides[d];
    body(place, i);
    advance(position, box.sizes);
  }
}

template <typename T>
static std::vector<T> gather(const std::vector<T> &from,
                             llvm::ArrayRef<int64_t> whole, const Box &box) {
  std::vector<T> result(ShapedType::getNumElements(box.sizes));
  forEachElement(box, whole,
                 [&](int64_t place, int64_t i) { result[i] = from[place]; });
  return result;
}

template <typename T>
static std::vector<T> scatter(const std::vector<T> &part, std::vector<T> into,
                              llvm::ArrayRef<int64_t> whole, const Box &box) {
  forEachElement(box, whole,
                 [&](int64_t place, int64_t i) { into[place] = part[i]; });
  return into;
}

/// A kernel's slice of static size takes the valid rows only: see Machine.h.
static void keepValidRows(Type sourceType, llvm::ArrayRef<int64_t> actual,
                          Box &box) {
  int64_t declared = cast<RankedTensorType>(sourceType).getDimSize(0);
  if (ShapedType::isDynamic(declared) || actual[0] >= declared)
    return;
  int64_t left = std::max<int64_t>(0, actual[0] - box.offsets[0]);
  int64_t fit = (left + box.strides[0] - 1) / box.strides[0];
  box.sizes[0] = std::min(box.sizes[0], fit);
}

/// Says which dimension of the box leaves the tensor, or -1.
static int64_t dimensionOutside(const Box &box, llvm::ArrayRef<int64_t> whole) {
  for (size_t d = 0; d < whole.size(); ++d) {
    if (box.sizes[d] == 0)
      continue;
    int64_t last = box.offsets[d] + (box.sizes[d] - 1) * box.strides[d];
    if (box.sizes[d] < 0 || box.offsets[d] < 0 || last < 0 || last >= whole[d])
      return d;
  }
  return -1;
}

template <typename Op> static Box boxOf(Op op, const Frame &frame) {
  return {evaluateSizes(op.getMixedOffsets(), frame),
          evaluateSizes(op.getMixedSizes(), frame),
          evaluateSizes(op.getMixedStrides(), frame)};
}

template <typename Op>
static llvm::Error checkBox(Op op, const Box &box,
                            llvm::ArrayRef<int64_t> whole) {
  int64_t d = dimensionOutside(box, whole);
  if (d < 0)
    return llvm::Error::success();
  return opError(op,
                 "dimension {0}: the slice must lie within {1}, got: offset "
                 "{2}, size {3}, stride {4}",
                 d, whole[d], box.offsets[d], box.sizes[d], box.strides[d]);
}

static llvm::Error extractSlice(tensor::ExtractSliceOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  Box box = boxOf(op, frame);
  if (!box.sizes.empty())
    keepValidRows(op.getSourceType(), source.shape(), box);
  if (llvm::Error error = checkBox(op, box, source.shape()))
    return error;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  bool isMatrix = dropped.none() &&
                  llvm::all_of(box.strides, [](int64_t s) { return s == 1; });
  if (source.kind() == Kind::Quantized && isMatrix) {
    llvm::Expected<QuantizedTensor> part =
        sliceQuantized(source.quantized(), box.offsets[0], box.sizes[0],
                       box.offsets[1], box.sizes[1]);
    if (!part)
      return opError(op, "{0}", llvm::toString(part.takeError()));
    frame.set(op, TensorValue::ofQuantized(std::move(*part)));
    return llvm::Error::success();
  }
  Shape shape;
  for (size_t d = 0; d < box.sizes.size(); ++d)
    if (!dropped.test(d))
      shape.push_back(box.sizes[d]);
  frame.set(op, changed(source, shape, [&](const auto &elements) {
              return gather(elements, source.shape(), box);
            }));
  return llvm::Error::success();
}

static llvm::Error insertSlice(tensor::InsertSliceOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  const TensorValue &into = frame.get(op.getDest());
  Box box = boxOf(op, frame);
  if (llvm::Error error = checkBox(op, box, into.shape()))
    return error;
  if (ShapedType::getNumElements(box.sizes) != source.elements())
    return opError(op,
                   "the slice must have as many elements as the source, "
                   "got: {0} != {1}",
                   ShapedType::getNumElements(box.sizes), source.elements());
  frame.set(op, changed(source, Shape(into.shape()), [&](const auto &elements) {
              using Elements = std::decay_t<decltype(elements)>;
              return scatter(elements, elementsOf<Elements>(into), into.shape(),
                             box);
            }));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Concatenation, transposition
//===----------------------------------------------------------------------===//

static llvm::Error concatQuantized(tensor::ConcatOp op, Frame &frame) {
  if (op.getDim() != 0)
    return opError(op,
                   "quantized tensors are joined along dimension 0, got: "
                   "{0}",
                   op.getDim());
  llvm::SmallVector<const QuantizedTensor *> parts;
  for (Value input : op.getInputs()) {
    const TensorValue &part = frame.get(input);
    if (part.kind() != Kind::Quantized ||
        (!parts.empty() && part.quantized().scheme != parts[0]->scheme))
      return opError(op, "quantized tensors must have one scheme");
    parts.push_back(&part.quantized());
  }
  frame.set(op, TensorValue::ofQuantized(concatRows(parts)));
  return llvm::Error::success();
}

/// Where each input of a concatenation goes.
static llvm::Expected<std::vector<Box>>
concatBoxes(tensor::ConcatOp op, const Frame &frame, Shape &shape) {
  uint64_t dim = op.getDim();
  shape = Shape(frame.get(op.getInputs().front()).shape());
  shape[dim] = 0;
  for (Value input : op.getInputs())
    shape[dim] += frame.get(input).shape()[dim];
  std::vector<Box> boxes;
  int64_t offset = 0;
  for (Value input : op.getInputs()) {
    Shape sizes(frame.get(input).shape());
    Box box{Shape(shape.size(), 0), sizes, Shape(shape.size(), 1)};
    box.offsets[dim] = offset;
    offset += sizes[dim];
    for (auto [d, size] : llvm::enumerate(sizes))
      if (d != dim && size != shape[d])
        return opError(op,
                       "dimension {0} of the inputs must be the same, got: "
                       "{1} != {2}",
                       d, shape[d], size);
    boxes.push_back(std::move(box));
  }
  return boxes;
}

static llvm::Error concat(tensor::ConcatOp op, Frame &frame) {
  const TensorValue &first = frame.get(op.getInputs().front());
  if (first.kind() == Kind::Quantized)
    return concatQuantized(op, frame);
  Shape shape;
  llvm::Expected<std::vector<Box>> boxes = concatBoxes(op, frame, shape);
  if (!boxes)
    return boxes.takeError();
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  frame.set(op, changed(first, shape, [&](const auto &elements) {
              std::decay_t<decltype(elements)> joined(
                  ShapedType::getNumElements(shape));
              for (auto [input, box] : llvm::zip(op.getInputs(), *boxes))
                joined = scatter(elementsOf<decltype(joined)>(frame.get(input)),
                                 std::move(joined), shape, box);
              return joined;
            }));
  return llvm::Error::success();
}

template <typename T>
static std::vector<T>
permute(const std::vector<T> &from, llvm::ArrayRef<int64_t> fromShape,
        llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> permutation) {
  int64_t rank = shape.size();
  Shape strides = stridesOf(fromShape), steps;
  for (int64_t d : permutation)
    steps.push_back(strides[d]);
  std::vector<T> result(from.size());
  Shape position(rank, 0);
  for (T &element : result) {
    int64_t place = 0;
    for (int64_t d = 0; d < rank; ++d)
      place += position[d] * steps[d];
    element = from[place];
    advance(position, shape);
  }
  return result;
}

static llvm::Error transpose(linalg::TransposeOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getInput());
  llvm::ArrayRef<int64_t> permutation = op.getPermutation();
  Shape shape;
  for (int64_t d : permutation)
    shape.push_back(source.shape()[d]);
  if (op->getNumResults() != 1)
    return opError(op, "must be on tensors");
  frame.set(op->getResult(0), changed(source, shape, [&](const auto &elements) {
              return permute(elements, source.shape(), shape, permutation);
            }));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static llvm::Error dim(tensor::DimOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  int64_t index = frame.integer(op.getIndex());
  if (index < 0 || index >= static_cast<int64_t>(source.shape().size()))
    return opError(op, "index must be less than the rank {0}, got: {1}",
                   source.shape().size(), index);
  frame.set(op, TensorValue::ofIntegers({}, {source.shape()[index]}));
  return llvm::Error::success();
}

static llvm::Error expandShape(tensor::ExpandShapeOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSrc());
  Shape shape = evaluateSizes(op.getMixedOutputShape(), frame);
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  // In a kernel only the valid rows are there: see Machine.h.
  int64_t inner = 1;
  for (int64_t size : llvm::ArrayRef(shape).drop_front(shape.empty() ? 0 : 1))
    inner *= size;
  if (!shape.empty() && inner && source.elements() < shape[0] * inner &&
      source.elements() % inner == 0)
    shape[0] = source.elements() / inner;
  if (ShapedType::getNumElements(shape) != source.elements())
    return opError(op, "shapes must have as many elements, got: {0} != {1}",
                   ShapedType::getNumElements(shape), source.elements());
  frame.set(op, source.reshaped(shape));
  return llvm::Error::success();
}

static llvm::Error collapseShape(tensor::CollapseShapeOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSrc());
  Shape shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    int64_t size = 1;
    for (int64_t d : group)
      size *= source.shape()[d];
    shape.push_back(size);
  }
  frame.set(op, source.reshaped(shape));
  return llvm::Error::success();
}

static llvm::Error castTensor(tensor::CastOp op, Frame &frame) {
  const TensorValue &source = frame.get(op.getSource());
  RankedTensorType type = dyn_cast<RankedTensorType>(op.getType());
  if (!type)
    return opError(op, "must give a ranked tensor");
  for (auto [d, size] : llvm::enumerate(type.getShape()))
    if (!ShapedType::isDynamic(size) && size != source.shape()[d])
      return opError(op, "dimension {0} must be {1}, got: {2}", d, size,
                     source.shape()[d]);
  frame.set(op, source);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Making tensors
//===----------------------------------------------------------------------===//

static TensorValue filled(Shape shape, const TensorValue &element) {
  int64_t count = ShapedType::getNumElements(shape);
  return changed(element, std::move(shape), [&](const auto &elements) {
    return std::decay_t<decltype(elements)>(count, elements[0]);
  });
}

/// Unwritten elements are NaN or -1, so that reading one shows.
static llvm::Error empty(tensor::EmptyOp op, Frame &frame) {
  Shape shape = evaluateSizes(op.getMixedSizes(), frame);
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  TensorValue unwritten = TensorValue::ofFloats({}, {NAN});
  if (integerBitsOf(op.getType()))
    unwritten = TensorValue::ofIntegers({}, {-1});
  else if (floatFormatOf(op.getType()) == FloatFormat::F64)
    unwritten = TensorValue::ofDoubles({}, {NAN});
  frame.set(op, filled(std::move(shape), unwritten));
  return llvm::Error::success();
}

static llvm::Error splat(tensor::SplatOp op, Frame &frame) {
  Shape shape = evaluateShape(op.getType(), op.getDynamicSizes(), frame);
  if (llvm::Error error = checkSizes(op, shape))
    return error;
  frame.set(op, filled(std::move(shape), frame.get(op.getInput())));
  return llvm::Error::success();
}

static llvm::Error fill(linalg::FillOp op, Frame &frame) {
  if (op->getNumResults() != 1)
    return opError(op, "must be on tensors");
  const TensorValue &into = frame.get(op.getDpsInitOperand(0)->get());
  frame.set(op->getResult(0),
            filled(Shape(into.shape()), frame.get(op.getInputs().front())));
  return llvm::Error::success();
}

void lqc::addUpstreamTensorOps(OpTable &table) {
  addOp<tensor::ExtractSliceOp>(table, extractSlice);
  addOp<tensor::InsertSliceOp>(table, insertSlice);
  addOp<tensor::ConcatOp>(table, concat);
  addOp<tensor::DimOp>(table, dim);
  addOp<tensor::ExpandShapeOp>(table, expandShape);
  addOp<tensor::CollapseShapeOp>(table, collapseShape);
  addOp<tensor::CastOp>(table, castTensor);
  addOp<tensor::EmptyOp>(table, empty);
  addOp<tensor::SplatOp>(table, splat);
  addOp<linalg::TransposeOp>(table, transpose);
  addOp<linalg::FillOp>(table, fill);
}
