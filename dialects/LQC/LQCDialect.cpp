//===- LQCDialect.cpp - the lqc dialect -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "dialects/LQC/LQCDialect.cpp.inc"
#include "dialects/LQC/LQCEnums.cpp.inc"

using namespace mlir;
using namespace lqc;

void LQCDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialects/LQC/LQCOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes of graph modules
//===----------------------------------------------------------------------===//

LogicalResult LQCDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  if (attribute.getName() != kGraphAttrName)
    return success();
  if (!isa<DictionaryAttr>(attribute.getValue()))
    return op->emitError() << kGraphAttrName << " must be a dictionary";
  ModuleOp module = dyn_cast<ModuleOp>(op);
  if (!module)
    return op->emitError() << kGraphAttrName << " is for modules";
  return success();
}

/// Checks one attribute of an argument or result of type `type`.
static LogicalResult verifyValueAttribute(Operation *op, Type type,
                                          NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kNameAttrName && !isa<StringAttr>(attribute.getValue()))
    return op->emitError() << name << " must be a string";
  if (name == kElementAttrName) {
    StringAttr text = dyn_cast<StringAttr>(attribute.getValue());
    unsigned bits = getElementTypeOrSelf(type).isSignlessInteger()
                        ? getElementTypeOrSelf(type).getIntOrFloatBitWidth()
                        : 0;
    if (!text || text.getValue() != "uint" + std::to_string(bits))
      return op->emitError()
             << name << " must be the unsigned name of the type, got: "
             << attribute.getValue() << " for " << type;
  }
  if (name == kDimsAttrName) {
    ArrayAttr dims = dyn_cast<ArrayAttr>(attribute.getValue());
    ShapedType shaped = dyn_cast<ShapedType>(type);
    if (!dims || !llvm::all_of(dims, llvm::IsaPred<StringAttr>) || !shaped ||
        !shaped.hasRank() || shaped.getRank() != int64_t(dims.size()))
      return op->emitError()
             << name << " must have a string for each dimension of " << type;
  }
  return success();
}

LogicalResult LQCDialect::verifyRegionArgAttribute(Operation *op,
                                                   unsigned region,
                                                   unsigned argument,
                                                   NamedAttribute attribute) {
  FunctionOpInterface function = dyn_cast<FunctionOpInterface>(op);
  if (!function || region != 0)
    return success();
  return verifyValueAttribute(op, function.getArgumentTypes()[argument],
                              attribute);
}

LogicalResult LQCDialect::verifyRegionResultAttribute(
    Operation *op, unsigned region, unsigned result, NamedAttribute attribute) {
  FunctionOpInterface function = dyn_cast<FunctionOpInterface>(op);
  if (!function || region != 0)
    return success();
  return verifyValueAttribute(op, function.getResultTypes()[result], attribute);
}
