//===- Stored.cpp - the numbers of stored tensors -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Stored.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace lqc;

/// The bits of element `i`.
static uint64_t bitsOf(const StoredTensor &tensor, int64_t i) {
  unsigned bits = elementBits(tensor.element);
  if (bits == 4)
    return (uint8_t(tensor.bytes[i / 2]) >> (i % 2 * 4)) & 0xf;
  uint64_t result = 0;
  for (unsigned byte = 0; byte < bits / 8; ++byte)
    result |= uint64_t(uint8_t(tensor.bytes[i * (bits / 8) + byte]))
              << (8 * byte);
  return result;
}

static int64_t integerAt(const StoredTensor &tensor, int64_t i) {
  uint64_t bits = bitsOf(tensor, i);
  if (tensor.element == OnnxType::Bool)
    return bits != 0;
  unsigned width = elementBits(tensor.element);
  return isUnsigned(tensor.element) ? int64_t(bits)
                                    : llvm::SignExtend64(bits, width);
}

SmallVector<int64_t> lqc::storedIntegers(const StoredTensor &tensor) {
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < tensor.elements; ++i)
    numbers.push_back(integerAt(tensor, i));
  return numbers;
}

static const llvm::fltSemantics *semanticsOf(OnnxType kind) {
  switch (kind) {
  case OnnxType::Float:
    return &llvm::APFloat::IEEEsingle();
  case OnnxType::Double:
    return &llvm::APFloat::IEEEdouble();
  case OnnxType::Float16:
    return &llvm::APFloat::IEEEhalf();
  case OnnxType::BFloat16:
    return &llvm::APFloat::BFloat();
  case OnnxType::Float8E4M3FN:
    return &llvm::APFloat::Float8E4M3FN();
  case OnnxType::Float8E4M3FNUZ:
    return &llvm::APFloat::Float8E4M3FNUZ();
  case OnnxType::Float8E5M2:
    return &llvm::APFloat::Float8E5M2();
  case OnnxType::Float8E5M2FNUZ:
    return &llvm::APFloat::Float8E5M2FNUZ();
  case OnnxType::Float4E2M1:
    return &llvm::APFloat::Float4E2M1FN();
  default:
    return nullptr;
  }
}

SmallVector<double> lqc::storedReals(const StoredTensor &tensor) {
  SmallVector<double> numbers;
  const llvm::fltSemantics *semantics = semanticsOf(tensor.element);
  for (int64_t i = 0; i < tensor.elements; ++i) {
    if (!semantics) {
      numbers.push_back(double(integerAt(tensor, i)));
      continue;
    }
    llvm::APFloat number(*semantics, llvm::APInt(elementBits(tensor.element),
                                                 bitsOf(tensor, i)));
    numbers.push_back(number.convertToDouble());
  }
  return numbers;
}

DenseElementsAttr lqc::storedDense(const StoredTensor &tensor,
                                   RankedTensorType type) {
  const llvm::fltSemantics *semantics = semanticsOf(tensor.element);
  unsigned width = type.getElementTypeBitWidth();
  if (width >= 8)
    return DenseElementsAttr::getFromRawBuffer(type, tensor.bytes);
  if (semantics) {
    SmallVector<llvm::APFloat> numbers;
    for (int64_t i = 0; i < tensor.elements; ++i)
      numbers.emplace_back(*semantics, llvm::APInt(width, bitsOf(tensor, i)));
    return DenseElementsAttr::get(type, numbers);
  }
  SmallVector<llvm::APInt> numbers;
  for (int64_t i = 0; i < tensor.elements; ++i)
    numbers.emplace_back(width, uint64_t(integerAt(tensor, i)),
                         /*isSigned=*/false, /*implicitTrunc=*/true);
  return DenseElementsAttr::get(type, numbers);
}
