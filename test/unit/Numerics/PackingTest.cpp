//===- PackingTest.cpp - bytes in the order that a kernel wants ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Packing.h"

#include "Fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

using namespace lqc;

static const Layout kTile16 = {16, 4};
static const Layout kFloat16 = {16, 1};

static std::vector<char> packed(const QuantizedTensor &tensor,
                                const Layout &layout) {
  std::vector<char> bytes(
      packedBytes(tensor.scheme, tensor.rows, tensor.columns, layout), 0x55);
  pack(tensor, layout, bytes);
  return bytes;
}

TEST(Packing, PlanesOfEachWidth) {
  auto widths = [](unsigned bits) {
    std::vector<unsigned> result;
    unsigned shift = 0;
    for (BitPlane plane : bitPlanes(bits)) {
      EXPECT_EQ(plane.shift, shift);
      shift += plane.bits;
      result.push_back(plane.bits);
    }
    EXPECT_EQ(shift, bits);
    return result;
  };
  using Widths = std::vector<unsigned>;
  EXPECT_EQ(widths(8), Widths({8}));
  EXPECT_EQ(widths(7), Widths({4, 2, 1}));
  EXPECT_EQ(widths(6), Widths({4, 2}));
  EXPECT_EQ(widths(5), Widths({4, 1}));
  EXPECT_EQ(widths(4), Widths({4}));
  EXPECT_EQ(widths(3), Widths({2, 1}));
  EXPECT_EQ(widths(2), Widths({2}));
  EXPECT_EQ(columnsPerRun(8, kTile16), 4);
  EXPECT_EQ(columnsPerRun(4, kTile16), 8);
  EXPECT_EQ(columnsPerRun(6, kTile16), 16);
  EXPECT_EQ(columnsPerRun(7, kTile16), 32);
}

TEST(Packing, TheHeadersExample) {
  QuantizedTensor tensor = randomTensor(*parseScheme("int4-g0"), 16, 64);
  BlockParts parts = blockParts(tensor.scheme, 64, kTile16);
  EXPECT_EQ(parts.planes.size(), 1u);
  EXPECT_EQ(parts.scales, 8 * 64u);
  EXPECT_EQ(parts.zeros, parts.bytes);
  EXPECT_EQ(parts.bytes, 8 * 64 + 32u);
  std::vector<char> bytes = packed(tensor, kTile16);
  ASSERT_EQ(bytes.size(), 576u) << "544 rounded up to 64";
  for (int64_t r = 0; r < 16; ++r) {
    for (int64_t j = 0; j < 4; ++j) {
      unsigned byte = static_cast<uint8_t>(bytes[r * 4 + j]);
      EXPECT_EQ(byte & 15, tensor.codes[r * 64 + j]);
      EXPECT_EQ(byte >> 4, tensor.codes[r * 64 + 4 + j]);
    }
    uint16_t scale;
    std::memcpy(&scale, &bytes[512 + r * 2], 2);
    EXPECT_EQ(floatFromHalf(scale), tensor.scales[r]);
  }
}

/// Reads one code back straight from the definition at the top of Packing.h.
static unsigned codeAt(const std::vector<char> &bytes, const Scheme &scheme,
                       int64_t columns, const Layout &layout, int64_t row,
                       int64_t column) {
  BlockParts parts = blockParts(scheme, columns, layout);
  int64_t block = row / layout.tileRows, r = row % layout.tileRows;
  unsigned code = 0;
  llvm::SmallVector<BitPlane, 3> planes = bitPlanes(scheme.bits);
  for (size_t p = 0; p < planes.size(); ++p) {
    int64_t chunksInByte = 8 / planes[p].bits;
    int64_t chunk = column / 4;
    int64_t vector = chunk / chunksInByte, i = chunk % chunksInByte;
    unsigned byte = static_cast<uint8_t>(
        bytes[block * parts.bytes + parts.planes[p] +
              vector * layout.tileRows * 4 + r * 4 + column % 4]);
    unsigned mask = (1u << planes[p].bits) - 1;
    code |= ((byte >> (i * planes[p].bits)) & mask) << planes[p].shift;
  }
  return scheme.bits == 8 ? code ^ 0x80 : code;
}

TEST(Packing, FollowsTheDefinition) {
  for (const Scheme &scheme : everyScheme(0)) {
    int64_t columns = scheme.groupSize ? 256 : 63;
    for (Layout layout : {Layout{16, 4}, Layout{8, 4}, Layout{32, 4}}) {
      QuantizedTensor tensor = randomTensor(scheme, 21, columns);
      std::vector<char> bytes = packed(tensor, layout);
      for (int64_t r = 0; r < 21; ++r)
        for (int64_t c = 0; c < columns; ++c)
          ASSERT_EQ(codeAt(bytes, scheme, columns, layout, r, c),
                    tensor.codes[r * columns + c])
              << schemeName(scheme) << " " << r << " " << c;
    }
  }
}

TEST(Packing, PartsOfASuperBlock) {
  // 512 columns of q4_k: 16 groups and two super groups a row.
  Scheme scheme = *parseScheme("q4_k");
  QuantizedTensor tensor = randomTensor(scheme, 20, 512);
  BlockParts parts = blockParts(scheme, 512, kTile16);
  EXPECT_EQ(parts.scales, 512 * 16 / 2u);
  EXPECT_EQ(parts.zeros - parts.scales, 16 * 16 * 6 / 8u);
  EXPECT_EQ(parts.superScales - parts.zeros, 16 * 16 * 6 / 8u);
  EXPECT_EQ(parts.superOffsets - parts.superScales, 2 * 16 * 2u);
  EXPECT_EQ(parts.bytes * 8.0, bitsPerWeight(scheme, 512) * 16 * 512);
  std::vector<char> bytes = packed(tensor, kTile16);
  auto byteAt = [&](uint64_t offset) {
    return static_cast<uint8_t>(bytes[offset]);
  };
  for (int64_t row = 0; row < 20; ++row)
    for (int64_t g = 0; g < 16; ++g) {
      uint64_t block = row / 16 * parts.bytes, r = row % 16;
      // A plane of four bits, two groups a byte, and one of two bits.
      unsigned low =
          byteAt(block + parts.scales + g / 2 * 16 + r) >> (g % 2 * 4);
      unsigned high =
          byteAt(block + parts.scales + 8 * 16 + g / 4 * 16 + r) >> (g % 4 * 2);
      EXPECT_EQ((low & 15) | (high & 3) << 4, tensor.scales[row * 16 + g]);
      low = byteAt(block + parts.zeros + g / 2 * 16 + r) >> (g % 2 * 4);
      high =
          byteAt(block + parts.zeros + 8 * 16 + g / 4 * 16 + r) >> (g % 4 * 2);
      EXPECT_EQ((low & 15) | (high & 3) << 4, tensor.zeros[row * 16 + g]);
      uint16_t super;
      std::memcpy(&super,
                  &bytes[block + parts.superOffsets + (g / 8 * 16 + r) * 2], 2);
      EXPECT_EQ(floatFromHalf(super), tensor.superOffsets[row * 2 + g / 8]);
    }
}

TEST(Packing, ZeroPointMasks) {
  Scheme scheme = *parseScheme("uint5-g32");
  QuantizedTensor tensor = randomTensor(scheme, 20, 64);
  std::vector<char> bytes = packed(tensor, kTile16);
  BlockParts parts = blockParts(scheme, 64, kTile16);
  EXPECT_EQ(parts.bytes - parts.zeros, 2 * 5 * 2u);
  for (int64_t row = 0; row < 20; ++row) {
    for (int64_t g = 0; g < 2; ++g) {
      unsigned zero = 0;
      for (unsigned b = 0; b < 5; ++b) {
        uint16_t mask;
        std::memcpy(
            &mask,
            &bytes[row / 16 * parts.bytes + parts.zeros + (g * 5 + b) * 2], 2);
        zero |= ((mask >> (row % 16)) & 1) << b;
      }
      EXPECT_EQ(zero, tensor.zeros[row * 2 + g]);
    }
  }
}

TEST(Packing, RoundTrips) {
  for (const Scheme &scheme : everyScheme({0, 16, 32, 64, 128})) {
    for (int64_t rows : {1, 15, 16, 17, 40}) {
      for (int64_t columns : {63, 172, 128, 256, 1, 4, 96, 512}) {
        if (whyNotQuantizable(scheme, rows, columns))
          continue;
        QuantizedTensor tensor = randomTensor(scheme, rows, columns);
        QuantizedTensor back =
            unpack(packed(tensor, kTile16), scheme, rows, columns, kTile16);
        ASSERT_EQ(back.codes, tensor.codes) << schemeName(scheme);
        ASSERT_EQ(back.scales, tensor.scales) << schemeName(scheme);
        ASSERT_EQ(back.zeros, tensor.zeros) << schemeName(scheme);
        ASSERT_EQ(back.superScales, tensor.superScales) << schemeName(scheme);
        ASSERT_EQ(back.superOffsets, tensor.superOffsets) << schemeName(scheme);
      }
    }
  }
}

TEST(Packing, PaddingIsZeroBytes) {
  // One row of ones in a block of 16: everything that belongs to other rows and
  // to columns 5 and up is zero, in the signed plane too.
  for (const Scheme &scheme : everyScheme(0)) {
    if (scheme.groupSize)
      continue;
    QuantizedTensor tensor = randomTensor(scheme, 1, 5);
    for (uint8_t &code : tensor.codes)
      code = 1;
    std::vector<char> bytes = packed(tensor, kTile16);
    BlockParts parts = blockParts(scheme, 5, kTile16);
    for (uint64_t i = 0; i < parts.scales; ++i)
      if (i % 64 >= 4)
        EXPECT_EQ(bytes[i], 0) << schemeName(scheme) << " " << i;
    if (scheme.bits == 8) {
      EXPECT_EQ(static_cast<uint8_t>(bytes[64]), 0x81) << "column 4";
      EXPECT_EQ(bytes[65], 0) << "column 5 is padding";
    }
    for (uint64_t i = parts.bytes; i < bytes.size(); ++i)
      EXPECT_EQ(bytes[i], 0);
  }
}

TEST(Packing, SizeIsThatOfBitsPerWeight) {
  for (const Scheme &scheme : everyScheme({32, 64, 128}))
    EXPECT_EQ(packedBytes(scheme, 2048, 2048, kTile16) * 8.0,
              bitsPerWeight(scheme, 2048) * 2048 * 2048)
        << schemeName(scheme);
}

TEST(Packing, FloatsByHand) {
  // 2 x 3 in tiles of 2 rows: columns one after the other.
  uint16_t elements[] = {1, 2, 3, 4, 5, 6};
  Layout layout = {2, 1};
  std::vector<char> bytes(packedBytes(2, 2, 3, layout));
  ASSERT_EQ(bytes.size(), 64u);
  pack(llvm::ArrayRef(reinterpret_cast<char *>(elements), 12), 2, 2, 3, layout,
       bytes);
  uint16_t result[6];
  std::memcpy(result, bytes.data(), sizeof(result));
  EXPECT_EQ(std::vector<uint16_t>(result, result + 6),
            std::vector<uint16_t>({1, 4, 2, 5, 3, 6}));
}

TEST(Packing, FloatsRoundTrip) {
  for (unsigned elementBytes : {2u, 4u}) {
    for (int64_t rows : {1, 16, 33}) {
      for (int64_t columns : {1, 63, 64}) {
        std::vector<char> elements(rows * columns * elementBytes);
        for (size_t i = 0; i < elements.size(); ++i)
          elements[i] = static_cast<char>(i * 31 + 7);
        std::vector<char> bytes(
            packedBytes(elementBytes, rows, columns, kFloat16), 0x55);
        pack(elements, elementBytes, rows, columns, kFloat16, bytes);
        EXPECT_EQ(unpack(bytes, elementBytes, rows, columns, kFloat16),
                  elements);
      }
    }
  }
}
