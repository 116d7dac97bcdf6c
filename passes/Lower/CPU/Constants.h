//===- Constants.h - constants of generated code, for the runtime -*- C++
//-*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_CONSTANTS_H
#define LQC_PASSES_LOWER_CPU_CONSTANTS_H

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lqc {

/// The features of a target as the runtime reads them: "+avx2,+fma" -> "avx2
/// fma".
std::string featureList(TargetAttr target);

/// A struct or an array of these elements.
mlir::Value aggregate(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                      mlir::ValueRange values);

/// A constant with an empty initializer, where the builder goes on.
void createConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                    mlir::LLVM::Linkage linkage, llvm::StringRef name);

/// A private C string; returns the name of its symbol.
llvm::StringRef createText(mlir::ImplicitLocOpBuilder &b,
                           const llvm::Twine &name, llvm::StringRef text);

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_CONSTANTS_H
