//===- LQCAttributes.cpp - attributes of the lqc dialect --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#define GET_ATTRDEF_CLASSES
#include "dialects/LQC/LQCAttributes.cpp.inc"

using namespace mlir;
using namespace lqc;

void LQCDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/LQC/LQCAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// SchemeAttr
//===----------------------------------------------------------------------===//

Attribute SchemeAttr::parse(AsmParser &parser, Type) {
  std::string name;
  SMLoc location;
  if (parser.parseLess() || parser.getCurrentLocation(&location) ||
      parser.parseString(&name) || parser.parseGreater())
    return {};
  std::string why;
  std::optional<Scheme> scheme = parseScheme(name, &why);
  if (!scheme) {
    parser.emitError(location) << why;
    return {};
  }
  return SchemeAttr::get(parser.getContext(), *scheme);
}

void SchemeAttr::print(AsmPrinter &printer) const {
  printer << "<\"" << schemeName(getValue()) << "\">";
}

static LogicalResult
verifyQuantizedShape(ArrayRef<int64_t> shape, const Scheme &scheme,
                     function_ref<InFlightDiagnostic()> emitError) {
  int64_t columns = shape.back();
  if (ShapedType::isDynamic(columns))
    return emitError() << "a quantized tensor must have a static row length";
  int64_t rows = ShapedType::isDynamic(shape[0]) ? 1 : shape[0];
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return emitError() << "scheme " << schemeName(scheme)
                       << " does not fit: " << *why;
  return success();
}

LogicalResult
SchemeAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  // C1
  if (shape.size() != 2 || !elementType.isF32())
    return emitError() << "a quantized tensor must be an f32 matrix, got: rank "
                       << shape.size() << " of " << elementType;
  return verifyQuantizedShape(shape, getValue(), emitError); // C2
}

//===----------------------------------------------------------------------===//
// PackedAttr
//===----------------------------------------------------------------------===//

Attribute PackedAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t, 2> tile;
  SchemeAttr scheme;
  if (parser.parseLess() ||
      parser.parseDimensionList(tile, /*allowDynamic=*/false,
                                /*withTrailingX=*/false))
    return {};
  if (tile.size() != 2) {
    parser.emitError(parser.getCurrentLocation())
        << "a tile has rows and columns, as in 16x4";
    return {};
  }
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(scheme))
    return {};
  if (parser.parseGreater())
    return {};
  return PackedAttr::get(parser.getContext(), tile[0], tile[1], scheme);
}

void PackedAttr::print(AsmPrinter &printer) const {
  printer << "<" << getTileRows() << "x" << getTileColumns();
  if (getScheme())
    printer << ", " << getScheme();
  printer << ">";
}

LogicalResult
PackedAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  // C1
  if (shape.size() != 2 || llvm::any_of(shape, ShapedType::isDynamic))
    return emitError() << "a packed tensor must be a matrix of static size";
  // C3
  int64_t columns = getScheme() ? 4 : 1;
  if (getTileRows() != 16 || getTileColumns() != columns)
    return emitError() << "tile must be 16x" << columns
                       << (getScheme() ? " with" : " without")
                       << " a scheme, got: " << getTileRows() << "x"
                       << getTileColumns();
  if (!getScheme())
    return success();
  return getScheme().verifyEncoding(shape, elementType, emitError); // C2
}

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

bool TargetAttr::has(StringRef name) const {
  SmallVector<StringRef> features;
  getFeatures().split(features, ',');
  return llvm::any_of(features, [&](StringRef feature) {
    return feature.consume_front("+") && feature == name;
  });
}

FailureOr<Attribute> TargetAttr::query(DataLayoutEntryKey key) const {
  StringAttr name = llvm::dyn_cast<StringAttr>(key);
  if (name && name == "cpu")
    return Attribute(StringAttr::get(getContext(), getCpu()));
  if (name && name == "features")
    return Attribute(StringAttr::get(getContext(), getFeatures()));
  return failure();
}

//===----------------------------------------------------------------------===//
// Facts about types
//===----------------------------------------------------------------------===//

SchemeAttr lqc::schemeOf(Type type) {
  RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return {};
  if (PackedAttr packed = packedOf(type))
    return packed.getScheme();
  return dyn_cast_or_null<SchemeAttr>(tensor.getEncoding());
}

PackedAttr lqc::packedOf(Type type) {
  RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<PackedAttr>(tensor.getEncoding())
                : PackedAttr();
}

RankedTensorType lqc::withEncoding(RankedTensorType type, Attribute encoding) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               encoding);
}

RankedTensorType lqc::quantizedType(RankedTensorType type, SchemeAttr scheme) {
  return RankedTensorType::get(type.getShape(),
                               Float32Type::get(type.getContext()), scheme);
}

uint64_t lqc::weightBytes(RankedTensorType type) {
  SchemeAttr scheme = schemeOf(type);
  uint64_t elementBytes = (type.getElementTypeBitWidth() + 7) / 8;
  if (PackedAttr packed = packedOf(type)) {
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    return scheme
               ? packedBytes(scheme.getValue(), rows, columns,
                             packed.getLayout())
               : packedBytes(elementBytes, rows, columns, packed.getLayout());
  }
  if (scheme)
    return serializedBytes(scheme.getValue(), type.getDimSize(0),
                           type.getDimSize(1));
  return elementBytes * type.getNumElements();
}

ActivationRow lqc::activationRow(const Scheme &scheme, int64_t columns) {
  ActivationRow row;
  row.scales = llvm::alignTo(columns, 64);
  row.sums = row.scales + scheme.groups(columns) * 4;
  row.bytes = llvm::alignTo(row.sums + scheme.groups(columns) * 4, 64);
  return row;
}
