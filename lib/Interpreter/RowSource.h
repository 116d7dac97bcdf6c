//===- RowSource.h - rows of a tensor, made when asked for ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chain of sources computes any block of rows of a weight without the rest of
// it. A row is an element of the first dimension; a scalar has one.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_ROWSOURCE_H
#define LQC_LIB_INTERPRETER_ROWSOURCE_H

#include "WeightFiles.h"

#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Numerics/QuantizedTensor.h"

#include <optional>

namespace lqc {

/// Some rows: elements as the type stores them, or codes.
struct RowBlock {
  llvm::ArrayRef<char> elements;
  std::vector<char> owned; ///< holds `elements` unless they live elsewhere
  std::optional<QuantizedTensor> quantized;

  static RowBlock ofBytes(std::vector<char> bytes);
  static RowBlock ofCodes(QuantizedTensor tensor);
};

/// Gives rows of one tensor. read() may be called by several threads.
class RowSource {
public:
  explicit RowSource(mlir::RankedTensorType type) : tensorType(type) {}
  virtual ~RowSource() = default;

  /// Rows [first, first + count).
  virtual llvm::Expected<RowBlock> read(int64_t first, int64_t count) const = 0;
  /// Says that these rows are not needed for now.
  virtual void release(int64_t first, int64_t count) const {}

  mlir::RankedTensorType type() const { return tensorType; }
  int64_t rows() const;
  /// Elements of a row.
  int64_t rowElements() const;
  /// Bytes of a row of a plain tensor.
  uint64_t rowBytes() const;

private:
  mlir::RankedTensorType tensorType;
};

using RowSourcePtr = std::shared_ptr<const RowSource>;

/// Plain elements or canonical quantized bytes in memory. `file`, if given, is
/// where they are mapped from.
RowSourcePtr memorySource(mlir::RankedTensorType type, WeightBytes bytes,
                          std::shared_ptr<const WeightFile> file = nullptr);
RowSourcePtr randomSource(mlir::RankedTensorType type, RandomAttr random);
RowSourcePtr codesSource(mlir::RankedTensorType type, QuantizedTensor tensor);

/// Rounds to the scheme of `type`. `name` starts its messages: "weight @q".
RowSourcePtr quantizeSource(mlir::RankedTensorType type, RowSourcePtr input,
                            ClipSearch clip, std::string name);
RowSourcePtr dequantizeSource(mlir::RankedTensorType type, RowSourcePtr input);

/// Puts rows of codes together with the scales and zero points of all rows; see
/// assemble(). `name` starts its messages.
RowSourcePtr assembleSource(mlir::RankedTensorType type, RowSourcePtr codes,
                            std::vector<float> scales, std::vector<char> zeros,
                            std::string name);

/// Multiplies rows (axis 0) or columns (axis 1) by `factors`; rows of codes by
/// their scales. `name` starts its messages.
RowSourcePtr scaleChannelsSource(mlir::RankedTensorType type,
                                 RowSourcePtr input, std::vector<float> factors,
                                 int64_t axis, std::string name);

/// Rows and columns from [firstRow, firstColumn], as many as `type` has.
/// Columns of quantized tensors are all taken.
RowSourcePtr sliceSource(mlir::RankedTensorType type, RowSourcePtr input,
                         int64_t firstRow, int64_t firstColumn);
/// Tensors one below the other.
RowSourcePtr concatRowsSource(mlir::RankedTensorType type,
                              std::vector<RowSourcePtr> inputs);
/// Plain tensors side by side.
RowSourcePtr concatColumnsSource(mlir::RankedTensorType type,
                                 std::vector<RowSourcePtr> inputs);

/// Gives all bytes of `source`, encoded as `type` says (its own type, or that
/// packed), block by block. `name` starts messages. Plain floats are checked to
/// be finite if they must be.
llvm::Error streamRows(const RowSource &source, mlir::RankedTensorType type,
                       const std::string &name, bool mustBeFinite,
                       unsigned threads, WeightStore::Sink sink);

/// "element [1, 2] is nan" for an element of a plain tensor with the bits of
/// `elements`, the first of which is number `offset` of the tensor.
llvm::Error checkFinite(llvm::ArrayRef<char> elements,
                        mlir::RankedTensorType type, int64_t offset);

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_ROWSOURCE_H
