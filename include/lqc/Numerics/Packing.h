//===- Packing.h - bytes in the order that a kernel wants -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *layout* is the order of a matrix's bytes in memory. There is one kind:
// blocks of `tileRows` rows (the last block is padded with zero bytes), and
// inside a block the columns in order, `tileRows` rows side by side, so that
// one vector register holds the same columns of many outputs and a product
// needs no horizontal sum.
//
// Float weights (F32, F16, BF16), tileColumns = 1:
//   block: for each column c: tileRows elements.
//
// Quantized weights, tileColumns = 4 (what vpdpbusd multiplies in one lane).
// The code of `bits` bits is cut into *bit planes* of 4, 2 and 1 bits, from the
// low end: 7 = 4+2+1; 6 = 4+2; 5 = 4+1; 4; 3 = 2+1; 2; and 8, which needs no
// unpacking, is one plane of 8. A *chunk* is 4 columns x tileRows rows, one
// byte an element, byte index row * 4 + (column % 4). A plane of p bits puts
// 8/p consecutive chunks into one byte vector of tileRows * 4 bytes: chunk i of
// them at bits [i*p, (i+1)*p) of each byte. A block of rows is
//
//   for each plane: for each run of 8/p chunks: tileRows * 4 bytes
//     (columns padded with zero bytes to a multiple of columnsPerRun())
//   for each group: tileRows scales, in the scheme's scale format
//   for each group, with zero points: `bits` bit masks of tileRows bits each;
//     bit r of mask b is bit b of the zero point of row r (tileRows / 8 bytes,
//     little-endian); with minima: tileRows of them, as scales
//   for each super group: tileRows super scales
//   for each super group, if they have offsets: tileRows of them
//
// Scales of at most 8 bits are cut into bit planes too, with one byte a row and
// a group in place of a chunk: a plane of p bits puts 8/p consecutive groups
// into tileRows bytes (groups padded with zero bytes). They are stored as their
// formats' codes (Levels.h).
//
// and blocks follow one another, each rounded up to 64 bytes only at the very
// end of the tensor. Codes are stored unsigned (see Scheme.h), except in the
// 8-bit plane, which holds code - 128 as a signed byte (AVX2 multiplies
// unsigned by signed bytes and saturates; with |w| <= 128 and |x| <= 127 it
// cannot).
//
// Worked example: int4, tileRows 16, 64 columns: chunks 0 and 1 (columns 0..3
// and 4..7) share 64 bytes; byte r*4+j holds column j of row r in its low
// nibble and column 4+j in its high nibble. 8 such vectors, then 16 fp16.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_PACKING_H
#define LQC_NUMERICS_PACKING_H

#include "lqc/Numerics/QuantizedTensor.h"

namespace lqc {

/// The order of a matrix's bytes. See the top of this file.
struct Layout {
  int64_t tileRows = 16;
  int64_t tileColumns = 4;

  bool operator==(const Layout &other) const {
    return tileRows == other.tileRows && tileColumns == other.tileColumns;
  }
};

/// A plane of a code's bits: `bits` bits that start at bit `shift`.
struct BitPlane {
  unsigned bits;
  unsigned shift;
};

/// The planes of a code of `bits` bits, low end first.
llvm::SmallVector<BitPlane, 3> bitPlanes(unsigned bits);

/// Columns after which every plane of a code of `bits` bits is at a byte
/// boundary: 4 * 8 / (bits of the narrowest plane).
int64_t columnsPerRun(unsigned bits, const Layout &layout);

/// Where the parts of one block of rows are: offsets in bytes from the block's
/// start. What the packer writes and what the kernel generator reads.
struct BlockParts {
  llvm::SmallVector<uint64_t, 3> planes; ///< one for each of bitPlanes()
  uint64_t scales = 0;
  uint64_t zeros = 0; ///< masks of zero points or planes of minima
  uint64_t superScales = 0;
  uint64_t superOffsets = 0;
  uint64_t bytes = 0; ///< of the whole block
};
BlockParts blockParts(const Scheme &scheme, int64_t columns,
                      const Layout &layout);

/// The bit planes of one code of at most 8 bits for each group (scales or
/// minima): offsets from the part's start, then the part's size.
llvm::SmallVector<uint64_t, 4> groupPlanes(unsigned bits, int64_t groups,
                                           const Layout &layout);

/// Bytes of a packed quantized tensor.
uint64_t packedBytes(const Scheme &scheme, int64_t rows, int64_t columns,
                     const Layout &layout);
/// Bytes of a packed float tensor of `elementBytes` an element.
uint64_t packedBytes(unsigned elementBytes, int64_t rows, int64_t columns,
                     const Layout &layout);

/// Writes the packed bytes; `out` holds packedBytes().
void pack(const QuantizedTensor &tensor, const Layout &layout,
          llvm::MutableArrayRef<char> out);
void pack(llvm::ArrayRef<char> elements, unsigned elementBytes, int64_t rows,
          int64_t columns, const Layout &layout,
          llvm::MutableArrayRef<char> out);

/// The inverses, used by the interpreter and by tests.
QuantizedTensor unpack(llvm::ArrayRef<char> bytes, const Scheme &scheme,
                       int64_t rows, int64_t columns, const Layout &layout);
std::vector<char> unpack(llvm::ArrayRef<char> bytes, unsigned elementBytes,
                         int64_t rows, int64_t columns, const Layout &layout);

} // namespace lqc

#endif // LQC_NUMERICS_PACKING_H
