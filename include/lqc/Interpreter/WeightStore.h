//===- WeightStore.h - the only way to a weight's bytes ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight's bytes (weightBytes() of its type) come from a file, from the IR,
// from a random generator or from a program on other weights. A program is run
// in blocks of rows, pulled from the end:
//
//   @q.packed = pack(quantize(get_weight @q))
//     sink <- pack 256 rows <- quantize 256 rows <- 256 rows of the file
//
// so that peak memory is a few blocks for each thread, never the float copy of
// a tensor. What cannot be done row by row (a transposition, arithmetic) is
// evaluated on whole tensors by the interpreter, and streams on from there.
//
// A weight with an initializer that several initializers use is evaluated once
// and kept until the last of them has had it.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_INTERPRETER_WEIGHTSTORE_H
#define LQC_INTERPRETER_WEIGHTSTORE_H

#include "dialects/LQC/LQC.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace lqc {

class TensorValue;
class WeightEvaluator;

/// The bytes of a weight, and what keeps them alive (a mapped file, a buffer;
/// nothing for the constants of the IR).
struct WeightBytes {
  llvm::ArrayRef<char> bytes;
  std::shared_ptr<const void> owner;
};

/// Gives the bytes of a module's weights. Not for use by several threads at
/// once. The module's weights may be changed if clear() is called afterwards.
class WeightStore {
public:
  /// What takes the bytes of a stream, piece by piece, in order.
  using Sink = llvm::function_ref<llvm::Error(llvm::ArrayRef<char>)>;

  /// `root`: the folder that the paths of `#lqc.file` are relative to.
  /// `threads`: 0 for one for each processor. The bytes do not depend on it.
  WeightStore(mlir::ModuleOp module, std::string root, unsigned threads);
  ~WeightStore();

  /// All bytes of the weight: mapped for a file, not copied. Errors are one
  /// line: "PATH: tensor 'NAME': rule, got: value" for files, "weight @NAME:
  /// element [r, c] is nan" for numbers that cannot be used. A file's numbers
  /// are not looked at here.
  llvm::Expected<WeightBytes> get(WeightOp weight);

  /// Gives the same bytes to `sink` in pieces of a few MB and gives back the
  /// memory of file pages that were read. Here every float is checked to be
  /// finite, but in graphs (`lqc.graph`), whose constants need not be. Errors
  /// of `sink` end it.
  llvm::Error stream(WeightOp weight, Sink sink);

  /// The weight called `name`, or null.
  WeightOp find(llvm::StringRef name);

  /// Keeps bytes for the pending `#lqc.file` whose tensor is `hash`; see
  /// SearchResults.h. withdrawAll() frees them all.
  void provide(llvm::StringRef hash, std::vector<char> bytes);
  void withdrawAll();

  /// Forgets everything that was computed or looked up in the module. Files
  /// stay open.
  void clear();

  llvm::StringRef root() const;

private:
  std::unique_ptr<WeightEvaluator> evaluator;
};

/// The numbers of a weight. Errors: those of get(), and "weight @NAME: …" for
/// bytes that the interpreter does not hold.
llvm::Expected<TensorValue> readTensor(WeightOp weight, WeightStore &store);

/// The column indices of a split, which kernels do not check. Errors: "weight
/// @NAME: column indices must ascend and be below 64, got: 64 at element 3";
/// they are no weight; those of get().
llvm::Expected<std::vector<int64_t>> readColumns(SplitColumnsOp split,
                                                 WeightStore &store);

} // namespace lqc

#endif // LQC_INTERPRETER_WEIGHTSTORE_H
