//===- ChannelScales.cpp - scales of a linear's input channels ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/ChannelScales.h"

#include "lqc/Numerics/Dense.h"
#include "lqc/Numerics/QuantizedTensor.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace lqc;

/// Rows whose errors are computed in one product.
static constexpr int64_t kBlockRows = 64;
/// Scales stay within this factor of 1: fp16 must hold what they give.
static constexpr double kLargestScale = 1e4;

static double clamped(double scale) {
  return std::min(std::max(scale, 1 / kLargestScale), kLargestScale);
}

//===----------------------------------------------------------------------===//
// AWQ
//===----------------------------------------------------------------------===//

namespace {
/// Some rows of a reader.
struct RowSample {
  std::vector<float> weights; ///< (rows, columns)
  int64_t rows = 0;
  Scheme scheme;
  int64_t stride = 1; ///< of the rows in the matrix: how many each stands for
};

/// Finds the error of candidates.
class AwqSearch {
public:
  AwqSearch(llvm::ArrayRef<ReaderWeights> readers, const ChannelInput &input,
            const AwqOptions &options);

  llvm::Expected<AwqScales> run() const;

private:
  std::vector<float> scalesOf(double exponent) const;
  llvm::Expected<double> error(llvm::ArrayRef<float> scales) const;
  llvm::Expected<double> blockError(const RowSample &sample, int64_t first,
                                    llvm::ArrayRef<float> scales) const;

  const ChannelInput &input;
  const AwqOptions &options;
  std::vector<RowSample> samples;
  std::vector<double> activity; ///< (producer's channels): mean sum |x|
};
} // namespace

static RowSample sampleRows(const ReaderWeights &reader, int64_t columns,
                            int64_t most) {
  RowSample sample;
  sample.scheme = *reader.scheme;
  sample.stride = std::max<int64_t>(1, reader.rows / most);
  for (int64_t row = 0; row < reader.rows; row += sample.stride) {
    llvm::ArrayRef<float> part = reader.weights.slice(row * columns, columns);
    sample.weights.insert(sample.weights.end(), part.begin(), part.end());
    ++sample.rows;
  }
  return sample;
}

AwqSearch::AwqSearch(llvm::ArrayRef<ReaderWeights> readers,
                     const ChannelInput &input, const AwqOptions &options)
    : input(input), options(options), activity(input.producerChannels) {
  for (const ReaderWeights &reader : readers)
    if (reader.scheme)
      samples.push_back(
          sampleRows(reader, input.columns(), options.sampledRows));
  std::vector<double> counts(input.producerChannels);
  for (int64_t c = 0; c < input.columns(); ++c) {
    activity[input.sources[c]] += input.sumAbs[c];
    counts[input.sources[c]] += 1;
  }
  for (int64_t p = 0; p < input.producerChannels; ++p)
    activity[p] /= std::max(counts[p], 1.0);
}

std::vector<float> AwqSearch::scalesOf(double exponent) const {
  // The unit of activity does not matter: scales are centred.
  double least = INFINITY, most = 0;
  for (double x : activity)
    if (x > 0) {
      least = std::min(least, std::pow(x, exponent));
      most = std::max(most, std::pow(x, exponent));
    }
  const double centre = std::sqrt(least * most);
  std::vector<float> scales(activity.size(), 1.0f);
  for (size_t p = 0; p < scales.size(); ++p)
    if (activity[p] > 0)
      scales[p] = float(clamped(std::pow(activity[p], exponent) / centre));
  return scales;
}

/// tr(D H D^T), D the error of some rows.
llvm::Expected<double>
AwqSearch::blockError(const RowSample &sample, int64_t first,
                      llvm::ArrayRef<float> scales) const {
  const int64_t columns = input.columns();
  const int64_t count = std::min(kBlockRows, sample.rows - first);
  llvm::ArrayRef<float> weights =
      llvm::ArrayRef(sample.weights).slice(first * columns, count * columns);
  std::vector<float> work = weights.vec();
  for (int64_t i = 0; i < count * columns; ++i)
    work[i] *= scales[input.sources[i % columns]];
  llvm::Expected<QuantizedTensor> codes =
      quantize(work, count, columns, sample.scheme);
  if (!codes)
    return codes.takeError();
  work = dequantize(*codes);
  for (int64_t i = 0; i < count * columns; ++i)
    work[i] = work[i] / scales[input.sources[i % columns]] - weights[i];
  std::vector<float> product(work.size());
  subtractProduct(work, count, columns, input.gram, columns, {0, columns},
                  product);
  double sum = 0;
  for (size_t i = 0; i < work.size(); ++i)
    sum -= double(product[i]) * work[i];
  return sum * double(sample.stride);
}

llvm::Expected<double> AwqSearch::error(llvm::ArrayRef<float> scales) const {
  double total = 0;
  for (const RowSample &sample : samples) {
    const int64_t blocks = (sample.rows + kBlockRows - 1) / kBlockRows;
    std::vector<double> errors(blocks);
    std::vector<std::string> problems(blocks);
    parallelFor(0, blocks, options.threads, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        llvm::Expected<double> part =
            blockError(sample, b * kBlockRows, scales);
        if (part)
          errors[b] = *part;
        else
          problems[b] = llvm::toString(part.takeError());
      }
    });
    for (const std::string &problem : problems)
      if (!problem.empty())
        return makeError("{0}", problem);
    for (double part : errors)
      total += part;
  }
  return total;
}

llvm::Expected<AwqScales> AwqSearch::run() const {
  AwqScales best;
  best.scales.assign(input.producerChannels, 1.0f);
  llvm::Expected<double> unscaled = error(best.scales);
  if (!unscaled)
    return unscaled.takeError();
  best.error = best.unscaledError = *unscaled;
  for (int point = 1; point < options.gridPoints; ++point) {
    const double exponent = double(point) / options.gridPoints;
    std::vector<float> scales = scalesOf(exponent);
    llvm::Expected<double> found = error(scales);
    if (!found) { // a scale of the weights overflows: not this one
      llvm::consumeError(found.takeError());
      continue;
    }
    if (*found < best.error) {
      best.error = *found;
      best.exponent = exponent;
      best.scales = std::move(scales);
    }
  }
  return best;
}

llvm::Expected<AwqScales>
lqc::searchAwqScales(llvm::ArrayRef<ReaderWeights> readers,
                     const ChannelInput &input, const AwqOptions &options) {
  return AwqSearch(readers, input, options).run();
}

//===----------------------------------------------------------------------===//
// SmoothQuant
//===----------------------------------------------------------------------===//

std::vector<float> lqc::smoothQuantScales(llvm::ArrayRef<ReaderWeights> readers,
                                          const ChannelInput &input,
                                          double strength) {
  std::vector<float> activation(input.producerChannels, 0.0f);
  std::vector<float> weight(input.producerChannels, 0.0f);
  for (auto [p, most] : llvm::zip(input.sources, input.maxAbs))
    activation[p] = std::max(activation[p], most);
  for (const ReaderWeights &reader : readers)
    for (auto [i, w] : llvm::enumerate(reader.weights)) {
      float &most = weight[input.sources[i % input.columns()]];
      most = std::max(most, std::fabs(w));
    }
  std::vector<float> scales(input.producerChannels, 1.0f);
  for (size_t p = 0; p < scales.size(); ++p)
    if (activation[p] > 0 && weight[p] > 0)
      scales[p] = float(clamped(std::pow(activation[p], strength) /
                                std::pow(weight[p], 1 - strength)));
  return scales;
}
