//===- Product.cpp - products of matrices ---------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Numerics/Product.h"

#include "lqc/Support/Parallel.h"

#include <algorithm>
#include <bit>
#include <immintrin.h>
#include <memory>
#include <type_traits>

using namespace lqc;

/// Packed parts: depth x columns of the right factor (1 MiB), rows x depth of
/// the left one (less than 200 KiB). Depth counts words.
static constexpr int64_t kDepth = 256, kColumns = 1024, kRows = 192;
/// Elements of a tile at most.
static constexpr int64_t kTile = 12 * 32;

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

static void tileAvx2(int64_t depth, const float *left, const float *right,
                     float *tile) {
  __m256 sums[6][2] = {};
  for (int64_t k = 0; k < depth; ++k, left += 6, right += 16) {
    const __m256 b0 = _mm256_loadu_ps(right), b1 = _mm256_loadu_ps(right + 8);
#pragma unroll
    for (int i = 0; i < 6; ++i) {
      const __m256 a = _mm256_broadcast_ss(left + i);
      sums[i][0] = _mm256_fmadd_ps(a, b0, sums[i][0]);
      sums[i][1] = _mm256_fmadd_ps(a, b1, sums[i][1]);
    }
  }
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 2; ++j)
      _mm256_storeu_ps(tile + 16 * i + 8 * j, sums[i][j]);
}

__attribute__((target("avx512f"))) static void
tileAvx512(int64_t depth, const float *left, const float *right, float *tile) {
  __m512 sums[12][2] = {};
  for (int64_t k = 0; k < depth; ++k, left += 12, right += 32) {
    const __m512 b0 = _mm512_loadu_ps(right), b1 = _mm512_loadu_ps(right + 16);
#pragma unroll
    for (int i = 0; i < 12; ++i) {
      const __m512 a = _mm512_set1_ps(left[i]);
      sums[i][0] = _mm512_fmadd_ps(a, b0, sums[i][0]);
      sums[i][1] = _mm512_fmadd_ps(a, b1, sums[i][1]);
    }
  }
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 2; ++j)
      _mm512_storeu_ps(tile + 32 * i + 16 * j, sums[i][j]);
}

__attribute__((target("avx512f,avx512bf16"))) static void
tileBf16(int64_t depth, const float *left, const float *right, float *tile) {
  __m512 sums[12][2] = {};
  for (int64_t k = 0; k < depth; ++k, left += 12, right += 32) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_ps(right);
    const __m512bh b1 = (__m512bh)_mm512_loadu_ps(right + 16);
#pragma unroll
    for (int i = 0; i < 12; ++i) {
      const __m512bh a = (__m512bh)_mm512_set1_ps(left[i]);
      sums[i][0] = _mm512_dpbf16_ps(sums[i][0], a, b0);
      sums[i][1] = _mm512_dpbf16_ps(sums[i][1], a, b1);
    }
  }
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 2; ++j)
      _mm512_storeu_ps(tile + 32 * i + 16 * j, sums[i][j]);
}

llvm::ArrayRef<TileKernel> lqc::tileKernels() {
  static const TileKernel kernels[] = {
      {"avx2", true, 6, 16, false, tileAvx2},
      {"avx512", bool(__builtin_cpu_supports("avx512f")), 12, 32, false,
       tileAvx512},
      {"bf16", bool(__builtin_cpu_supports("avx512bf16")), 12, 32, true,
       tileBf16}};
  return kernels;
}

const TileKernel &lqc::tileKernel(Precision precision) {
  const TileKernel *best = nullptr;
  for (const TileKernel &kernel : tileKernels())
    if (kernel.isSupported &&
        (!kernel.isPaired || precision == Precision::BFloat))
      best = &kernel;
  return *best;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// Rounded to nearest, ties to even.
static uint32_t bf16Bits(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/// A word of two neighbours along the depth; without a second one, zero.
static float pairOf(float first, float second, bool hasSecond) {
  uint32_t high = hasSecond ? bf16Bits(second) << 16 : 0;
  return std::bit_cast<float>(bf16Bits(first) | high);
}

namespace {
/// Lines are rows of the left factor or columns of the right one:
/// `from.rowStride` leads from line to line, `from.columnStride` along the
/// depth.
struct Packing {
  MatrixView from;
  int64_t depth;
  bool isPaired;

  int64_t step() const { return isPaired ? 2 : 1; }
  int64_t words() const { return (depth + step() - 1) / step(); }
};
} // namespace

/// Writes words [begin, end) of lines [line, line + count), word after word:
/// packed[d * width + i], zero past `count`.
static void packLines(const Packing &packing, int64_t line, int64_t count,
                      int64_t width, int64_t begin, int64_t end,
                      float *packed) {
  if (count < width)
    std::fill(packed + begin * width, packed + end * width, 0.0f);
  // Strides that are known to be 1 let the compiler use vectors.
  const auto [from, depth, isPaired] = packing;
  auto word = [=](auto lineStride, auto along, int64_t i, int64_t d) {
    const float *in = from.data + (line + i) * lineStride;
    if (!isPaired)
      return in[d * along];
    const bool hasSecond = 2 * d + 1 < depth;
    in += 2 * d * along;
    return pairOf(*in, hasSecond ? in[along] : 0.0f, hasSecond);
  };
  const std::integral_constant<int64_t, 1> one;
  if (from.columnStride == 1) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t d = begin; d < end; ++d)
        packed[d * width + i] = word(from.rowStride, one, i, d);
    return;
  }
  for (int64_t d = begin; d < end; ++d)
    for (int64_t i = 0; i < count; ++i)
      packed[d * width + i] = word(one, from.columnStride, i, d);
}

/// Packs `count` lines in groups of `width`. Reads along what is contiguous:
/// what is not is often a power of two apart, which caches do not like.
static void packAll(const Packing &packing, int64_t count, int64_t width,
                    float *packed) {
  const int64_t words = packing.words();
  const int64_t rows = packing.from.columnStride == 1 ? words : 8;
  for (int64_t begin = 0; begin < words; begin += rows)
    for (int64_t line = 0; line < count; line += width)
      packLines(packing, line, std::min(width, count - line), width, begin,
                std::min(words, begin + rows), packed + line * words);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// All tiles of a packed part.
static void addTiles(const TileKernel &kernel, const float *left,
                     const float *right, int64_t rows, int64_t columns,
                     int64_t words, float *target, int64_t stride, float sign) {
  alignas(64) float tile[kTile];
  for (int64_t j = 0; j < columns; j += kernel.columns)
    for (int64_t i = 0; i < rows; i += kernel.rows) {
      const int64_t height = std::min(kernel.rows, rows - i);
      const int64_t width = std::min(kernel.columns, columns - j);
      // Large results lie in memory: fetch while the tile is computed.
      for (int64_t r = 0; r < height; ++r)
        for (int64_t c = 0; c < width; c += 16)
          __builtin_prefetch(target + (i + r) * stride + j + c, /*write=*/1);
      kernel.function(words, left + i * words, right + j * words, tile);
      for (int64_t r = 0; r < height; ++r) {
        float *out = target + (i + r) * stride + j;
        const float *sums = tile + r * kernel.columns;
        for (int64_t c = 0; c < width; ++c)
          out[c] += sign * sums[c];
      }
    }
}

namespace {
/// A part of the right factor, packed: its place and shape.
struct Part {
  int64_t column, columns; ///< of the right factor
  int64_t first, depth;    ///< along the depth
};
} // namespace

/// Depth of a part.
static int64_t depthOf(const TileKernel &kernel) {
  return kDepth * (kernel.isPaired ? 2 : 1);
}

/// Calls `body(part)` for the parts of a right factor, in a fixed order.
template <typename Body>
static void forEachPart(const TileKernel &kernel, int64_t inner,
                        int64_t columns, Body body) {
  const int64_t step = depthOf(kernel);
  for (int64_t column = 0; column < columns; column += kColumns)
    for (int64_t first = 0; first < inner; first += step)
      body(Part{column, std::min(kColumns, columns - column), first,
                std::min(step, inner - first)});
}

/// Words of a packed part of at most these sizes: whole tiles.
static int64_t partWords(const TileKernel &kernel, int64_t depth,
                         int64_t columns) {
  const int64_t tiles = (columns + kernel.columns - 1) / kernel.columns;
  return Packing{{}, depth, kernel.isPaired}.words() * tiles * kernel.columns;
}

static void packPart(const TileKernel &kernel, MatrixView right,
                     const Part &part, float *packed) {
  packAll({right.at(part.first, part.column).transposed(), part.depth,
           kernel.isPaired},
          part.columns, kernel.columns, packed);
}

/// target += sign * left * part; `packedLeft` is room for kRows.
static void addPart(const TileKernel &kernel, float *target, int64_t stride,
                    MatrixView left, int64_t height, const Part &part,
                    const float *packed, float *packedLeft, float sign) {
  for (int64_t row = 0; row < height; row += kRows) {
    const int64_t rows = std::min(kRows, height - row);
    const Packing packing = {left.at(row, part.first), part.depth,
                             kernel.isPaired};
    packAll(packing, rows, kernel.rows, packedLeft);
    addTiles(kernel, packedLeft, packed, rows, part.columns, packing.words(),
             target + row * stride + part.column, stride, sign);
  }
}

/// Uninitialised room for the packed rows of a left factor.
static std::unique_ptr<float[]> roomForLeft(const TileKernel &kernel,
                                            int64_t rows, int64_t inner) {
  return std::unique_ptr<float[]>(
      new float[std::min(kDepth, inner) *
                (std::min(kRows, rows) + kernel.rows)]);
}

void lqc::addProduct(float *target, int64_t stride, MatrixView left,
                     MatrixView right, ProductShape shape, float sign,
                     const TileKernel &kernel) {
  std::unique_ptr<float[]> packedLeft =
      roomForLeft(kernel, shape.rows, shape.inner);
  std::unique_ptr<float[]> packedRight(
      new float[partWords(kernel, std::min(depthOf(kernel), shape.inner),
                          std::min(kColumns, shape.columns))]);
  forEachPart(kernel, shape.inner, shape.columns, [&](const Part &part) {
    packPart(kernel, right, part, packedRight.get());
    addPart(kernel, target, stride, left, shape.rows, part, packedRight.get(),
            packedLeft.get(), sign);
  });
}

bool lqc::multipliesBf16() { return tileKernel(Precision::BFloat).isPaired; }

PackedFactor::PackedFactor(llvm::ArrayRef<float> matrix, int64_t rows,
                           int64_t columns, Precision precision)
    : inner(columns), outputs(rows), precision(precision) {
  const TileKernel &kernel = tileKernel(precision);
  const MatrixView right = {matrix.data(), 1, columns};
  forEachPart(kernel, inner, outputs, [&](const Part &part) {
    const size_t used = packed.size();
    packed.resize(used + partWords(kernel, part.depth, part.columns));
    packPart(kernel, right, part, packed.data() + used);
  });
}

void PackedFactor::multiply(llvm::ArrayRef<float> left, int64_t rows,
                            llvm::MutableArrayRef<float> product,
                            unsigned threads) const {
  const TileKernel &kernel = tileKernel(precision);
  parallelFor(0, rows, threads, [&](int64_t begin, int64_t end) {
    std::unique_ptr<float[]> packedLeft =
        roomForLeft(kernel, end - begin, inner);
    float *target = product.data() + begin * outputs;
    std::fill_n(target, (end - begin) * outputs, 0.0f);
    const float *right = packed.data();
    forEachPart(kernel, inner, outputs, [&](const Part &part) {
      addPart(kernel, target, outputs, {left.data() + begin * inner, inner, 1},
              end - begin, part, right, packedLeft.get(), 1);
      right += partWords(kernel, part.depth, part.columns);
    });
  });
}
