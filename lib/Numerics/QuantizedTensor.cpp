//===- QuantizedTensor.cpp - codes, scales and zero points ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/QuantizedTensor.h"

#include "lqc/Numerics/Grid.h"
#include "lqc/Numerics/Levels.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <cmath>
#include <mutex>

using namespace lqc;

QuantizedTensor QuantizedTensor::empty(const Scheme &scheme, int64_t rows,
                                       int64_t columns) {
  QuantizedTensor tensor;
  tensor.scheme = scheme;
  tensor.rows = rows;
  tensor.columns = columns;
  tensor.codes.resize(rows * columns);
  tensor.scales.resize(rows * tensor.groups());
  if (!scheme.isSymmetric())
    tensor.zeros.resize(rows * tensor.groups());
  tensor.superScales.resize(rows * tensor.supers());
  if (scheme.hasOffsets())
    tensor.superOffsets.resize(rows * tensor.supers());
  return tensor;
}

namespace {
/// Why a row cannot be quantized.
struct Failure {
  int64_t row = -1;
  std::string message;
};
} // namespace

/// Rounds each row to the grids that `fit(grid, values, row)` makes.
static llvm::Expected<QuantizedTensor> roundRows(
    llvm::ArrayRef<float> values, int64_t rows, int64_t columns,
    const Scheme &scheme, unsigned threads,
    llvm::function_ref<llvm::Error(RowGrid &, llvm::ArrayRef<float>, int64_t)>
        fit) {
  if (std::optional<std::string> why = whyNotQuantizable(scheme, rows, columns))
    return makeError("{0}", *why);
  assert(static_cast<int64_t>(values.size()) == rows * columns &&
         "one value for each element");
  QuantizedTensor result = QuantizedTensor::empty(scheme, rows, columns);
  Failure first;
  std::mutex mutex;
  parallelFor(0, rows, threads, [&](int64_t begin, int64_t end) {
    RowGrid grid(scheme, columns);
    for (int64_t row = begin; row < end; ++row) {
      llvm::ArrayRef<float> part = values.slice(row * columns, columns);
      llvm::Error error = fit(grid, part, row);
      if (!error) {
        grid.nearest(0, part, {&result.codes[row * columns], size_t(columns)});
        grid.store(result, row);
        continue;
      }
      // The lowest row's error is reported, whichever thread was quicker.
      std::string message = llvm::toString(std::move(error));
      std::lock_guard<std::mutex> lock(mutex);
      if (first.row < 0 || row < first.row)
        first = {row, std::move(message)};
      return;
    }
  });
  if (first.row >= 0)
    return makeError("{0}", first.message);
  return result;
}

llvm::Expected<QuantizedTensor>
lqc::quantize(llvm::ArrayRef<float> values, int64_t rows, int64_t columns,
              const Scheme &scheme, ClipSearch clip, unsigned threads,
              llvm::ArrayRef<float> importance) {
  return roundRows(values, rows, columns, scheme, threads,
                   [&](RowGrid &grid, llvm::ArrayRef<float> part, int64_t row) {
                     return grid.fit(part, importance, clip, row);
                   });
}

llvm::Expected<QuantizedTensor> lqc::quantizeWith(llvm::ArrayRef<float> scales,
                                                  llvm::ArrayRef<float> values,
                                                  int64_t rows, int64_t columns,
                                                  const Scheme &scheme) {
  return roundRows(values, rows, columns, scheme, /*threads=*/1,
                   [&](RowGrid &grid, llvm::ArrayRef<float> part, int64_t row) {
                     return grid.fix(scales, part, row);
                   });
}

/// `scale` times `factor` as the format holds it; not finite if it overflows.
static float scaledScale(ScaleFormat format, float scale, float factor) {
  // An offset of zero stays one; roundScale() is for scales, which are not.
  return scale == 0 ? 0.0f : roundScale(format, scale * factor);
}

llvm::Error lqc::scaleRows(QuantizedTensor &tensor,
                           llvm::ArrayRef<float> factors) {
  const Scheme &scheme = tensor.scheme;
  assert(hasScalableRows(scheme) && "the format of scales holds factors");
  const bool isTwoLevel = scheme.isTwoLevel();
  const ScaleFormat format = isTwoLevel ? scheme.superScale : scheme.scale;
  std::vector<float> *parts[] = {
      isTwoLevel ? &tensor.superScales : &tensor.scales, &tensor.superOffsets};
  for (std::vector<float> *part : parts) {
    const int64_t width = part->size() / tensor.rows;
    for (auto [index, scale] : llvm::enumerate(*part)) {
      const int64_t row = index / width;
      scale = scaledScale(format, scale, factors[row]);
      if (!std::isfinite(scale))
        return makeError("a scale of row {0} overflows fp16 when multiplied by "
                         "{1}",
                         row, factors[row]);
    }
  }
  return llvm::Error::success();
}

std::vector<float> lqc::dequantize(const QuantizedTensor &tensor) {
  std::vector<float> values(tensor.codes.size());
  int64_t size = tensor.scheme.groupColumns(tensor.columns);
  int64_t groups = tensor.groups();
  for (int64_t row = 0; row < tensor.rows; ++row)
    for (int64_t g = 0; g < groups; ++g) {
      int64_t first = row * tensor.columns + g * size;
      decode(tensor.scheme, groupGrid(tensor, row, g), &tensor.codes[first],
             size, &values[first]);
    }
  return values;
}
