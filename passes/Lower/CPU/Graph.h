//===- Graph.h - what the passes that lower graphs share --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph goes through lower in three passes: lqc-bufferize-graph (tensors
// become buffers, and functions get the call's context), lqc-dispatch-loops
// (loops become kernels, run by lqc_dispatch) and lqc-lower-graph (memory,
// failures and the interface of the runtime).
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_GRAPH_H
#define LQC_PASSES_LOWER_CPU_GRAPH_H

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <map>
#include <string>

namespace lqc {

/// On a module: the size of its weights section.
inline constexpr llvm::StringLiteral kWeightsBytesAttrName =
    "lqc.weights_bytes";
/// On a memref.global: its place in the weights section.
inline constexpr llvm::StringLiteral kOffsetAttrName = "lqc.offset";
/// On a function: it is a kernel (lqc_kernel_function), not called but
/// dispatched.
inline constexpr llvm::StringLiteral kKernelAttrName = "lqc.kernel";

/// The declaration `name` of a runtime function, made if it is not there.
mlir::LLVM::LLVMFuncOp runtimeFunction(mlir::ModuleOp module,
                                       llvm::StringRef name, mlir::Type result,
                                       llvm::ArrayRef<mlir::Type> arguments);

/// The `lqc_graph_call *` of a host function: its first argument.
mlir::Value callContext(mlir::Operation *op);

/// A pointer or number at `offset` bytes behind `base`.
mlir::Value loadField(mlir::ImplicitLocOpBuilder &b, mlir::Value base,
                      int64_t offset, mlir::Type type);

/// Stack memory for `count` words of 8 bytes, taken once in the function that
/// `op` is in.
mlir::Value stackWords(mlir::Operation *op, int64_t count);

/// An index as i64 and back.
mlir::Value toI64(mlir::ImplicitLocOpBuilder &b, mlir::Value index);
mlir::Value toIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value number);

/// The address of a memref's memory; its elements start `offset` elements
/// behind it.
mlir::Value alignedPointer(mlir::ImplicitLocOpBuilder &b, mlir::Value memref);

/// The memref of these parts, as i64. `offset`, `sizes` and `strides`: where
/// the type does not say them, in order.
mlir::Value buildMemRef(mlir::ImplicitLocOpBuilder &b, mlir::MemRefType type,
                        mlir::Value data, mlir::Value offset,
                        mlir::ValueRange sizes, mlir::ValueRange strides);

/// The same for row-major elements from `data` on.
mlir::Value buildContiguous(mlir::ImplicitLocOpBuilder &b,
                            mlir::MemRefType type, mlir::Value data,
                            mlir::ValueRange sizes);

/// Calls lqc_dispatch in `op`'s function. `words`: the kernel's arguments,
/// pointers and i64; `count`, `units`, `grain`: i64.
void dispatchKernel(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op,
                    mlir::func::FuncOp kernel, mlir::ValueRange words,
                    mlir::Value count, mlir::Value units, mlir::Value grain);

/// The loops of one linalg operation on buffers.
struct LoopNest {
  mlir::scf::ParallelOp parallel; ///< null: there is nothing to share out
  mlir::Value work;               ///< index: operations in one unit, about
};

/// Replaces `op` by loops. What one element is a sum of comes in the same order
/// for any number of threads.
mlir::FailureOr<LoopNest> emitLoops(mlir::RewriterBase &rewriter,
                                    mlir::linalg::LinalgOp op);

/// The loops of a product of float32 tensors whose columns lie side by side;
/// nothing for other operations. Leaves `op` where it is.
std::optional<LoopNest> emitContraction(mlir::RewriterBase &rewriter,
                                        mlir::linalg::LinalgOp op);

/// Makes kernels of a module's loops, equal ones once.
class KernelOutliner {
public:
  explicit KernelOutliner(mlir::ModuleOp module) : module(module) {}

  /// Makes the body of `nest` a kernel and dispatches it. Loops that take
  /// memory stay where they are. `name`: what the kernel is called after.
  void outline(LoopNest nest, llvm::StringRef name);

private:
  mlir::func::FuncOp share(mlir::func::FuncOp kernel, llvm::StringRef name);

  mlir::ModuleOp module;
  std::map<std::string, mlir::func::FuncOp> kernels; ///< by their text
  llvm::StringMap<unsigned> names;
};

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_GRAPH_H
