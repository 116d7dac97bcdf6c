//===- NodeBuilder.cpp - what builders of ONNX operators use --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/NodeBuilder.h"

#include "lib/Import/Onnx/GraphImporter.h"
#include "lib/Import/Onnx/Stored.h"
#include "lqc/Support/Error.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace lqc;

NodeBuilder::NodeBuilder(GraphImporter &importer, const onnx::NodeProto &node,
                         ArrayRef<Tensor> inputs, int64_t version)
    : importer(importer), proto(node), inputs(inputs),
      outputs(node.output_size()), opset(version) {
  // Inputs left out at the end are as good as not there.
  while (!this->inputs.empty() && !this->inputs.back())
    this->inputs.pop_back();
}

StringRef NodeBuilder::op() const { return proto.op_type(); }
unsigned NodeBuilder::outputCount() const { return proto.output_size(); }

bool NodeBuilder::wants(unsigned output) const {
  return output < outputCount() && !proto.output(output).empty();
}

void NodeBuilder::keep(std::string text) {
  if (message.empty())
    message = std::move(text);
}

void NodeBuilder::failInside(llvm::Error error) {
  isInside |= message.empty();
  keep(llvm::toString(std::move(error)));
}

OpBuilder &NodeBuilder::builder() { return importer.builder; }
Location NodeBuilder::loc() const { return importer.loc; }
SizeMath &NodeBuilder::sizes() { return importer.sizes; }
Arith NodeBuilder::scalars(OnnxType kind) {
  return Arith(builder(), loc(), kind);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

const Tensor &NodeBuilder::raw(unsigned index) {
  if (!has(index)) {
    fail("input {0} must be given", index);
    if (index >= inputs.size())
      inputs.resize(index + 1);
    inputs[index] = scalar(0, OnnxType::Float);
  }
  return inputs[index];
}

Tensor NodeBuilder::input(unsigned index) { return built(raw(index)); }

Tensor NodeBuilder::built(const Tensor &tensor) {
  if (tensor.value || !tensor)
    return tensor;
  Tensor result = tensor;
  if (tensor.stored) {
    result.value = importer.storedValue(*tensor.stored);
    return result;
  }
  bool isScalar = tensor.rank() == 0;
  result.value = fromElements(*tensor.elements, tensor.element, isScalar).value;
  if (tensor.rank() > 1) {
    Tensor flat = make(result.value, tensor.element);
    result.value = reshape(flat, tensor.dims).value;
  }
  return result;
}

Tensor NodeBuilder::fromElements(ArrayRef<Size> elements, OnnxType element,
                                 bool isScalar) {
  Tensor result;
  result.element = element;
  result.elements = Sizes(elements);
  if (!isScalar)
    result.dims = {sizes().constant(int64_t(elements.size()))};
  RankedTensorType type = typeOf(element, result.dims);
  if (llvm::all_of(elements, [](Size size) { return knownSize(size); })) {
    unsigned width = type.getElementTypeBitWidth();
    SmallVector<APInt> bits;
    for (Size size : elements)
      bits.emplace_back(width, uint64_t(*knownSize(size)), /*isSigned=*/false,
                        /*implicitTrunc=*/true);
    result.value = arith::ConstantOp::create(
        builder(), loc(), DenseElementsAttr::get(type, bits));
    return result;
  }
  SmallVector<Value> values;
  for (Size size : elements)
    values.push_back(
        element == OnnxType::Bool
            ? scalars(OnnxType::Int64)
                  .cast(scalars(OnnxType::Int64).fromIndex(sizes().value(size)),
                        element)
            : scalars(element).fromIndex(sizes().value(size)));
  result.value = tensor::FromElementsOp::create(builder(), loc(), type, values);
  return result;
}

Sizes NodeBuilder::elements(unsigned index) {
  return elementsOf(raw(index), "input " + std::to_string(index));
}

Sizes NodeBuilder::elementsOf(const Tensor &tensor, StringRef what) {
  if (tensor.elements)
    return *tensor.elements;
  std::optional<int64_t> count = knownSize(sizes().product(tensor.dims));
  if (isFloat(tensor.element) || !count || *count > kMaxFoldedElements ||
      tensor.rank() > 1) {
    fail("{0} must be a tensor of integers, at most {1} of them, of rank 0 or "
         "1",
         what, kMaxFoldedElements);
    return {};
  }
  Tensor source = built(tensor);
  Sizes result;
  Arith a = scalars(tensor.element);
  for (int64_t i = 0; i < *count; ++i) {
    SmallVector<Value> at;
    if (tensor.rank() == 1)
      at.push_back(sizes().value(sizes().constant(i)));
    Value number =
        tensor::ExtractOp::create(builder(), loc(), source.value, at);
    result.push_back(getAsOpFoldResult(a.toIndex(number)));
  }
  return result;
}

std::optional<SmallVector<int64_t>> NodeBuilder::knownIntegers(unsigned index) {
  const Tensor &tensor = raw(index);
  SmallVector<int64_t> numbers;
  if (tensor.elements) {
    for (Size size : *tensor.elements) {
      if (!knownSize(size))
        return std::nullopt;
      numbers.push_back(*knownSize(size));
    }
    return numbers;
  }
  if (tensor.stored && !isFloat(tensor.element))
    return storedIntegers(importer.storedTensor(*tensor.stored));
  DenseIntElementsAttr dense;
  if (!tensor.value || !matchPattern(tensor.value, m_Constant(&dense)))
    return std::nullopt;
  bool isUnsignedKind =
      isUnsigned(tensor.element) || tensor.element == OnnxType::Bool;
  for (const APInt &number : dense)
    numbers.push_back(isUnsignedKind ? int64_t(number.getZExtValue())
                                     : number.getSExtValue());
  return numbers;
}

std::optional<SmallVector<double>> NodeBuilder::knownReals(unsigned index) {
  const Tensor &tensor = raw(index);
  if (tensor.stored || isFloat(tensor.element))
    return knownReals(tensor);
  std::optional<SmallVector<int64_t>> integers = knownIntegers(index);
  if (!integers)
    return std::nullopt;
  return SmallVector<double>(integers->begin(), integers->end());
}

std::optional<SmallVector<double>>
NodeBuilder::knownReals(const Tensor &tensor) {
  if (tensor.stored)
    return storedReals(importer.storedTensor(*tensor.stored));
  DenseFPElementsAttr dense;
  if (!tensor.value || !matchPattern(tensor.value, m_Constant(&dense)))
    return std::nullopt;
  SmallVector<double> numbers;
  for (const APFloat &number : dense)
    numbers.push_back(number.convertToDouble());
  return numbers;
}

SmallVector<int64_t> NodeBuilder::requiredIntegers(unsigned index,
                                                   StringRef what) {
  std::optional<SmallVector<int64_t>> numbers = knownIntegers(index);
  if (!numbers) {
    fail("{0} must be constant, because the rank or size of the result "
         "depends on it",
         what);
    return {};
  }
  return *numbers;
}

int64_t NodeBuilder::axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  fail("axis must be {0} to {1}, got: {2}", -rank, rank - 1, axis);
  return 0;
}

SmallVector<int64_t> NodeBuilder::axes(ArrayRef<int64_t> given, int64_t rank,
                                       bool sorted) {
  SmallVector<int64_t> result;
  for (int64_t one : given) {
    int64_t place = axis(one, rank);
    if (llvm::is_contained(result, place)) {
      fail("axes must differ, got: {0} twice", one);
      return {};
    }
    result.push_back(place);
  }
  if (failed())
    return {};
  if (sorted)
    llvm::sort(result);
  return result;
}

std::optional<SmallVector<int64_t>>
NodeBuilder::axesArgument(int64_t since, unsigned index, StringRef name) {
  if (version() < since) {
    if (!hasAttribute(name))
      return std::nullopt;
    return integers(name);
  }
  if (!has(index))
    return std::nullopt;
  return requiredIntegers(index, name);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

void NodeBuilder::require(bool holds, StringRef rule) {
  if (!holds)
    fail("{0}", rule);
}

void NodeBuilder::requireRank(const Tensor &tensor, int64_t rank,
                              StringRef what) {
  if (tensor.rank() != rank)
    fail("{0} must have {1} dimensions, got: {2}", what, rank, tensor.rank());
}

void NodeBuilder::requireFloat(const Tensor &tensor) {
  if (!isFloat(tensor.element))
    fail("must be a tensor of floats, got: {0}", elementName(tensor.element));
}

void NodeBuilder::requireSame(const Tensor &a, const Tensor &b) {
  if (a.element != b.element)
    fail("inputs must have one element type, got: {0} and {1}",
         elementName(a.element), elementName(b.element));
}

void NodeBuilder::check(Value condition, StringRef rule) {
  std::string text = GraphImporter::nodeText(proto) + ": " + rule.str();
  cf::AssertOp::create(builder(), loc(), condition, text);
}

Size NodeBuilder::requireEqual(Size a, Size b, StringRef what) {
  std::optional<int64_t> x = knownSize(a), y = knownSize(b);
  if (isSameSize(a, b))
    return a;
  if (x && y) {
    fail("{0} must be equal, got: {1} != {2}", what, *x, *y);
    return a;
  }
  if (!sizes().isCheckedEqual(a, b)) {
    Value same =
        arith::CmpIOp::create(builder(), loc(), arith::CmpIPredicate::eq,
                              sizes().value(a), sizes().value(b));
    check(same, (what + " must be equal").str());
    sizes().noteEqual(a, b, same.getDefiningOp());
  }
  return x ? a : y ? b : a;
}

Size NodeBuilder::checkedSize(Size size, StringRef what) {
  if (!isRead(size))
    return size;
  Value isFine = arith::CmpIOp::create(
      builder(), loc(), arith::CmpIPredicate::sge, sizes().value(size),
      sizes().value(sizes().constant(0)));
  check(isFine, (what + " must not be negative").str());
  return size;
}

//===----------------------------------------------------------------------===//
// Making tensors
//===----------------------------------------------------------------------===//

void NodeBuilder::set(unsigned output, Tensor tensor) {
  if (output < outputs.size())
    outputs[output] = std::move(tensor);
}

RankedTensorType NodeBuilder::typeOf(OnnxType element, ArrayRef<Size> dims) {
  SmallVector<int64_t, 4> shape = staticShape(dims);
  double elements = 1;
  for (int64_t &size : shape) {
    if (!ShapedType::isDynamic(size) && size < 0) {
      fail("sizes must not be negative, got: {0}", size);
      size = 0;
    }
    if (!ShapedType::isDynamic(size))
      elements *= double(std::max<int64_t>(size, 1));
  }
  if (elements > double(kMaxTensorElements)) {
    fail("a tensor must have at most 2^40 elements, got: {0}", elements);
    shape.assign(shape.size(), 0);
  }
  return RankedTensorType::get(shape,
                               elementType(builder().getContext(), element));
}

Value NodeBuilder::castTo(Value value, RankedTensorType type) {
  if (value.getType() == type)
    return value;
  return builder().createOrFold<tensor::CastOp>(loc(), type, value);
}

Tensor NodeBuilder::make(Value value, OnnxType element, ArrayRef<Size> dims) {
  Tensor result;
  result.element = element;
  result.dims = Sizes(dims);
  RankedTensorType known = cast<RankedTensorType>(value.getType());
  for (auto [d, size] : llvm::enumerate(known.getShape()))
    if (!ShapedType::isDynamic(size) && d < result.dims.size() &&
        !knownSize(result.dims[d]))
      result.dims[d] = sizes().constant(size);
  result.value = castTo(value, typeOf(element, result.dims));
  return result;
}

Tensor NodeBuilder::make(Value value, OnnxType element) {
  Tensor result;
  result.element = element;
  result.value = value;
  result.dims = sizes().sizesOf(value);
  return result;
}

Tensor NodeBuilder::scalar(double number, OnnxType element) {
  Arith a(builder(), loc(), element, {});
  return make(a.constant(number), element, {});
}

Tensor NodeBuilder::integerScalar(int64_t number, OnnxType element) {
  Arith a(builder(), loc(), element, {});
  return make(a.integer(number), element, {});
}

Value NodeBuilder::empty(OnnxType element, ArrayRef<Size> dims) {
  RankedTensorType type = typeOf(element, dims);
  SmallVector<Value> dynamic;
  for (Size size : dims)
    if (Value value = dyn_cast<Value>(size))
      dynamic.push_back(value);
  if (dynamic.size() != size_t(type.getNumDynamicDims()))
    dynamic.clear(); // the type is that of an error
  return tensor::EmptyOp::create(builder(), loc(), type, dynamic);
}

Tensor NodeBuilder::full(Value number, OnnxType element, ArrayRef<Size> dims) {
  RankedTensorType type = typeOf(element, dims);
  Attribute known;
  if (type.hasStaticShape() && matchPattern(number, m_Constant(&known)))
    return make(arith::ConstantOp::create(builder(), loc(),
                                          DenseElementsAttr::get(type, known)),
                element, dims);
  if (failed())
    return scalar(0, element);
  return make(tensor::SplatOp::create(builder(), loc(), number, dims), element,
              dims);
}

Tensor NodeBuilder::zeros(OnnxType element, ArrayRef<Size> dims) {
  return full(scalars(element).constant(0), element, dims);
}

Value NodeBuilder::extract(const Tensor &tensor) {
  Tensor source = built(tensor);
  SmallVector<Value> at;
  if (tensor.rank() != 0) {
    // One element in some dimensions of size 1.
    for (Size size : tensor.dims) {
      requireEqual(size, sizes().constant(1), "a scalar's sizes and 1");
      at.push_back(sizes().value(sizes().constant(0)));
    }
  }
  Attribute known;
  if (matchPattern(source.value, m_Constant(&known)))
    if (DenseElementsAttr dense = dyn_cast<DenseElementsAttr>(known);
        dense && dense.isSplat())
      return arith::ConstantOp::create(builder(), loc(),
                                       dense.getSplatValue<TypedAttr>());
  return tensor::ExtractOp::create(builder(), loc(), source.value, at);
}

Tensor NodeBuilder::rank0(Value number, OnnxType element) {
  RankedTensorType type = typeOf(element, {});
  return make(tensor::FromElementsOp::create(builder(), loc(), type,
                                             ValueRange{number}),
              element, {});
}
