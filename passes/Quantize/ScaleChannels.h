//===- ScaleChannels.h - channels moved between weights ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dividing the channels of an input by s and multiplying the columns of all
// weights that read it changes nothing, and costs nothing if what produces the
// input can divide in its own weight:
//
//   rms_norm                   gain / s
//   attention                  rows of the value projection / s
//   gated_activation           rows of the up projection / s
//
// AWQ and SmoothQuant differ only in how they choose s.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_SCALECHANNELS_H
#define LQC_PASSES_QUANTIZE_SCALECHANNELS_H

#include "lqc/Numerics/ChannelScales.h"
#include "passes/Quantize/Search.h"

namespace lqc {

/// An input whose channels can be scaled.
struct ScalableInput {
  TargetGroup group;
  /// Every linear that reads it; those that are no targets, too.
  llvm::SmallVector<LinearOp> readers;
  /// An rms_norm, or the linear whose rows become the input's channels.
  mlir::Operation *producer = nullptr;
  int64_t producerChannels = 0;
  /// (columns): the producer's channel that each channel comes from.
  std::vector<int64_t> sources;
};

/// The weights of the readers of an input, for choosing scales.
struct ReaderValues {
  std::vector<std::vector<float>> values;
  std::vector<ReaderWeights> readers; ///< of `values`
};

/// Chooses the scales (producer's channels); none: the input stays.
using ChooseScales =
    llvm::function_ref<llvm::Expected<std::optional<std::vector<float>>>(
        const ScalableInput &, const ReaderValues &, const InputStatistics &)>;

/// Scales every input of targets that has statistics and can be scaled, as
/// `choose` says. An input that cannot is a remark of the category `pass`.
llvm::Error scaleInputs(mlir::ModuleOp module, SearchContext &search,
                        llvm::StringRef pass, ChooseScales choose);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_SCALECHANNELS_H
