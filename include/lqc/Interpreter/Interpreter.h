//===- Interpreter.h - what every operation means ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference: slow and obviously right. Every result element is computed in
// double from the operands and rounded once to its type, so that its error is
// that of one rounding; a lowering is right when it agrees. That holds for a
// linalg operation with a reduction loop as a whole (UpstreamLinalg.cpp). The
// exception is the angle of lqc.rotary_table, float32(position) * frequency in
// float32, as the models were trained. Integers wrap to their width.
//
// Steps (lqc.step) are run on an arena of real bytes, filled with NaN at the
// start of each step: a plan that lets two live buffers share memory gives
// wrong numbers here as it would in the executable.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_INTERPRETER_INTERPRETER_H
#define LQC_INTERPRETER_INTERPRETER_H

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Interpreter/WeightStore.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

namespace lqc {

class Machine;

/// Runs the functions, kernels and steps of one module. Keeps the key/value
/// cache between calls, and the weights it has used, as float32.
class Interpreter {
public:
  /// `slots`: sequences that the cache has room for. `threads`: 0 for one for
  /// each processor; no result depends on it.
  Interpreter(mlir::ModuleOp module, WeightStore &weights, unsigned threads = 1,
              int64_t slots = 1);
  ~Interpreter();

  /// Feeds tokens, each with its position and cache slot, and gives the logits
  /// of the rows `outputs` (outputs x vocabulary, in the order asked for).
  ///
  /// A scheduled module runs @decode for one token, else @prefill on as many as
  /// its buffers take, again and again, as the runtime does. Otherwise
  /// @forward(tokens, positions, slots, cache) runs on all tokens at once.
  ///
  /// Errors are one line with the operation's place and the value: a token that
  /// is not in the vocabulary, a position or slot beyond the cache, an
  /// operation that the interpreter does not know.
  llvm::Expected<std::vector<float>> step(llvm::ArrayRef<int32_t> tokens,
                                          llvm::ArrayRef<int32_t> positions,
                                          llvm::ArrayRef<int32_t> slots,
                                          llvm::ArrayRef<int32_t> outputs);

  /// Empties the cache.
  void reset();

  /// Runs a function on one tensor for each argument that is not a cache; cache
  /// arguments are the interpreter's own.
  llvm::Expected<llvm::SmallVector<TensorValue>>
  call(mlir::FunctionOpInterface function, llvm::ArrayRef<TensorValue> args);

  /// Runs a kernel the same way. Tensors with a row a token may have fewer rows
  /// than the type says: the valid ones. Destinations may be left out if the
  /// kernel does not read them. The results are what the kernel stores.
  llvm::Expected<llvm::SmallVector<TensorValue>>
  call(KernelOp kernel, llvm::ArrayRef<TensorValue> args);

  /// Values of one function while it runs.
  using Bindings = llvm::DenseMap<mlir::Value, TensorValue>;

  /// Runs some operations of one block, in this order: a part of a function.
  /// What they read from elsewhere must be bound; their results are bound then.
  /// After an error nothing is bound.
  llvm::Error run(llvm::ArrayRef<mlir::Operation *> operations,
                  Bindings &bindings);

private:
  std::unique_ptr<Machine> machine;
};

/// The operations that the interpreter runs, by name and in order.
std::vector<std::string> interpretedOperations();

} // namespace lqc

#endif // LQC_INTERPRETER_INTERPRETER_H
