//===- Raise.h - patterns that recognise lqc operations ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs from ONNX say `x W + b` as a product of a matrix, a broadcast and a
// sum. Each family of patterns finds one lqc operation in upstream ones.
//
// A family works on *rows*: a value tensor<B x S x D> whose leading dimensions
// are only counted is, for these operations, the matrix tensor<(B S) x D>. So
// reshapes between the two are moved down past elementwise work until two of
// them meet and vanish; what is left of a transformer is matrices, as the
// importer of checkpoints makes them.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SIMPLIFY_RAISE_H
#define LQC_PASSES_SIMPLIFY_RAISE_H

#include "dialects/LQC/LQC.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/MapVector.h"

namespace lqc {

/// Makes weights of what patterns find. A pattern may ask for one any number of
/// times; equal constants and equal transposes are one weight.
class RaisedWeights {
public:
  explicit RaisedWeights(mlir::SymbolTable &symbols) : symbols(symbols) {}

  /// A read of the float matrix or vector that `value` is: a weight, a constant
  /// (which becomes a weight), either of them widened from 16 bits. Null if it
  /// is none of these.
  mlir::Value get(mlir::Value value, mlir::OpBuilder &builder);
  /// The same of the transpose of a matrix.
  mlir::Value getTransposed(mlir::Value value, mlir::OpBuilder &builder);
  /// The same of the weight of a convolution (outputs, channels, kernel…), as
  /// the matrix (outputs, kernel and channels) that multiplies lqc.patches.
  mlir::Value getChannelsLast(mlir::Value value, mlir::OpBuilder &builder);
  /// Rows (or elements) [first, first + count) of a weight that is read.
  mlir::Value getRows(mlir::Value value, int64_t first, int64_t count,
                      mlir::OpBuilder &builder);

private:
  WeightOp ofConstant(mlir::DenseElementsAttr numbers, mlir::Location loc);
  WeightOp transposed(WeightOp weight);
  WeightOp channelsLast(WeightOp weight);
  WeightOp rowsOf(WeightOp weight, int64_t first, int64_t count);
  WeightOp find(mlir::Value value);

  mlir::SymbolTable &symbols;
  llvm::DenseMap<mlir::Attribute, WeightOp> constants;
  llvm::DenseMap<mlir::Operation *, WeightOp> transposes, matrices;
  llvm::DenseMap<std::tuple<mlir::Operation *, int64_t, int64_t>, WeightOp>
      rows;
};

/// Whether every element is the constant `number`.
bool isSplat(mlir::Value value, double number);
/// The float number that every element is, if that is a constant.
std::optional<double> splatNumber(mlir::Value value);

/// `value` is a matrix whose rows were given several dimensions again: the
/// matrix. Null if it is something else.
mlir::Value rowsOfExpanded(mlir::Value value);
/// The value as a matrix whose columns are its last dimension.
mlir::Value collapseToRows(mlir::Value value, mlir::OpBuilder &builder);
/// A matrix with as many rows, in the shape of `like` but for its columns.
mlir::Value expandRows(mlir::Value rows, mlir::Value like,
                       mlir::OpBuilder &builder);

/// Whether `reader` alone wants the numbers of `producer`; sizes don't count.
bool isOnlyReadBy(mlir::Operation *producer, mlir::Operation *reader);

/// Products with weights become lqc.linear, with their bias.
void addLinearPatterns(mlir::RewritePatternSet &patterns,
                       RaisedWeights &weights);
/// RMS and layer normalization of the last dimension.
void addNormPatterns(mlir::RewritePatternSet &patterns, RaisedWeights &weights);
/// Convolutions with weights become lqc.patches and lqc.linear.
void addConvolutionPatterns(mlir::RewritePatternSet &patterns,
                            RaisedWeights &weights);
/// Rows that are looked up in a weight.
void addEmbeddingPatterns(mlir::RewritePatternSet &patterns,
                          RaisedWeights &weights);
/// f(gate) * up, for the functions that lqc.gated_activation knows.
void addGatePatterns(mlir::RewritePatternSet &patterns);
/// Reshapes between rows and tensors move down.
void addRowPatterns(mlir::RewritePatternSet &patterns);

} // namespace lqc

#endif // LQC_PASSES_SIMPLIFY_RAISE_H
