//===- KernelEmitter.h - writing loops and vectors briefly ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_KERNELEMITTER_H
#define LQC_PASSES_LOWER_CPU_KERNELEMITTER_H

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lqc {

/// The first operation of a kernel, and the only one but for those of a
/// convolution and an epilogue, whose constants don't count.
mlir::Operation *operationOf(KernelOp kernel);

/// Lanes of the vectors that row-wise kernels work on. LLVM cuts them into the
/// registers that the target has.
inline constexpr int64_t kLanes = 16;

/// Writes the body of one kernel. A thin layer over the builder: addresses are
/// a pointer and an offset in bytes, counts are i64.
class KernelEmitter : public mlir::ImplicitLocOpBuilder {
public:
  /// Starts `void name(ptr arguments, i64 count, i64 begin, i64 end)` in place
  /// of `kernel`, which must outlive the emitter.
  KernelEmitter(KernelOp kernel, TargetAttr target);

  /// Ends the function.
  void finish();

  KernelOp kernel;
  TargetAttr target;
  mlir::func::FuncOp function;
  mlir::Value count, begin, end; ///< valid rows; units of work to do

  /// See operationOf().
  mlir::Operation *operation();
  /// The pointer behind the kernel's argument, operands first.
  mlir::Value argument(unsigned index);
  mlir::RankedTensorType typeOf(unsigned index);

  //===--- Types and constants ---===//
  mlir::VectorType vectorOf(mlir::Type element, int64_t lanes = kLanes);
  mlir::Value constantI64(int64_t value);
  mlir::Value constantF32(double value);
  /// `value` in every lane of `type`, or as the scalar `type`.
  mlir::Value splatInt(mlir::Type type, int64_t value);
  mlir::Value splatFloat(mlir::Type type, double value);
  mlir::Value broadcast(mlir::Type type, mlir::Value scalar);

  //===--- Integer arithmetic, on i64 ---===//
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, constantI64(b)); }
  mlir::Value mul(mlir::Value a, int64_t b);

  //===--- Memory ---===//
  mlir::Value address(mlir::Value base, mlir::Value bytes);
  mlir::Value address(mlir::Value base, int64_t bytes);
  mlir::Value load(mlir::Type type, mlir::Value address);
  void store(mlir::Value value, mlir::Value address);
  /// The first `lanes` of kLanes.
  mlir::Value laneMask(int64_t lanes);
  /// The first `lanes` of a vector of kLanes; the rest reads as zero.
  mlir::Value loadLanes(mlir::Type element, mlir::Value address, int64_t lanes);
  void storeLanes(mlir::Value vector, mlir::Value address, int64_t lanes);
  /// A float value of any width, or a vector of them, as f32.
  mlir::Value toF32(mlir::Value value);
  /// A scalar i32 at base[index], as i64.
  mlir::Value loadIndex(mlir::Value base, mlir::Value index);

  //===--- Loops ---===//
  using Values = llvm::SmallVector<mlir::Value>;
  void loop(mlir::Value from, mlir::Value to, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  Values loop(mlir::Value from, mlir::Value to, int64_t step,
              mlir::ValueRange initial,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// Calls `body(column, lanes)` for `columns` columns, kLanes at a time: a
  /// loop, and a shorter last piece if kLanes does not divide them.
  void forColumns(int64_t columns,
                  llvm::function_ref<void(mlir::Value, int64_t)> body);
  /// The same with values carried from piece to piece.
  Values forColumns(
      int64_t columns, mlir::ValueRange initial,
      llvm::function_ref<Values(mlir::Value, int64_t, mlir::ValueRange)> body);

private:
  mlir::Value arguments;
};

//===--- One emitter for each operation that kernels are made of ---===//

mlir::LogicalResult emitDepthwise(KernelEmitter &e);
mlir::LogicalResult emitElementwise(KernelEmitter &e);
mlir::LogicalResult emitEmbedding(KernelEmitter &e);
mlir::LogicalResult emitLinear(KernelEmitter &e);
mlir::LogicalResult emitRmsNorm(KernelEmitter &e);
mlir::LogicalResult emitLayerNorm(KernelEmitter &e);
mlir::LogicalResult emitQuantize(KernelEmitter &e);
mlir::LogicalResult emitRotaryTable(KernelEmitter &e);
mlir::LogicalResult emitSplitColumns(KernelEmitter &e);
mlir::LogicalResult emitRope(KernelEmitter &e);
mlir::LogicalResult emitCacheAppend(KernelEmitter &e);
mlir::LogicalResult emitAttention(KernelEmitter &e);

/// Where one layer's keys and values are in a slot of the cache: keys, then
/// values, each (head, position, head dim) floats. In bytes.
struct CacheGeometry {
  explicit CacheGeometry(CacheType cache);
  int64_t row;    ///< one position of one head
  int64_t head;   ///< all positions of one head
  int64_t values; ///< from a layer's start to its values
  int64_t layer;  ///< keys and values of one layer
  int64_t slot;   ///< all layers
};

/// How a kernel's work is cut among threads.
struct KernelUnits {
  int64_t units = 1;           ///< in all, or of each `rows` rows
  std::optional<int64_t> rows; ///< see lqc.kernel
  int64_t grain = 1;           ///< units worth another thread

  static KernelUnits of(KernelOp kernel);
  /// The units of a dispatch with so many valid rows, both i64.
  mlir::Value countFor(mlir::ImplicitLocOpBuilder &b, mlir::Value rows) const;
};

/// What a kernel touches and multiplies: the fields of lqc_kernel
/// (lqc/Runtime/Model.h). A weight counts as read once; what a thread reads
/// again from a cache does not count.
struct KernelCost {
  int64_t weightBytes = 0;
  int64_t rowBytes = 0;
  int64_t seenBytes = 0;
  int64_t rowMultiplyAdds = 0;
  int64_t seenMultiplyAdds = 0;
  bool integer = false;

  static KernelCost of(KernelOp kernel);
};

/// What is known of a kernel after its code was generated.
struct KernelFacts {
  std::string name;
  KernelUnits units;
  KernelCost cost;
};

/// Makes calls of lqc_dispatch of a graph's dispatches. The kernels must be
/// functions already.
void lowerGraphDispatches(mlir::ModuleOp module,
                          llvm::ArrayRef<KernelFacts> kernels);

/// Replaces the steps by LLVM functions that call the runtime and adds
/// `lqc_model`. The kernels must be functions already.
mlir::LogicalResult lowerSteps(mlir::ModuleOp module,
                               llvm::ArrayRef<KernelFacts> kernels);

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_KERNELEMITTER_H
