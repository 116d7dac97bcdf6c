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

#include <map>

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

  /// The same of bytes, as the codes that lqc.integer_linear multiplies. Rows
  /// are outputs; columns, or channels, are filled up with zeros to a multiple
  /// of four. `isSigned`: else they are codes plus 128.
  enum class Bytes { Rows, Columns, ChannelsFirst }; ///< where outputs are
  mlir::Value getCodes(mlir::Value value, bool isSigned, Bytes order,
                       mlir::OpBuilder &builder);
  /// The same of the weight (channels, 1, kernel…) of a convolution that leaves
  /// channels apart, as the signed bytes that lqc.depthwise multiplies.
  mlir::Value getDepthwise(mlir::Value value, bool isSigned,
                           mlir::OpBuilder &builder);
  /// `factor` times the sum of each output's codes, as int32.
  mlir::Value getCodeSums(mlir::Value value, bool isSigned, Bytes order,
                          int64_t factor, mlir::OpBuilder &builder);

private:
  WeightOp findBytes(mlir::Value value);
  WeightOp ofConstant(mlir::DenseElementsAttr numbers, mlir::Location loc);
  WeightOp transposed(WeightOp weight);
  WeightOp channelsLast(WeightOp weight);
  WeightOp rowsOf(WeightOp weight, int64_t first, int64_t count);
  WeightOp find(mlir::Value value);

  mlir::SymbolTable &symbols;
  llvm::DenseMap<mlir::Attribute, WeightOp> constants;
  llvm::DenseMap<mlir::Operation *, WeightOp> transposes, matrices;
  std::map<std::pair<mlir::Operation *, bool>, WeightOp> depthwise;
  /// Of bytes: by weight, sign, order, and factor.
  std::map<std::tuple<mlir::Operation *, bool, Bytes>, WeightOp> codes;
  std::map<std::tuple<mlir::Operation *, bool, Bytes, int64_t>, WeightOp> sums;
  llvm::DenseMap<std::tuple<mlir::Operation *, int64_t, int64_t>, WeightOp>
      rows;
};

/// From (batch, channels, positions…) to (batch, positions…, channels).
llvm::SmallVector<int64_t> channelsLastOrder(int64_t rank);
/// And back.
llvm::SmallVector<int64_t> toChannelsFirst(int64_t rank);
template <typename T>
llvm::SmallVector<T> permuted(llvm::ArrayRef<T> list,
                              llvm::ArrayRef<int64_t> order) {
  llvm::SmallVector<T> result;
  for (int64_t index : order)
    result.push_back(list[index]);
  return result;
}
mlir::Value transposed(mlir::Value value, llvm::ArrayRef<int64_t> order,
                       mlir::OpBuilder &builder);
/// The value with its channels last. Padding moves behind the transpose, so
/// that this meets the one of the convolution before.
mlir::Value withChannelsLast(mlir::Value value, mlir::OpBuilder &builder);
/// Signed bytes as unsigned ones plus 128, or back.
mlir::Value flipHighBits(mlir::Value bytes, mlir::OpBuilder &builder);

/// An int32 tensor that is bytes less a zero point.
struct CenteredBytes {
  mlir::Value bytes;
  bool isSigned = false;
  int64_t zero = 0;
};
std::optional<CenteredBytes> matchCentered(mlir::Value value);
/// The same with unsigned bytes.
CenteredBytes withoutSign(CenteredBytes centered, mlir::OpBuilder &builder);

/// What a convolution of bytes reads: bytes less a zero point, and zeros around
/// them.
struct ByteImage {
  CenteredBytes bytes;
  mlir::tensor::PadOp pad; ///< or null
};
std::optional<ByteImage> matchImage(mlir::Value input);
/// Its bytes, which become unsigned, with channels last, up to a `multiple` of
/// them; what is around them is the zero point.
mlir::Value channelsLastImage(ByteImage &image, int64_t multiple,
                              mlir::OpBuilder &builder);

/// The bytes that an int32 weight is made of, or that hold its numbers if these
/// were computed already: codes that getCodes() takes.
std::optional<CenteredBytes> matchCodes(mlir::Value weight,
                                        mlir::OpBuilder &builder);
/// The sums of products of unsigned bytes less their zero point and codes.
mlir::Value multiplyBytes(mlir::Value rows, int64_t zero,
                          const CenteredBytes &codes,
                          RaisedWeights::Bytes order, RaisedWeights &weights,
                          mlir::OpBuilder &builder);
/// Products of bytes with weights become lqc.integer_linear.
void addIntegerPatterns(mlir::RewritePatternSet &patterns,
                        RaisedWeights &weights);

/// Whether every element is the constant `number`.
bool isSplat(mlir::Value value, double number);
/// The integer that every element is, if that is a constant.
std::optional<int64_t> splatInteger(mlir::Value value);
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
/// Convolutions of bytes that leave channels apart become lqc.depthwise.
void addDepthwisePatterns(mlir::RewritePatternSet &patterns,
                          RaisedWeights &weights);
/// Transposes around convolutions move down until they meet.
void addTransposePatterns(mlir::RewritePatternSet &patterns);
/// Rows that are looked up in a weight.
void addEmbeddingPatterns(mlir::RewritePatternSet &patterns,
                          RaisedWeights &weights);
/// f(gate) * up, for the functions that lqc.gated_activation knows.
void addGatePatterns(mlir::RewritePatternSet &patterns);
/// Reshapes between rows and tensors move down.
void addRowPatterns(mlir::RewritePatternSet &patterns);

} // namespace lqc

#endif // LQC_PASSES_SIMPLIFY_RAISE_H
