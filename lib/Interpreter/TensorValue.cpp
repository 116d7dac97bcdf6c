//===- TensorValue.cpp - a tensor as the interpreter holds it -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/TensorValue.h"

#include "Types.h"

#include "dialects/LQC/LQC.h"
#include "lqc/Support/Error.h"

#include <cassert>
#include <cstring>

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// TensorValue
//===----------------------------------------------------------------------===//

TensorValue::TensorValue(Kind form, Shape sizes, Storage storage)
    : form(form), sizes(std::move(sizes)),
      storage(std::make_shared<Storage>(std::move(storage))) {}

TensorValue TensorValue::ofFloats(Shape shape, std::vector<float> values) {
  Storage storage;
  storage.floats = std::move(values);
  TensorValue result(Kind::Float, std::move(shape), std::move(storage));
  assert(static_cast<int64_t>(result.storage->floats.size()) ==
         result.elements());
  return result;
}

TensorValue TensorValue::ofDoubles(Shape shape, std::vector<double> values) {
  Storage storage;
  storage.doubles = std::move(values);
  TensorValue result(Kind::Double, std::move(shape), std::move(storage));
  assert(static_cast<int64_t>(result.storage->doubles.size()) ==
         result.elements());
  return result;
}

TensorValue TensorValue::ofIntegers(Shape shape, std::vector<int64_t> values) {
  Storage storage;
  storage.integers = std::move(values);
  TensorValue result(Kind::Integer, std::move(shape), std::move(storage));
  assert(static_cast<int64_t>(result.storage->integers.size()) ==
         result.elements());
  return result;
}

TensorValue TensorValue::ofQuantized(QuantizedTensor tensor) {
  Shape shape = {tensor.rows, tensor.columns};
  Storage storage;
  storage.quantized = std::move(tensor);
  return TensorValue(Kind::Quantized, std::move(shape), std::move(storage));
}

int64_t TensorValue::elements() const {
  return ShapedType::getNumElements(sizes);
}

const std::vector<float> &TensorValue::floats() const {
  assert(form != Kind::Integer && "numbers of an integer tensor");
  if (form == Kind::Quantized && storage->floats.empty())
    storage->floats = dequantize(storage->quantized);
  if (form == Kind::Double && storage->floats.empty())
    storage->floats.assign(storage->doubles.begin(), storage->doubles.end());
  return storage->floats;
}

const std::vector<double> &TensorValue::doubles() const {
  assert(form == Kind::Double && "doubles of another tensor");
  return storage->doubles;
}

const std::vector<int64_t> &TensorValue::integers() const {
  assert(form == Kind::Integer && "integers of a float tensor");
  return storage->integers;
}

const QuantizedTensor &TensorValue::quantized() const {
  assert(form == Kind::Quantized && "codes of a plain tensor");
  return storage->quantized;
}

TensorValue TensorValue::reshaped(Shape shape) const {
  if (form == Kind::Quantized)
    return ofFloats(std::move(shape), floats());
  TensorValue result = *this;
  result.sizes = std::move(shape);
  assert(result.elements() == elements());
  return result;
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

std::optional<FloatFormat> lqc::floatFormatOf(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isF32())
    return FloatFormat::F32;
  if (type.isF16())
    return FloatFormat::F16;
  if (type.isBF16())
    return FloatFormat::BF16;
  if (type.isF64())
    return FloatFormat::F64;
  if (isa<Float8E4M3FNType>(type))
    return FloatFormat::F8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return FloatFormat::F8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return FloatFormat::F8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return FloatFormat::F8E5M2FNUZ;
  return std::nullopt;
}

std::optional<unsigned> lqc::integerBitsOf(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isIndex())
    return 64;
  IntegerType integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() > 64)
    return std::nullopt;
  return integer.getWidth();
}

int64_t lqc::wrapInteger(int64_t value, unsigned bits) {
  if (bits == 1)
    return value & 1;
  return bits >= 64 ? value : llvm::SignExtend64(value, bits);
}

llvm::Error lqc::unknownElementType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << getElementTypeOrSelf(type);
  return makeError(
      "elements must be f64, f32, f16, bf16, f8E4M3FN, f8E4M3FNUZ, "
      "f8E5M2, f8E5M2FNUZ or integers of at most 64 bits, got: {0}",
      text);
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static TensorValue::Shape shapeOf(RankedTensorType type) {
  return TensorValue::Shape(type.getShape());
}

/// Float64 elements, which need not be aligned.
static TensorValue doublesFromBytes(llvm::ArrayRef<char> bytes,
                                    RankedTensorType type) {
  std::vector<double> values(type.getNumElements());
  if (!values.empty()) // memcpy takes no null pointers
    std::memcpy(values.data(), bytes.data(), bytes.size());
  return TensorValue::ofDoubles(shapeOf(type), std::move(values));
}

static TensorValue integersFromBytes(llvm::ArrayRef<char> bytes,
                                     RankedTensorType type, unsigned bits) {
  unsigned size = (bits + 7) / 8;
  std::vector<int64_t> values(type.getNumElements());
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * size, size);
    values[i] = wrapInteger(static_cast<int64_t>(word), bits);
  }
  return TensorValue::ofIntegers(shapeOf(type), std::move(values));
}

static llvm::Expected<TensorValue>
quantizedFromBytes(llvm::ArrayRef<char> bytes, RankedTensorType type) {
  const Scheme &scheme = schemeOf(type).getValue();
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  if (PackedAttr packed = packedOf(type))
    return TensorValue::ofQuantized(
        unpack(bytes, scheme, rows, columns, packed.getLayout()));
  llvm::Expected<QuantizedTensor> tensor =
      deserialize(bytes, scheme, rows, columns);
  if (!tensor)
    return tensor.takeError();
  return TensorValue::ofQuantized(std::move(*tensor));
}

llvm::Expected<TensorValue> lqc::tensorFromBytes(llvm::ArrayRef<char> bytes,
                                                 RankedTensorType type) {
  if (bytes.size() != weightBytes(type))
    return makeError("a tensor must have {0} bytes, got: {1}",
                     weightBytes(type), bytes.size());
  if (schemeOf(type))
    return quantizedFromBytes(bytes, type);
  if (std::optional<unsigned> bits = integerBitsOf(type))
    return integersFromBytes(bytes, type, *bits);
  std::optional<FloatFormat> format = floatFormatOf(type);
  if (!format)
    return unknownElementType(type);
  std::vector<char> unpacked;
  if (PackedAttr packed = packedOf(type)) {
    unpacked = unpack(bytes, bytesOf(*format), type.getDimSize(0),
                      type.getDimSize(1), packed.getLayout());
    bytes = unpacked;
  }
  if (format == FloatFormat::F64)
    return doublesFromBytes(bytes, type);
  std::vector<float> values(type.getNumElements());
  floatsFromElements(bytes.data(), *format, values.size(), values.data());
  return TensorValue::ofFloats(shapeOf(type), std::move(values));
}

static std::vector<char> bytesFromFloats(const TensorValue &value,
                                         FloatFormat format) {
  std::vector<char> bytes(value.elements() * bytesOf(format));
  if (value.kind() != TensorValue::Kind::Double || format != FloatFormat::F64)
    elementsFromFloats(value.floats().data(), format, value.elements(),
                       bytes.data());
  else if (!bytes.empty())
    std::memcpy(bytes.data(), value.doubles().data(), bytes.size());
  return bytes;
}

static std::vector<char> bytesFromIntegers(llvm::ArrayRef<int64_t> values,
                                           unsigned bits) {
  unsigned size = (bits + 7) / 8;
  std::vector<char> bytes(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(bytes.data() + i * size, &values[i], size);
  return bytes;
}

llvm::Expected<std::vector<char>> lqc::bytesFromTensor(const TensorValue &value,
                                                       RankedTensorType type) {
  if (value.shape() != type.getShape())
    return makeError("a value must have the shape of its type");
  PackedAttr packed = packedOf(type);
  std::vector<char> bytes;
  if (packed)
    bytes.resize(weightBytes(type));
  if (schemeOf(type)) {
    if (value.kind() != TensorValue::Kind::Quantized)
      return makeError("a tensor with a scheme must come from lqc.quantize");
    if (!packed)
      return serialize(value.quantized());
    pack(value.quantized(), packed.getLayout(), bytes);
    return bytes;
  }
  if (std::optional<unsigned> bits = integerBitsOf(type))
    return bytesFromIntegers(value.integers(), *bits);
  std::optional<FloatFormat> format = floatFormatOf(type);
  if (!format)
    return unknownElementType(type);
  std::vector<char> elements = bytesFromFloats(value, *format);
  if (!packed)
    return elements;
  pack(elements, bytesOf(*format), type.getDimSize(0), type.getDimSize(1),
       packed.getLayout(), bytes);
  return bytes;
}
