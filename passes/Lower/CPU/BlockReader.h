//===- BlockReader.h - packed codes and scales to registers ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a block of a packed quantized matrix (lqc/Numerics/Packing.h), output
// rows in lanes. Everything about a scheme that a kernel must know is in here:
// what a column's codes stand for, as floats or as bytes, and what a group's
// sum is multiplied by and shifted with. For float activations
//
//   value = (levels - zeros) * scale - minimum
//
// where zeros is subtracted already, and levels and scale are both off by one
// power of two where that makes levels cheaper. For integer activations
//
//   value = (bytes - byteZeros) * byteScale - minimum
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_BLOCKREADER_H
#define LQC_PASSES_LOWER_CPU_BLOCKREADER_H

#include "passes/Lower/CPU/KernelEmitter.h"

namespace lqc {

class BlockReader {
public:
  using Value = mlir::Value;

  /// A scheme of no bits stands for float weights: only lanes() and the like
  /// may be asked then.
  BlockReader(KernelEmitter &e, const Scheme &scheme, int64_t columns,
              Layout layout);

  int64_t lanes() const { return width; }
  /// Registers that hold the rows of one block.
  int64_t parts() const { return layout.tileRows / width; }
  int64_t blockBytes() const { return block.bytes; }
  /// Whether vpdpbusd is there.
  bool hasVnni() const { return vnni; }

  // `address` is a block's first byte, `part` says which of its registers.
  // `column` is where runs of all planes start, `within` is counted from it.

  /// levels - zeros of column `column + within`. `zeros` is zeros() of the
  /// column's group.
  Value levels(Value address, int64_t part, Value column, int64_t within,
               Value zeros);
  Value scale(Value address, int64_t part, Value group);
  /// Null if the scheme has none.
  Value minimum(Value address, int64_t part, Value group);
  /// Zero points as i32 lanes, on the footing of levels(). Null if nothing is
  /// to be subtracted.
  Value zeros(Value address, int64_t part, Value group);

  /// Four columns a lane, from `column + within`, a multiple of four: unsigned
  /// bytes, or signed ones if bytesAreSigned().
  Value bytes(Value address, int64_t part, Value column, int64_t within);
  bool bytesAreSigned() const { return scheme.bits == 8; }
  /// The largest magnitude of bytes().
  int64_t largestByte() const;
  /// As i32 lanes, if 8-bit bytes were made unsigned by adding 128. Null if
  /// nothing is to be subtracted.
  Value byteZeros(Value address, int64_t part, Value group);
  Value byteScale(Value address, int64_t part, Value group);

  /// Columns after which every plane is at a byte boundary.
  int64_t runColumns() const { return columnsPerRun(scheme.bits, layout); }

private:
  Value planeRegister(unsigned plane, int64_t run, Value address, int64_t part,
                      Value column, mlir::Type type);
  Value shiftedWord(Value address, int64_t part, Value column, int64_t within);
  Value codes(Value address, int64_t part, Value column, int64_t within);
  Value codebookLevels(Value address, int64_t part, Value column,
                       int64_t within);
  Value smallFloats(Value word, int64_t byte);
  Value maskedZeros(Value address, int64_t part, Value group, int64_t footing);
  Value groupCodes(uint64_t offset, Value address, int64_t part, Value group);
  Value scaleNumbers(uint64_t offset, Value address, int64_t part, Value group);
  Value wholeScales(ScaleFormat format, uint64_t offset, Value address,
                    int64_t part, Value index);
  Value superGroup(Value group);
  Value scaleTimes(double factor, Value address, int64_t part, Value group);
  Value dynamicMap(Value codes);
  Value negated(Value value);

  KernelEmitter &e;
  Scheme scheme;
  int64_t columns;
  Layout layout;
  BlockParts block;
  int64_t width;
  bool vnni;
  mlir::VectorType f32s, i32s;
};

/// Calls `body(group, base, within, sums)` for each group of a row, in order:
/// it starts at column `base + within`, where `base` is at a byte boundary of
/// all planes. Groups that are smaller than `run` columns are unrolled until
/// they fill them.
KernelEmitter::Values overGroups(
    KernelEmitter &e, int64_t columns, int64_t group, int64_t run,
    mlir::ValueRange sums,
    llvm::function_ref<KernelEmitter::Values(mlir::Value, mlir::Value, int64_t,
                                             KernelEmitter::Values)>
        body);

/// Calls `body(base, within, count, sums)` for the `group` columns from `base +
/// within`, `step` at a time; the last piece may be shorter.
KernelEmitter::Values overColumns(
    KernelEmitter &e, mlir::Value base, int64_t within, int64_t group,
    int64_t step, mlir::ValueRange sums,
    llvm::function_ref<KernelEmitter::Values(mlir::Value, int64_t, int64_t,
                                             KernelEmitter::Values)>
        body);

/// A call of an intrinsic with one result.
mlir::Value callIntrinsic(KernelEmitter &e, llvm::StringRef name,
                          mlir::Type result, mlir::ValueRange operands);

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_BLOCKREADER_H
