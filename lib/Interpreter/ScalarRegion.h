//===- ScalarRegion.h - bodies that compute elements ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of linalg.generic, tensor.generate or tensor.pad is run for every
// element of a tensor. Here it is translated once and then run on up to
// kCount elements at a time: for each operation one function of scalarTable().
//
//   %0 = arith.mulf %a, %b      slots 0, 1 -> 3
//   %1 = arith.addf %acc, %0    slots 2, 3 -> 4
//   linalg.yield %1             slot 4
//
// What does not depend on the element (constants, sizes) is computed once,
// before. An operation that is not in the table (scf.if, say) is run by the
// machine, element by element.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_SCALARREGION_H
#define LQC_LIB_INTERPRETER_SCALARREGION_H

#include "Machine.h"
#include "Scalar.h"

#include "llvm/ADT/SmallPtrSet.h"

#include <memory>

namespace lqc {

class ScalarRegion {
public:
  /// Elements that can be computed at once.
  static constexpr int64_t kCount = 256;

  /// `isReduction`: the results of arith and math on floats are not rounded to
  /// their types, so that a sum is one in double.
  ///
  /// Errors: an element type that the interpreter does not hold; those of the
  /// operations that are computed once.
  static llvm::Expected<std::unique_ptr<ScalarRegion>>
  create(mlir::Block &block, Frame &frame, bool isReduction);

  /// Where kCount values of an argument are to be written before run().
  Scalar *argument(unsigned i) const { return arguments[i]; }
  /// The same for linalg.index: the dimension and the place.
  llvm::ArrayRef<std::pair<unsigned, Scalar *>> indices() const {
    return indexSlots;
  }
  /// Runs the body for the first `count` values of the arguments.
  llvm::Error run(int64_t count);
  /// The operands of the terminator after run().
  const Scalar *yielded(unsigned i) const { return results[i]; }

private:
  /// One operation.
  struct Step {
    mlir::Operation *op;
    ScalarFunction function;
    llvm::SmallVector<const Scalar *, 3> operands;
    llvm::SmallVector<Scalar *, 1> results;
    llvm::SmallVector<ScalarType, 1> types;
    bool isRounded; ///< results are to be rounded to their types
  };

  ScalarRegion(mlir::Block &block, Frame &frame, bool isReduction)
      : block(block), frame(frame), isReduction(isReduction) {}

  llvm::Error addOperation(mlir::Operation *op);
  llvm::Error addStep(mlir::Operation *op, ScalarFunction function,
                      mlir::ValueRange operands, bool isRounded);
  llvm::Error addExtract(mlir::Operation *op);
  llvm::Error addMachineStep(mlir::Operation *op);
  bool variesWithElement(mlir::Value value) const;
  bool variesWithElement(mlir::Operation *op) const;
  llvm::Expected<Scalar *> newSlot(mlir::Value value);
  llvm::Expected<const Scalar *> slotOf(mlir::Value value);
  const Scalar *copyOfArgument(mlir::Value value, const Scalar *slot);

  mlir::Block &block;
  Frame &frame;
  const bool isReduction;
  std::vector<std::unique_ptr<Scalar[]>> memory;
  llvm::DenseMap<mlir::Value, Scalar *> slots;
  llvm::SmallPtrSet<mlir::Operation *, 8> invariant; ///< computed once
  llvm::SmallVector<Scalar *> arguments;
  llvm::SmallVector<std::pair<unsigned, Scalar *>> indexSlots;
  llvm::SmallVector<const Scalar *> results;
  std::vector<Step> steps;
};

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_SCALARREGION_H
