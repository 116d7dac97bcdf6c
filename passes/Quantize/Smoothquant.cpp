//===- Smoothquant.cpp - moves outliers of activations into weights -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/ScaleChannels.h"

#include "lqc/Support/Error.h"

#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_SMOOTHQUANTPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct SmoothquantPass
    : public SearchPassBase<lqc::impl::SmoothquantPassBase<SmoothquantPass>> {
  using SearchPassBase::SearchPassBase;
  explicit SmoothquantPass(SearchContext &search) { given = &search; }
  llvm::Error run(SearchContext &search) override;
};
} // namespace

/// The largest of numbers, and their mean: how uneven channels are.
static double peakOf(ArrayRef<float> values) {
  double sum = 0, most = 0;
  for (float x : values) {
    sum += x;
    most = std::max<double>(most, x);
  }
  return sum > 0 ? most * double(values.size()) / sum : 1;
}

llvm::Error SmoothquantPass::run(SearchContext &search) {
  if (!(strength >= 0 && strength <= 1))
    return makeError("strength must be from 0 to 1, got: {0}",
                     double(strength));
  auto choose = [&](const ScalableInput &input, const ReaderValues &weights,
                    const InputStatistics &seen)
      -> llvm::Expected<std::optional<std::vector<float>>> {
    std::vector<float> scales =
        smoothQuantScales(weights.readers,
                          {input.sources, input.producerChannels, seen.sumAbs,
                           seen.maxAbs, /*gram=*/{}},
                          strength);
    std::vector<float> smoothed = seen.maxAbs;
    for (auto [x, source] : llvm::zip(smoothed, input.sources))
      x /= scales[source];
    remark::passed(
        input.group.input.getLoc(),
        remark::RemarkOpts::name("ChannelsScaled").category("lqc-smoothquant"))
        << remark::metric("input", input.group.name())
        << remark::metric("peak", peakOf(seen.maxAbs))
        << remark::metric("peak_now", peakOf(smoothed));
    return scales;
  };
  return scaleInputs(getOperation(), search, "lqc-smoothquant", choose);
}

std::unique_ptr<Pass> lqc::createSmoothquantPass(SearchContext &search) {
  return std::make_unique<SmoothquantPass>(search);
}
