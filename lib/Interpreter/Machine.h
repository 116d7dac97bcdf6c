//===- Machine.h - runs operations one after another ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table gives the function of each operation; the functions are in
// WeightOps.cpp, ModelOps.cpp, StepOps.cpp and Upstream*.cpp. A function reads
// its operands from a Frame and writes its results there. What the verifiers
// promise is not checked again.
//
// In a kernel a tensor with a row a token has fewer rows than its type says if
// fewer are valid. So functions go by the values' shapes, not by the types.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_MACHINE_H
#define LQC_LIB_INTERPRETER_MACHINE_H

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace lqc {

class Machine;

/// The values of one function, kernel or initializer while it runs.
class Frame {
public:
  using Values = llvm::DenseMap<mlir::Value, TensorValue>;

  Frame(Machine &machine, unsigned depth, Values values = Values())
      : machine(machine), depth(depth), values(std::move(values)) {}

  const TensorValue &get(mlir::Value value) const {
    auto found = values.find(value);
    assert(found != values.end() && "operations run in order");
    return found->second;
  }
  bool has(mlir::Value value) const { return values.contains(value); }
  void set(mlir::Value value, TensorValue tensor) {
    values.insert_or_assign(value, std::move(tensor));
  }
  /// The only element of an integer scalar.
  int64_t integer(mlir::Value value) const { return get(value).integers()[0]; }
  Values take() && { return std::move(values); }

  Machine &machine;
  const unsigned depth; ///< of calls

private:
  Values values;
};

/// The keys and values of one layer and slot. Grows with the positions written.
struct LayerCache {
  std::vector<float> keys;     ///< (positions, heads * head dim)
  std::vector<float> values;   ///< (positions, heads * head dim)
  std::vector<bool> isWritten; ///< (positions)
};

/// What an operation does: one function for each.
using Evaluator = std::function<llvm::Error(mlir::Operation *, Frame &)>;
using OpTable = llvm::StringMap<Evaluator>;

/// Adds `function(op, frame)` to the table under the name of the operation.
template <typename Op>
void addOp(OpTable &table, llvm::Error (*function)(Op, Frame &)) {
  table[Op::getOperationName()] = [function](mlir::Operation *op,
                                             Frame &frame) {
    return function(llvm::cast<Op>(op), frame);
  };
}

void addWeightOps(OpTable &table);
void addModelOps(OpTable &table);
void addPatchesOp(OpTable &table);
void addStepOps(OpTable &table);
void addUpstreamArithOps(OpTable &table);
void addUpstreamTensorOps(OpTable &table);
void addUpstreamElementOps(OpTable &table);
void addUpstreamLinalgOps(OpTable &table);
void addUpstreamControlOps(OpTable &table);

/// The function of each operation that the interpreter knows.
const OpTable &opTable();

/// Runs operations of one module.
class Machine {
public:
  using Values = llvm::SmallVector<TensorValue>;
  using Fetch = std::function<llvm::Expected<WeightBytes>(WeightOp)>;
  using Find = std::function<WeightOp(llvm::StringRef)>;

  /// `find` and `fetch` give weights and their bytes. Weights' values are kept
  /// if `keepsWeights`.
  Machine(mlir::ModuleOp module, Find find, Fetch fetch, bool keepsWeights,
          unsigned threads, int64_t slots);

  /// The value of a weight.
  llvm::Expected<TensorValue> weight(GetWeightOp op);

  /// Runs what a value of an initializer needs, and gives the value.
  llvm::Expected<TensorValue> evaluate(mlir::Value value);

  /// Runs one operation.
  llvm::Error execute(mlir::Operation *op, Frame &frame);

  /// Runs all operations of the block but the last, and gives the operands of
  /// the last. The block's arguments are set already.
  llvm::Expected<Values> runBlock(mlir::Block &block, Frame &frame);

  /// Runs a function or kernel; see Interpreter::call.
  llvm::Expected<Values> call(mlir::Operation *callee,
                              llvm::ArrayRef<TensorValue> args, unsigned depth);

  /// Runs a step on at most as many tokens as its buffers take. `logits` gets a
  /// row for each of `outputs`.
  struct StepInputs {
    llvm::ArrayRef<int32_t> tokens, positions, slots, outputs;
  };
  llvm::Error runStep(StepOp step, const StepInputs &inputs,
                      std::vector<float> &logits);

  /// The cache of one layer, or why there is none.
  llvm::Expected<LayerCache *> layerCache(CacheType type, int64_t layer,
                                          int64_t slot);
  void resetCache() { caches.clear(); }
  /// The layer that a kernel's cache begins with (lqc.cache_layer); 0 outside.
  int64_t firstLayer = 0;

  mlir::ModuleOp module;
  const unsigned threads;

private:
  Find find;
  Fetch fetch;
  const bool keepsWeights;
  const int64_t slots;
  llvm::DenseMap<mlir::Operation *, TensorValue> weights;
  llvm::DenseMap<mlir::Type, std::vector<LayerCache>> caches;
};

/// The file, line and column of an operation, if it has them.
std::string placeOf(mlir::Operation *op);

/// "PLACE: OP: message".
template <typename... Ts>
llvm::Error opError(mlir::Operation *op, const char *format, Ts &&...values) {
  return makeError("{0}{1}: {2}", placeOf(op), op->getName().getStringRef(),
                   llvm::formatv(format, std::forward<Ts>(values)...).str());
}

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_MACHINE_H
