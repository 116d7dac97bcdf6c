//===- InspectOnnx.h - lqc inspect of ONNX files ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_INSPECTONNX_H
#define LQC_LIB_DRIVER_INSPECTONNX_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace lqc {

/// Says what the ONNX model at `path` is: inputs and outputs, operators, stored
/// numbers.
llvm::Error inspectOnnx(llvm::StringRef path, bool asJson,
                        llvm::raw_ostream &out);

/// The operators that the importer knows.
void inspectOnnxOperators(bool asJson, llvm::raw_ostream &out);

inline void printJson(llvm::json::Object object, llvm::raw_ostream &out) {
  out << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
}

} // namespace lqc

#endif // LQC_LIB_DRIVER_INSPECTONNX_H
