//===- QuantizedTensor.cpp - codes, scales and zero points --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Loops here are written so that the compiler vectorises them: comparisons of
// floats go through their bits (a float maximum has to care for NaN, an integer
// maximum has not), one loop does one thing, nothing returns from the middle.
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/QuantizedTensor.h"

#include "lqc/Numerics/Half.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>

using namespace lqc;

static constexpr uint32_t kInfinityBits = 0x7f800000;
static constexpr uint32_t kMagnitudeMask = 0x7fffffff;

//===----------------------------------------------------------------------===//
// The grid of one group: which numbers its codes can stand for
//===----------------------------------------------------------------------===//

namespace {

/// value = (code - zero) * scale, code in [low, high].
struct Grid {
  float scale;
  float zero;
  float low;
  float high;
};

/// What the values of a group say about its range.
struct Range {
  float extreme;   ///< largest magnitude, with its sign, the first of equals
  float low, high; ///< min(0, values), max(0, values)
  bool isFinite = true;
};

/// Why a group cannot be quantized.
struct Failure {
  int64_t row = -1;
  std::string message;
};

} // namespace

/// Floats in the order of their values, as integers.
static int32_t orderedFromBits(int32_t bits) {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

static float floatFromOrdered(int32_t ordered) {
  return std::bit_cast<float>(orderedFromBits(ordered));
}

static Range rangeOf(const float *values, int64_t size) {
  uint32_t magnitude = 0;
  int32_t low = 0, high = 0; // of +0
  for (int64_t i = 0; i < size; ++i) {
    uint32_t bits = std::bit_cast<uint32_t>(values[i]);
    uint32_t absolute = bits & kMagnitudeMask;
    int32_t ordered = orderedFromBits(static_cast<int32_t>(bits));
    magnitude = absolute > magnitude ? absolute : magnitude;
    low = ordered < low ? ordered : low;
    high = ordered > high ? ordered : high;
  }
  Range range;
  range.isFinite = magnitude < kInfinityBits;
  range.low = floatFromOrdered(low);
  range.high = floatFromOrdered(high);
  bool hasPositive = static_cast<uint32_t>(high) == magnitude;
  bool hasNegative =
      std::bit_cast<uint32_t>(range.low) == (magnitude | ~kMagnitudeMask);
  range.extreme = hasPositive ? range.high : range.low;
  if (!hasPositive || !hasNegative)
    return range;
  // Both +m and -m occur: the first decides.
  int64_t i = 0;
  while (std::fabs(values[i]) < range.high)
    ++i;
  range.extreme = values[i];
  return range;
}

/// The scale as the scheme stores it. Infinite if it overflows.
static float storedScale(float scale, const Scheme &scheme) {
  if (scheme.scale == ScaleFormat::F32)
    return scale;
  float rounded = floatFromHalf(halfFromFloat(scale));
  constexpr float kSmallestHalf = 0x1p-24f;
  return rounded == 0 ? kSmallestHalf : rounded;
}

/// The scale of a group of range `range`, of which the part `ratio` is used,
/// before it is rounded to the scheme's format.
static float exactScale(const Range &range, const Scheme &scheme, float ratio) {
  float codes = static_cast<float>(1 << scheme.bits);
  if (!scheme.isSymmetric())
    return (range.high * ratio - range.low * ratio) / (codes - 1);
  if (!scheme.narrowRange)
    return range.extreme * ratio / -(codes / 2);
  float scale = std::fabs(range.extreme) * ratio / (codes / 2 - 1);
  return scale == 0 ? 1.0f : scale;
}

static Grid gridOf(const Range &range, const Scheme &scheme, float ratio) {
  Grid grid;
  grid.scale = storedScale(exactScale(range, scheme, ratio), scheme);
  grid.low = scheme.narrowRange ? 1 : 0;
  grid.high = static_cast<float>((1 << scheme.bits) - 1);
  if (scheme.isSymmetric()) {
    grid.zero = static_cast<float>(scheme.symmetricZero());
    return grid;
  }
  // A scale that fp16 cannot hold well (a subnormal) may be far too small, and
  // the zero point would not fit its bits.
  float zero = __builtin_roundevenf(-(range.low * ratio) / grid.scale);
  grid.zero = std::fmin(zero, grid.high);
  return grid;
}

static float codeOf(float value, const Grid &grid) {
  float code = __builtin_roundevenf(value / grid.scale) + grid.zero;
  code = code < grid.low ? grid.low : code;
  return code > grid.high ? grid.high : code;
}

static void encode(const float *values, int64_t size, const Grid &grid,
                   uint8_t *codes) {
  const Grid local = grid; // `codes` might alias what `grid` refers to
  for (int64_t i = 0; i < size; ++i)
    codes[i] =
        static_cast<uint8_t>(static_cast<int32_t>(codeOf(values[i], local)));
}

/// The sum of squared errors, in eight partial sums so that its order, and with
/// it its rounding, is fixed.
static double squaredError(const float *values, int64_t size,
                           const Grid &grid) {
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float value = values[i + lane];
      float error = (codeOf(value, grid) - grid.zero) * grid.scale - value;
      sums[lane] += static_cast<double>(error) * error;
    }
  }
  for (; i < size; ++i) {
    float error =
        (codeOf(values[i], grid) - grid.zero) * grid.scale - values[i];
    sums[0] += static_cast<double>(error) * error;
  }
  double sum = 0;
  for (double part : sums)
    sum += part;
  return sum;
}

/// Of the ratios 1.00, 0.95, … 0.40, the grid of least squared error.
static Grid clippedGrid(const float *values, int64_t size, const Range &range,
                        const Scheme &scheme) {
  Grid best = gridOf(range, scheme, 1.0f);
  double leastError = squaredError(values, size, best);
  for (int step = 1; step < 13; ++step) {
    float ratio = static_cast<float>(1.0 - 0.05 * step);
    Grid grid = gridOf(range, scheme, ratio);
    double error = squaredError(values, size, grid);
    if (!(error < leastError))
      continue;
    leastError = error;
    best = grid;
  }
  return best;
}

//===----------------------------------------------------------------------===//
// quantize
//===----------------------------------------------------------------------===//

static std::string describeNotFinite(const float *values, int64_t row,
                                     int64_t firstColumn) {
  int64_t i = 0;
  while (std::isfinite(values[i]))
    ++i;
  const char *what = std::isnan(values[i]) ? "nan"
                     : values[i] > 0       ? "infinite"
                                           : "minus infinite";
  return llvm::formatv("element [{0}, {1}] is {2}", row, firstColumn + i, what);
}

static std::string describeOverflow(const Range &range, const Scheme &scheme,
                                    int64_t row, int64_t group) {
  // In double: in float the difference of two extremes may overflow itself.
  double codes = 1 << scheme.bits;
  double scale = scheme.isSymmetric()
                     ? double(range.extreme) / -(codes / 2)
                     : (double(range.high) - range.low) / (codes - 1);
  char text[32];
  std::snprintf(text, sizeof(text), "%g", scale);
  return llvm::formatv("scale of row {0}, group {1} overflows fp16: {2}", row,
                       group, text);
}

/// Quantizes one row. Says what is wrong, or nothing.
static std::string quantizeRow(const float *values, int64_t row,
                               ClipSearch clip, QuantizedTensor &result) {
  const Scheme &scheme = result.scheme;
  int64_t groups = result.groups();
  int64_t size = scheme.groupColumns(result.columns);
  for (int64_t g = 0; g < groups; ++g) {
    const float *part = values + g * size;
    Range range = rangeOf(part, size);
    if (!range.isFinite)
      return describeNotFinite(part, row, g * size);
    Grid grid = gridOf(range, scheme, 1.0f);
    if (!std::isfinite(grid.scale))
      return describeOverflow(range, scheme, row, g);
    if (clip == ClipSearch::LeastSquares)
      grid = clippedGrid(part, size, range, scheme);
    encode(part, size, grid, &result.codes[row * result.columns + g * size]);
    result.scales[row * groups + g] = grid.scale;
    if (!scheme.isSymmetric())
      result.zeros[row * groups + g] = static_cast<uint8_t>(grid.zero);
  }
  return {};
}

/// A tensor with room for its parts. Dimensions must fit the scheme.
static QuantizedTensor emptyTensor(const Scheme &scheme, int64_t rows,
                                   int64_t columns) {
  QuantizedTensor tensor;
  tensor.scheme = scheme;
  tensor.rows = rows;
  tensor.columns = columns;
  tensor.codes.resize(rows * columns);
  tensor.scales.resize(rows * tensor.groups());
  if (!scheme.isSymmetric())
    tensor.zeros.resize(rows * tensor.groups());
  return tensor;
}

llvm::Expected<QuantizedTensor>
lqc::quantize(llvm::ArrayRef<float> values, int64_t rows, int64_t columns,
              const Scheme &scheme, ClipSearch clip, unsigned threads) {
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return makeError("{0}", *why);
  assert(static_cast<int64_t>(values.size()) == rows * columns &&
         "one value for each element");
  QuantizedTensor result = emptyTensor(scheme, rows, columns);
  Failure first;
  std::mutex mutex;
  parallelFor(0, rows, threads, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::string why =
          quantizeRow(values.data() + row * columns, row, clip, result);
      if (why.empty())
        continue;
      // The lowest row's error is reported, whichever thread was quicker.
      std::lock_guard<std::mutex> lock(mutex);
      if (first.row < 0 || row < first.row)
        first = {row, std::move(why)};
      return;
    }
  });
  if (first.row >= 0)
    return makeError("{0}", first.message);
  return result;
}

static void decodeGroup(const uint8_t *codes, int64_t size, int32_t zero,
                        float scale, float *values) {
  for (int64_t i = 0; i < size; ++i)
    values[i] = static_cast<float>(codes[i] - zero) * scale;
}

std::vector<float> lqc::dequantize(const QuantizedTensor &tensor) {
  std::vector<float> values(tensor.codes.size());
  int64_t size = tensor.scheme.groupColumns(tensor.columns);
  int64_t count = tensor.rows * tensor.groups();
  for (int64_t g = 0; g < count; ++g) {
    int32_t zero = tensor.scheme.isSymmetric() ? tensor.scheme.symmetricZero()
                                               : tensor.zeros[g];
    decodeGroup(&tensor.codes[g * size], size, zero, tensor.scales[g],
                &values[g * size]);
  }
  return values;
}

//===----------------------------------------------------------------------===//
// serialize, deserialize
//===----------------------------------------------------------------------===//

static uint64_t streamBytes(uint64_t codes, unsigned bits) {
  return (codes * bits + 7) / 8;
}

/// Eight codes of `Bits` bits fill `Bits` bytes exactly: one step.
template <unsigned Bits>
static void writeCodes(const uint8_t *codes, uint64_t count, char *out) {
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8, out += Bits) {
    uint64_t word = 0;
    for (unsigned j = 0; j < 8; ++j)
      word |= static_cast<uint64_t>(codes[i + j]) << (j * Bits);
    std::memcpy(out, &word, Bits);
  }
  uint64_t word = 0;
  for (unsigned j = 0; i + j < count; ++j)
    word |= static_cast<uint64_t>(codes[i + j]) << (j * Bits);
  std::memcpy(out, &word, streamBytes(count - i, Bits));
}

template <unsigned Bits>
static void readCodes(const char *in, uint64_t count, uint8_t *codes) {
  constexpr uint64_t kMask = (1u << Bits) - 1;
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8, in += Bits) {
    uint64_t word = 0;
    std::memcpy(&word, in, Bits);
    for (unsigned j = 0; j < 8; ++j)
      codes[i + j] = (word >> (j * Bits)) & kMask;
  }
  uint64_t word = 0;
  std::memcpy(&word, in, streamBytes(count - i, Bits));
  for (unsigned j = 0; i + j < count; ++j)
    codes[i + j] = (word >> (j * Bits)) & kMask;
}

/// Calls `function` with the number of bits as a compile-time constant.
template <typename Function>
static void withBits(unsigned bits, Function function) {
  switch (bits) {
  case 2:
    return function(std::integral_constant<unsigned, 2>());
  case 3:
    return function(std::integral_constant<unsigned, 3>());
  case 4:
    return function(std::integral_constant<unsigned, 4>());
  case 5:
    return function(std::integral_constant<unsigned, 5>());
  case 6:
    return function(std::integral_constant<unsigned, 6>());
  case 7:
    return function(std::integral_constant<unsigned, 7>());
  case 8:
    return function(std::integral_constant<unsigned, 8>());
  default:
    llvm_unreachable("the table's schemes have 2 to 8 bits");
  }
}

static uint64_t scaleBytes(const Scheme &scheme) {
  return scheme.scale == ScaleFormat::F32 ? 4 : 2;
}

std::vector<char> lqc::serialize(const QuantizedTensor &tensor) {
  const Scheme &scheme = tensor.scheme;
  std::vector<char> bytes(serializedBytes(scheme, tensor.rows, tensor.columns));
  char *out = bytes.data();
  withBits(scheme.bits, [&](auto bits) {
    writeCodes<bits>(tensor.codes.data(), tensor.codes.size(), out);
    out += streamBytes(tensor.codes.size(), bits);
  });
  for (float scale : tensor.scales) {
    uint16_t half = halfFromFloat(scale);
    bool isF32 = scheme.scale == ScaleFormat::F32;
    std::memcpy(out, isF32 ? static_cast<const void *>(&scale) : &half,
                scaleBytes(scheme));
    out += scaleBytes(scheme);
  }
  withBits(scheme.bits, [&](auto bits) {
    writeCodes<bits>(tensor.zeros.data(), tensor.zeros.size(), out);
  });
  return bytes;
}

uint64_t lqc::serializedBytes(const Scheme &scheme, int64_t rows,
                              int64_t columns) {
  uint64_t groups = rows * scheme.groups(columns);
  uint64_t zeros = scheme.isSymmetric() ? 0 : groups;
  return streamBytes(rows * columns, scheme.bits) +
         groups * scaleBytes(scheme) + streamBytes(zeros, scheme.bits);
}

llvm::Expected<QuantizedTensor> lqc::deserialize(llvm::ArrayRef<char> bytes,
                                                 const Scheme &scheme,
                                                 int64_t rows,
                                                 int64_t columns) {
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return makeError("{0}", *why);
  uint64_t expected = serializedBytes(scheme, rows, columns);
  if (bytes.size() != expected)
    return makeError("a tensor of {0} x {1} in {2} must have {3} bytes, got: "
                     "{4}",
                     rows, columns, schemeName(scheme), expected, bytes.size());
  QuantizedTensor tensor = emptyTensor(scheme, rows, columns);
  const char *in = bytes.data();
  withBits(scheme.bits, [&](auto bits) {
    readCodes<bits>(in, tensor.codes.size(), tensor.codes.data());
    in += streamBytes(tensor.codes.size(), bits);
  });
  for (size_t g = 0; g < tensor.scales.size(); ++g) {
    uint16_t half = 0;
    bool isF32 = scheme.scale == ScaleFormat::F32;
    std::memcpy(isF32 ? static_cast<void *>(&tensor.scales[g]) : &half, in,
                scaleBytes(scheme));
    in += scaleBytes(scheme);
    if (!isF32)
      tensor.scales[g] = floatFromHalf(half);
    if (!std::isfinite(tensor.scales[g]))
      return makeError("scale of row {0}, group {1} must be finite",
                       g / tensor.groups(), g % tensor.groups());
  }
  withBits(scheme.bits, [&](auto bits) {
    readCodes<bits>(in, tensor.zeros.size(), tensor.zeros.data());
  });
  return tensor;
}
