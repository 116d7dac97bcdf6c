//===- CodeGen.h - from the LLVM dialect to machine code --------------*- C++
//-*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TARGET_CPU_CODEGEN_H
#define LQC_TARGET_CPU_CODEGEN_H

#include "dialects/LQC/LQC.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace lqc {

/// The CPU this program runs on. Error if it lacks what LQC needs (AVX2, FMA,
/// F16C).
llvm::Expected<TargetAttr> hostTarget(mlir::MLIRContext *context);

/// The CPU that LLVM calls `cpu` ("znver4", "skylake-avx512", …). Error if LLVM
/// does not know the name or the CPU lacks what LQC needs.
llvm::Expected<TargetAttr> namedTarget(mlir::MLIRContext *context,
                                       llvm::StringRef cpu);

/// LLVM IR of a module after the lower phase, optimised for its lqc.target.
/// Features come from the target, scheduling from its CPU's name: the code runs
/// on every x86-64 machine that has the features listed.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateToLLVM(mlir::ModuleOp lowered, llvm::LLVMContext &context);

/// The ELF object file of a module after the lower phase. Deterministic, as all
/// of these.
llvm::Expected<llvm::SmallVector<char, 0>>
compileToObject(mlir::ModuleOp lowered);

/// The same as assembly text.
llvm::Expected<llvm::SmallVector<char, 0>>
compileToAssembly(mlir::ModuleOp lowered);

/// The LLVM IR that both are made of, as text.
llvm::Expected<llvm::SmallVector<char, 0>> printLLVM(mlir::ModuleOp lowered);

} // namespace lqc

#endif // LQC_TARGET_CPU_CODEGEN_H
