//===- DecoderTables.h - what masks and rotary tables contain ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// There is no end to the ways in which exporters compute a causal mask or the
// angles of a rotary embedding, and a mask that is nearly causal is a wrong
// model. Both depend on nothing but sizes and positions. So they are not
// recognised by their operations but by their numbers: the part of the graph
// that computes them is run by the interpreter on a few short sequences.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SIMPLIFY_DECODERTABLES_H
#define LQC_PASSES_SIMPLIFY_DECODERTABLES_H

#include "lqc/Interpreter/TensorValue.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

namespace lqc {

/// What an argument of a decoder's graph is.
enum class DecoderInput { Tokens, Positions, Mask, Past };

/// The inputs of a graph, one for each argument.
using DecoderInputs = llvm::SmallVector<DecoderInput>;

/// Numbers of `values` of the graph when one sequence of `sequence` tokens
/// follows `past` others, none of them masked. Errors: a value depends on what
/// the interpreter cannot run, or on a weight of a file.
llvm::Expected<llvm::SmallVector<TensorValue>>
evaluateTables(mlir::func::FuncOp graph, llvm::ArrayRef<mlir::Value> values,
               const DecoderInputs &inputs, int64_t past, int64_t sequence);

/// Whether `mask` (any shape of rank 2 or more that ends in sequence x total)
/// adds 0 to the scores of a token's own and earlier positions, and a large
/// negative number to later ones; a mask of bools is true at the former.
/// Otherwise a sentence that says why not.
std::optional<std::string> checkCausal(mlir::func::FuncOp graph,
                                       mlir::Value mask,
                                       const DecoderInputs &inputs);

/// The frequencies f of a rotary embedding whose tables hold, for the token at
/// position p, cos(p f) and sin(p f), twice over. Errors: a sentence that says
/// what else they hold.
llvm::Expected<std::vector<float>>
rotaryFrequencies(mlir::func::FuncOp graph, mlir::Value cosines,
                  mlir::Value sines, const DecoderInputs &inputs);

} // namespace lqc

#endif // LQC_PASSES_SIMPLIFY_DECODERTABLES_H
