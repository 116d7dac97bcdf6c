//===- KernelJit.h - kernels compiled into this process ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration runs the code that executables are made of: the same kernels, by
// the same emitters, for the machine that compiles. Each distinct operation and
// shape is compiled once, when it is first wanted.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_CALIBRATE_KERNELJIT_H
#define LQC_LIB_CALIBRATE_KERNELJIT_H

#include "dialects/LQC/LQC.h"
#include "lqc/Runtime/Model.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace lqc {

/// A kernel in memory, and how its work is cut (see lqc_dispatch).
struct JitKernel {
  lqc_kernel_function *function = nullptr;
  int64_t units = 0;
  bool perRow = false;
  int64_t grain = 1;
};

class KernelJit {
public:
  /// Errors: this machine lacks what LQC's code needs.
  static llvm::Expected<std::unique_ptr<KernelJit>>
  create(mlir::MLIRContext *context);
  ~KernelJit();

  /// The kernel that does `op` on operands and results of these types: static
  /// shapes, weights packed. Errors: the operation has no kernel.
  llvm::Expected<JitKernel> get(mlir::Operation *op,
                                llvm::ArrayRef<mlir::Type> inputs,
                                llvm::ArrayRef<mlir::Type> results);

private:
  KernelJit(mlir::MLIRContext *context, TargetAttr target);

  llvm::Expected<JitKernel> compile(mlir::Operation *op,
                                    llvm::ArrayRef<mlir::Type> inputs,
                                    llvm::ArrayRef<mlir::Type> results);

  mlir::MLIRContext *context;
  TargetAttr target;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  llvm::StringMap<JitKernel> kernels;
};

} // namespace lqc

#endif // LQC_LIB_CALIBRATE_KERNELJIT_H
