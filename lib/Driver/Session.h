//===- Session.h - a context whose messages are single lines ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_SESSION_H
#define LQC_LIB_DRIVER_SESSION_H

#include "passes/Common/Phases.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/ThreadPool.h"

#include <memory>
#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace lqc {

/// An MLIR context, for one command. Its first error becomes an llvm::Error;
/// warnings are printed as "lqc: warning: …", remarks, if they are wanted, as
/// "lqc: remark: …".
class Session {
public:
  /// `threads`: 0 for one for each processor.
  Session(unsigned threads, bool showRemarks);
  ~Session();

  mlir::MLIRContext *context() { return &mlirContext; }
  unsigned threads() const { return threadCount; }

  /// Parses a .mlir or bytecode file.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> parse(llvm::StringRef path);

  /// Runs one phase that is made of passes.
  llvm::Error runPhase(mlir::ModuleOp module, Phase phase,
                       const PhaseOptions &options);

  /// Runs passes that are no phase. `what` is for a failure without a message.
  llvm::Error run(mlir::ModuleOp module, const llvm::Twine &what,
                  llvm::function_ref<void(mlir::OpPassManager &)> build);

  /// Runs `work`, which emits diagnostics. `what`: as for run().
  llvm::Error check(const llvm::Twine &what,
                    llvm::function_ref<mlir::LogicalResult()> work);

private:
  mlir::LogicalResult handle(mlir::Diagnostic &diagnostic);
  /// The first error since the last call; `what` if there was no message.
  llvm::Error takeError(const llvm::Twine &what);

  unsigned threadCount;
  std::unique_ptr<llvm::DefaultThreadPool> pool; ///< outlives the context
  mlir::MLIRContext mlirContext;
  mlir::DiagnosticEngine::HandlerID handlerId;
  std::string firstError;
};

} // namespace lqc

#endif // LQC_LIB_DRIVER_SESSION_H
