//===- Packing.cpp - bytes in the order that a kernel wants -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Packing.h"

#include "lqc/Numerics/Half.h"
#include "lqc/Numerics/Levels.h"

#include "llvm/Support/MathExtras.h"

#include <cassert>
#include <cstring>

using namespace lqc;

/// What the end of every packed tensor is rounded up to.
static constexpr uint64_t kTensorAlignment = 64;
/// Columns of a quantized chunk; four codes are handled as one 32-bit word.
static constexpr int64_t kChunkColumns = 4;

llvm::SmallVector<BitPlane, 3> lqc::bitPlanes(unsigned bits) {
  if (bits == 8)
    return {{8, 0}};
  llvm::SmallVector<BitPlane, 3> planes;
  unsigned shift = 0;
  for (unsigned width : {4u, 2u, 1u}) {
    if (!(bits & width))
      continue;
    planes.push_back({width, shift});
    shift += width;
  }
  return planes;
}

int64_t lqc::columnsPerRun(unsigned bits, const Layout &layout) {
  // Planes come widest first, so the last is the narrowest.
  return layout.tileColumns * (8 / bitPlanes(bits).back().bits);
}

static int64_t paddedColumns(const Scheme &scheme, int64_t columns,
                             const Layout &layout) {
  return llvm::alignTo(columns, columnsPerRun(scheme.bits, layout));
}

/// Bytes of one bit mask over the rows of a block.
static uint64_t maskBytes(const Layout &layout) {
  return llvm::divideCeil(layout.tileRows, 8);
}

llvm::SmallVector<uint64_t, 4> lqc::groupPlanes(unsigned bits, int64_t groups,
                                                const Layout &layout) {
  llvm::SmallVector<uint64_t, 4> offsets = {0};
  for (BitPlane plane : bitPlanes(bits))
    offsets.push_back(offsets.back() +
                      llvm::divideCeil(groups, 8 / plane.bits) *
                          layout.tileRows);
  return offsets;
}

/// Bytes of `count` scales for each row of a block.
static uint64_t scaleBytes(ScaleFormat format, int64_t count,
                           const Layout &layout) {
  unsigned bits = scaleBits(format);
  return bits <= 8 ? groupPlanes(bits, count, layout).back()
                   : count * layout.tileRows * bits / 8;
}

BlockParts lqc::blockParts(const Scheme &scheme, int64_t columns,
                           const Layout &layout) {
  BlockParts parts;
  uint64_t codes = paddedColumns(scheme, columns, layout) * layout.tileRows;
  for (BitPlane plane : bitPlanes(scheme.bits)) {
    parts.planes.push_back(parts.bytes);
    parts.bytes += codes * plane.bits / 8;
  }
  uint64_t groups = scheme.groups(columns), supers = scheme.supers(columns);
  parts.scales = parts.bytes;
  parts.bytes += scaleBytes(scheme.scale, groups, layout);
  parts.zeros = parts.bytes;
  if (scheme.zero == ZeroPoint::Integer)
    parts.bytes += groups * scheme.bits * maskBytes(layout);
  else if (scheme.zero == ZeroPoint::Minimum)
    parts.bytes += scaleBytes(scheme.scale, groups, layout);
  parts.superScales = parts.bytes;
  parts.bytes += scaleBytes(scheme.superScale, supers, layout);
  parts.superOffsets = parts.bytes;
  if (scheme.hasOffsets())
    parts.bytes += scaleBytes(scheme.superScale, supers, layout);
  return parts;
}

static int64_t blocksOf(int64_t rows, const Layout &layout) {
  return llvm::divideCeil(rows, layout.tileRows);
}

uint64_t lqc::packedBytes(const Scheme &scheme, int64_t rows, int64_t columns,
                          const Layout &layout) {
  uint64_t block = blockParts(scheme, columns, layout).bytes;
  return llvm::alignTo(blocksOf(rows, layout) * block, kTensorAlignment);
}

uint64_t lqc::packedBytes(unsigned elementBytes, int64_t rows, int64_t columns,
                          const Layout &layout) {
  uint64_t block = columns * layout.tileRows * elementBytes;
  return llvm::alignTo(blocksOf(rows, layout) * block, kTensorAlignment);
}

//===----------------------------------------------------------------------===//
// Quantized tensors
//===----------------------------------------------------------------------===//

static uint32_t loadWord(const void *bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

static void storeWord(void *bytes, uint32_t word) {
  std::memcpy(bytes, &word, sizeof(word));
}

/// The same byte four times.
static uint32_t splat(unsigned byte) { return byte * 0x01010101u; }

/// One row's codes into its places in a plane: `row` points to the row's first
/// word of the plane, words are `stride` bytes apart. `Bits` bits of each code,
/// from bit `shift`.
template <unsigned Bits>
static void packPlaneRow(const uint8_t *codes, int64_t columns, unsigned shift,
                         int64_t stride, char *row) {
  constexpr unsigned kChunks = 8 / Bits;
  const uint32_t mask = splat((1u << Bits) - 1);
  for (int64_t c = 0; c < columns; c += kChunks * kChunkColumns) {
    uint32_t word = 0;
    for (unsigned i = 0; i < kChunks; ++i) {
      uint32_t chunk = loadWord(codes + c + i * kChunkColumns);
      word |= ((chunk >> shift) & mask) << (i * Bits);
    }
    storeWord(row, word);
    row += stride;
  }
}

/// The inverse: adds the plane's bits to the codes.
template <unsigned Bits>
static void unpackPlaneRow(const char *row, int64_t columns, unsigned shift,
                           int64_t stride, uint8_t *codes) {
  constexpr unsigned kChunks = 8 / Bits;
  const uint32_t mask = splat((1u << Bits) - 1);
  for (int64_t c = 0; c < columns; c += kChunks * kChunkColumns) {
    uint32_t word = loadWord(row);
    row += stride;
    for (unsigned i = 0; i < kChunks; ++i) {
      uint8_t *place = codes + c + i * kChunkColumns;
      uint32_t bits = ((word >> (i * Bits)) & mask) << shift;
      storeWord(place, loadWord(place) | bits);
    }
  }
}

static void packPlaneRow(BitPlane plane, const uint8_t *codes, int64_t columns,
                         int64_t stride, char *row) {
  switch (plane.bits) {
  case 8:
    return packPlaneRow<8>(codes, columns, plane.shift, stride, row);
  case 4:
    return packPlaneRow<4>(codes, columns, plane.shift, stride, row);
  case 2:
    return packPlaneRow<2>(codes, columns, plane.shift, stride, row);
  default:
    return packPlaneRow<1>(codes, columns, plane.shift, stride, row);
  }
}

static void unpackPlaneRow(BitPlane plane, const char *row, int64_t columns,
                           int64_t stride, uint8_t *codes) {
  switch (plane.bits) {
  case 8:
    return unpackPlaneRow<8>(row, columns, plane.shift, stride, codes);
  case 4:
    return unpackPlaneRow<4>(row, columns, plane.shift, stride, codes);
  case 2:
    return unpackPlaneRow<2>(row, columns, plane.shift, stride, codes);
  default:
    return unpackPlaneRow<1>(row, columns, plane.shift, stride, codes);
  }
}

/// Between codes and the signed bytes of the 8-bit plane: code - 128.
static void flipSign(uint8_t *codes, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c)
    codes[c] ^= 0x80;
}

/// Where row `row` of the tensor is: its block's first byte and its place in
/// the block.
static std::pair<uint64_t, int64_t> placeOf(int64_t row, uint64_t blockBytes,
                                            const Layout &layout) {
  return {row / layout.tileRows * blockBytes, row % layout.tileRows};
}

/// Codes of at most 8 bits, one for each group, into the planes of one row.
static void packGroupCodes(llvm::ArrayRef<uint8_t> codes, unsigned bits,
                           const Layout &layout, int64_t place, char *out) {
  llvm::SmallVector<uint64_t, 4> offsets =
      groupPlanes(bits, codes.size(), layout);
  for (auto [plane, offset] : llvm::zip(bitPlanes(bits), offsets)) {
    int64_t inByte = 8 / plane.bits;
    for (size_t g = 0; g < codes.size(); ++g) {
      unsigned part = (codes[g] >> plane.shift) & ((1u << plane.bits) - 1);
      out[offset + g / inByte * layout.tileRows + place] |=
          part << (g % inByte * plane.bits);
    }
  }
}

static void unpackGroupCodes(const char *in, unsigned bits,
                             const Layout &layout, int64_t place,
                             llvm::MutableArrayRef<uint8_t> codes) {
  llvm::SmallVector<uint64_t, 4> offsets =
      groupPlanes(bits, codes.size(), layout);
  llvm::fill(codes, 0);
  for (auto [plane, offset] : llvm::zip(bitPlanes(bits), offsets)) {
    int64_t inByte = 8 / plane.bits;
    for (size_t g = 0; g < codes.size(); ++g) {
      unsigned byte = static_cast<unsigned char>(
          in[offset + g / inByte * layout.tileRows + place]);
      unsigned part = byte >> (g % inByte * plane.bits);
      codes[g] |= (part & ((1u << plane.bits) - 1)) << plane.shift;
    }
  }
}

/// Scales of one row: as codes in planes, or as whole floats.
static void packScales(llvm::ArrayRef<float> scales, ScaleFormat format,
                       const Layout &layout, int64_t place, char *out) {
  if (scaleBits(format) <= 8) {
    llvm::SmallVector<uint8_t, 64> codes(scales.size());
    for (auto [code, scale] : llvm::zip(codes, scales))
      code = codeFromScale(format, scale);
    return packGroupCodes(codes, scaleBits(format), layout, place, out);
  }
  for (size_t g = 0; g < scales.size(); ++g) {
    int64_t index = g * layout.tileRows + place;
    if (format == ScaleFormat::F32) {
      std::memcpy(out + index * 4, &scales[g], 4);
      continue;
    }
    uint16_t half = halfFromFloat(scales[g]);
    std::memcpy(out + index * 2, &half, 2);
  }
}

static void unpackScales(const char *in, ScaleFormat format,
                         const Layout &layout, int64_t place,
                         llvm::MutableArrayRef<float> scales) {
  if (scaleBits(format) <= 8) {
    llvm::SmallVector<uint8_t, 64> codes(scales.size());
    unpackGroupCodes(in, scaleBits(format), layout, place, codes);
    for (auto [code, scale] : llvm::zip(codes, scales))
      scale = scaleFromCode(format, code);
    return;
  }
  for (size_t g = 0; g < scales.size(); ++g) {
    int64_t index = g * layout.tileRows + place;
    if (format == ScaleFormat::F32) {
      std::memcpy(&scales[g], in + index * 4, 4);
      continue;
    }
    uint16_t half;
    std::memcpy(&half, in + index * 2, 2);
    scales[g] = floatFromHalf(half);
  }
}

/// Zero points as bit masks, minima as scales.
static void packZeros(llvm::ArrayRef<uint8_t> zeros, const Scheme &scheme,
                      const Layout &layout, int64_t place, char *out) {
  unsigned bits = zeroBits(scheme);
  if (scheme.zero == ZeroPoint::Minimum)
    return packGroupCodes(zeros, bits, layout, place, out);
  uint64_t mask = maskBytes(layout);
  for (size_t g = 0; g < zeros.size(); ++g)
    for (unsigned b = 0; b < bits; ++b)
      out[(g * bits + b) * mask + place / 8] |= ((zeros[g] >> b) & 1)
                                                << (place % 8);
}

template <typename T>
static llvm::ArrayRef<T> rowOf(const std::vector<T> &all, int64_t row,
                               int64_t count) {
  return llvm::ArrayRef(all).slice(row * count, count);
}

template <typename T>
static llvm::MutableArrayRef<T> rowOf(std::vector<T> &all, int64_t row,
                                      int64_t count) {
  return llvm::MutableArrayRef(all).slice(row * count, count);
}

void lqc::pack(const QuantizedTensor &tensor, const Layout &layout,
               llvm::MutableArrayRef<char> out) {
  const Scheme &scheme = tensor.scheme;
  assert(layout.tileColumns == kChunkColumns && "codes come in chunks of four");
  assert(out.size() ==
         packedBytes(scheme, tensor.rows, tensor.columns, layout));
  BlockParts parts = blockParts(scheme, tensor.columns, layout);
  llvm::SmallVector<BitPlane, 3> planes = bitPlanes(scheme.bits);
  int64_t padded = paddedColumns(scheme, tensor.columns, layout);
  int64_t stride = layout.tileRows * kChunkColumns;
  int64_t groups = tensor.groups(), supers = tensor.supers();
  // Padding is zero bytes; what is not padding is written below.
  std::memset(out.data(), 0, out.size());
  std::vector<uint8_t> codes(padded, 0);
  for (int64_t row = 0; row < tensor.rows; ++row) {
    auto [start, place] = placeOf(row, parts.bytes, layout);
    char *block = out.data() + start;
    std::memcpy(codes.data(), &tensor.codes[row * tensor.columns],
                tensor.columns);
    if (scheme.bits == 8)
      flipSign(codes.data(), tensor.columns);
    for (size_t p = 0; p < planes.size(); ++p)
      packPlaneRow(planes[p], codes.data(), padded, stride,
                   block + parts.planes[p] + place * kChunkColumns);
    packScales(rowOf(tensor.scales, row, groups), scheme.scale, layout, place,
               block + parts.scales);
    if (!scheme.isSymmetric())
      packZeros(rowOf(tensor.zeros, row, groups), scheme, layout, place,
                block + parts.zeros);
    packScales(rowOf(tensor.superScales, row, supers), scheme.superScale,
               layout, place, block + parts.superScales);
    if (scheme.hasOffsets())
      packScales(rowOf(tensor.superOffsets, row, supers), scheme.superScale,
                 layout, place, block + parts.superOffsets);
  }
}

static void unpackZeros(const char *in, const Scheme &scheme,
                        const Layout &layout, int64_t place,
                        llvm::MutableArrayRef<uint8_t> zeros) {
  unsigned bits = zeroBits(scheme);
  if (scheme.zero == ZeroPoint::Minimum)
    return unpackGroupCodes(in, bits, layout, place, zeros);
  uint64_t mask = maskBytes(layout);
  for (size_t g = 0; g < zeros.size(); ++g) {
    unsigned zero = 0;
    for (unsigned b = 0; b < bits; ++b) {
      unsigned byte =
          static_cast<unsigned char>(in[(g * bits + b) * mask + place / 8]);
      zero |= ((byte >> (place % 8)) & 1) << b;
    }
    zeros[g] = zero;
  }
}

QuantizedTensor lqc::unpack(llvm::ArrayRef<char> bytes, const Scheme &scheme,
                            int64_t rows, int64_t columns,
                            const Layout &layout) {
  assert(layout.tileColumns == kChunkColumns && "codes come in chunks of four");
  assert(bytes.size() == packedBytes(scheme, rows, columns, layout));
  QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, columns);
  BlockParts parts = blockParts(scheme, columns, layout);
  llvm::SmallVector<BitPlane, 3> planes = bitPlanes(scheme.bits);
  int64_t padded = paddedColumns(scheme, columns, layout);
  int64_t stride = layout.tileRows * kChunkColumns;
  int64_t groups = tensor.groups(), supers = tensor.supers();
  std::vector<uint8_t> codes(padded);
  for (int64_t row = 0; row < rows; ++row) {
    auto [start, place] = placeOf(row, parts.bytes, layout);
    const char *block = bytes.data() + start;
    std::fill(codes.begin(), codes.end(), 0);
    for (size_t p = 0; p < planes.size(); ++p)
      unpackPlaneRow(planes[p], block + parts.planes[p] + place * kChunkColumns,
                     padded, stride, codes.data());
    if (scheme.bits == 8)
      flipSign(codes.data(), columns);
    std::memcpy(&tensor.codes[row * columns], codes.data(), columns);
    unpackScales(block + parts.scales, scheme.scale, layout, place,
                 rowOf(tensor.scales, row, groups));
    if (!scheme.isSymmetric())
      unpackZeros(block + parts.zeros, scheme, layout, place,
                  rowOf(tensor.zeros, row, groups));
    unpackScales(block + parts.superScales, scheme.superScale, layout, place,
                 rowOf(tensor.superScales, row, supers));
    if (scheme.hasOffsets())
      unpackScales(block + parts.superOffsets, scheme.superScale, layout, place,
                   rowOf(tensor.superOffsets, row, supers));
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Float tensors
//===----------------------------------------------------------------------===//

/// Elements (rows, columns) to (columns, tileRows) for one block of rows.
template <typename Element>
static void packBlock(const char *in, int64_t rows, int64_t columns,
                      int64_t tileRows, char *out) {
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(out + (c * tileRows + r) * sizeof(Element),
                  in + (r * columns + c) * sizeof(Element), sizeof(Element));
}

template <typename Element>
static void unpackBlock(const char *in, int64_t rows, int64_t columns,
                        int64_t tileRows, char *out) {
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(out + (r * columns + c) * sizeof(Element),
                  in + (c * tileRows + r) * sizeof(Element), sizeof(Element));
}

void lqc::pack(llvm::ArrayRef<char> elements, unsigned elementBytes,
               int64_t rows, int64_t columns, const Layout &layout,
               llvm::MutableArrayRef<char> out) {
  assert((elementBytes == 2 || elementBytes == 4) && "16 or 32 bits");
  assert(layout.tileColumns == 1 && "floats come one column at a time");
  assert(static_cast<int64_t>(elements.size()) ==
         rows * columns * int64_t(elementBytes));
  assert(out.size() == packedBytes(elementBytes, rows, columns, layout));
  std::memset(out.data(), 0, out.size());
  uint64_t block = columns * layout.tileRows * elementBytes;
  for (int64_t row = 0; row < rows; row += layout.tileRows) {
    int64_t used = std::min(layout.tileRows, rows - row);
    const char *source = elements.data() + row * columns * elementBytes;
    char *target = out.data() + row / layout.tileRows * block;
    if (elementBytes == 2)
      packBlock<uint16_t>(source, used, columns, layout.tileRows, target);
    else
      packBlock<uint32_t>(source, used, columns, layout.tileRows, target);
  }
}

std::vector<char> lqc::unpack(llvm::ArrayRef<char> bytes, unsigned elementBytes,
                              int64_t rows, int64_t columns,
                              const Layout &layout) {
  assert((elementBytes == 2 || elementBytes == 4) && "16 or 32 bits");
  assert(layout.tileColumns == 1 && "floats come one column at a time");
  assert(bytes.size() == packedBytes(elementBytes, rows, columns, layout));
  std::vector<char> elements(rows * columns * elementBytes);
  uint64_t block = columns * layout.tileRows * elementBytes;
  for (int64_t row = 0; row < rows; row += layout.tileRows) {
    int64_t used = std::min(layout.tileRows, rows - row);
    const char *source = bytes.data() + row / layout.tileRows * block;
    char *target = elements.data() + row * columns * elementBytes;
    if (elementBytes == 2)
      unpackBlock<uint16_t>(source, used, columns, layout.tileRows, target);
    else
      unpackBlock<uint32_t>(source, used, columns, layout.tileRows, target);
  }
  return elements;
}
