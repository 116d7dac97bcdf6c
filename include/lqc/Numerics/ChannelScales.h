//===- ChannelScales.h - scales of a linear's input channels ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y = W x does not change if channel j of x is divided by s_j and column j of W
// multiplied by it. Two methods choose s, for all linears that read x:
//
// *AWQ* (Lin et al. 2023): columns that meet large activations should lose
// least, so s_j = (mean |x_j|)^a, centred so that max s * min s = 1. Of
// `gridPoints` exponents a = 0, 1/n, ..., the one with the least error of the
// outputs, E |(Q(W diag(s)) diag(1/s) - W) x|^2, which follows from the second
// moments of x alone; Q rounds to nearest.
//
// *SmoothQuant* (Xiao et al. 2022): activations with outliers are hard to
// quantize, weights are not: s_j = max |x_j|^a / max_i |W_ij|^(1-a).
//
// What produces x may not be able to scale all channels apart: with grouped
// query attention several heads of x come from one head of values. `sources`
// says which of the producer's channels each channel of x comes from; channels
// of one source share their scale.
//
// A channel that is never anything but zero, or that no weight reads, keeps
// scale 1.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_CHANNELSCALES_H
#define LQC_NUMERICS_CHANNELSCALES_H

#include "lqc/Numerics/Scheme.h"

#include "llvm/Support/Error.h"

#include <vector>

namespace lqc {

/// One linear that reads the input.
struct ReaderWeights {
  llvm::ArrayRef<float> weights; ///< (rows, columns), row-major
  int64_t rows = 0;
  std::optional<Scheme> scheme; ///< what they will be rounded to, if at all
};

/// The input, summed over the calibration tokens.
struct ChannelInput {
  llvm::ArrayRef<int64_t> sources; ///< (columns): the producer's channels
  int64_t producerChannels = 0;
  llvm::ArrayRef<double> sumAbs; ///< (columns)
  llvm::ArrayRef<float> maxAbs;  ///< (columns)
  llvm::ArrayRef<float> gram;    ///< (columns, columns); AWQ alone needs it

  int64_t columns() const { return sources.size(); }
};

struct AwqOptions {
  int gridPoints = 20;
  /// Of each linear at most about so many rows are looked at, evenly spread.
  int64_t sampledRows = 512;
  unsigned threads = 1;
};

struct AwqScales {
  std::vector<float> scales; ///< (producer's channels)
  double exponent = 0;       ///< a; 0: no scaling is best
  double error = 0;          ///< with these scales, summed over the tokens
  double unscaledError = 0;  ///< and without
};

/// Searches AWQ's scales. Error, one clause: a weight cannot be rounded even
/// without scales (see quantize()).
llvm::Expected<AwqScales> searchAwqScales(llvm::ArrayRef<ReaderWeights> readers,
                                          const ChannelInput &input,
                                          const AwqOptions &options);

/// SmoothQuant's scales (producer's channels). `strength` is a: how much of the
/// difficulty moves into the weights, 0 to 1.
std::vector<float> smoothQuantScales(llvm::ArrayRef<ReaderWeights> readers,
                                     const ChannelInput &input,
                                     double strength);

} // namespace lqc

#endif // LQC_NUMERICS_CHANNELSCALES_H
