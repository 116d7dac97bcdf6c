//===- LQCDialect.cpp - the lqc dialect -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"

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
