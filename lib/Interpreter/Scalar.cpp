//===- Scalar.cpp - operations on single numbers --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scalar.h"

#include "Types.h"

using namespace lqc;
using Kind = TensorValue::Kind;

llvm::Expected<ScalarType> lqc::scalarTypeOf(mlir::Type type) {
  ScalarType result;
  result.format = floatFormatOf(type);
  if (result.format)
    return result;
  std::optional<unsigned> bits = integerBitsOf(type);
  if (!bits)
    return unknownElementType(type);
  result.bits = *bits;
  return result;
}

void lqc::roundScalars(Scalar *scalars, int64_t count, ScalarType type) {
  if (!type.format)
    for (int64_t i = 0; i < count; ++i)
      scalars[i].integer = wrapInteger(scalars[i].integer, type.bits);
  else if (type.format == FloatFormat::F32)
    for (int64_t i = 0; i < count; ++i)
      scalars[i].number = static_cast<float>(scalars[i].number);
  else
    for (int64_t i = 0; i < count; ++i)
      scalars[i].number = roundNumber(scalars[i].number, *type.format);
}

void lqc::loadScalars(const TensorValue &tensor, int64_t first, int64_t count,
                      Scalar *scalars) {
  if (tensor.kind() == Kind::Integer) {
    const int64_t *integers = tensor.integers().data() + first;
    for (int64_t i = 0; i < count; ++i)
      scalars[i].integer = integers[i];
  } else if (tensor.kind() == Kind::Double) {
    const double *doubles = tensor.doubles().data() + first;
    for (int64_t i = 0; i < count; ++i)
      scalars[i].number = doubles[i];
  } else {
    const float *floats = tensor.floats().data() + first;
    for (int64_t i = 0; i < count; ++i)
      scalars[i].number = floats[i];
  }
}

Scalar lqc::scalarAt(const TensorValue &tensor, int64_t index) {
  Scalar result;
  loadScalars(tensor, index, 1, &result);
  return result;
}

ElementsBuilder::ElementsBuilder(ScalarType type, int64_t count) : type(type) {
  if (!type.format)
    integers.resize(count);
  else if (type.format == FloatFormat::F64)
    doubles.resize(count);
  else
    floats.resize(count);
}

ElementsBuilder::ElementsBuilder(ScalarType type, const TensorValue &tensor)
    : type(type) {
  if (!type.format)
    integers = tensor.integers();
  else if (type.format == FloatFormat::F64)
    doubles = tensor.doubles();
  else
    floats = tensor.floats();
}

void ElementsBuilder::set(int64_t index, Scalar scalar) {
  if (!type.format)
    integers[index] = scalar.integer;
  else if (type.format == FloatFormat::F64)
    doubles[index] = scalar.number;
  else
    floats[index] = static_cast<float>(scalar.number);
}

Scalar ElementsBuilder::get(int64_t index) const {
  Scalar result;
  if (!type.format)
    result.integer = integers[index];
  else
    result.number =
        type.format == FloatFormat::F64 ? doubles[index] : floats[index];
  return result;
}

TensorValue ElementsBuilder::take(TensorValue::Shape shape) {
  if (!type.format)
    return TensorValue::ofIntegers(std::move(shape), std::move(integers));
  if (type.format == FloatFormat::F64)
    return TensorValue::ofDoubles(std::move(shape), std::move(doubles));
  return TensorValue::ofFloats(std::move(shape), std::move(floats));
}

const ScalarTable &lqc::scalarTable() {
  static const ScalarTable table = [] {
    ScalarTable table;
    addFloatScalars(table);
    addIntegerScalars(table);
    addMathScalars(table);
    addConversionScalars(table);
    return table;
  }();
  return table;
}
