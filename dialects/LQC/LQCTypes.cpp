//===- LQCTypes.cpp - types of the lqc dialect ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#define GET_TYPEDEF_CLASSES
#include "dialects/LQC/LQCTypes.cpp.inc"

using namespace mlir;
using namespace lqc;

void LQCDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/LQC/LQCTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// CacheType
//===----------------------------------------------------------------------===//

Type CacheType::parse(AsmParser &parser) {
  SmallVector<int64_t, 4> dims;
  Type elementType;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(dims, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseGreater())
    return {};
  if (dims.size() != 4) {
    parser.emitError(location)
        << "a cache has layers x positions x heads x head dim, got: "
        << dims.size() << " dimensions";
    return {};
  }
  return parser.getChecked<CacheType>(parser.getContext(), dims[0], dims[1],
                                      dims[2], dims[3], elementType);
}

void CacheType::print(AsmPrinter &printer) const {
  printer << "<" << getLayers() << "x" << getPositions() << "x" << getHeads()
          << "x" << getHeadDim() << "x" << getElementType() << ">";
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t layers, int64_t positions,
                                int64_t heads, int64_t headDim,
                                Type elementType) {
  // C1
  if (layers < 1 || positions < 1 || heads < 1 || headDim < 1)
    return emitError() << "cache dimensions must be positive";
  // C2
  if (!elementType.isF32())
    return emitError() << "cache element type must be f32, got: "
                       << elementType;
  return success();
}

uint64_t CacheType::getSlotBytes() const {
  return 2 * uint64_t(getLayers()) * getPositions() * getHeads() *
         getHeadDim() * 4;
}

//===----------------------------------------------------------------------===//
// BufferType
//===----------------------------------------------------------------------===//

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 RankedTensorType tensor) {
  // C1
  if (!tensor.hasStaticShape())
    return emitError() << "a buffer holds a tensor of static size, got: "
                       << tensor;
  return success();
}

uint64_t BufferType::getBytes() const {
  RankedTensorType tensor = getTensor();
  if (SchemeAttr scheme = schemeOf(tensor))
    return tensor.getDimSize(0) *
           activationRow(scheme.getValue(), tensor.getDimSize(1)).bytes;
  return weightBytes(tensor);
}
