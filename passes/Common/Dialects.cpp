//===- Dialects.cpp - what the tools can read -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Common/Dialects.h"

#include "dialects/LQC/LQC.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"

void lqc::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<LQCDialect>();
}
