//===- Awq.cpp - scales channels so that rounding loses least -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/ScaleChannels.h"

#include "lqc/Support/Error.h"

#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_AWQPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category("lqc-awq");
}

namespace {
struct AwqPass : public SearchPassBase<lqc::impl::AwqPassBase<AwqPass>> {
  using SearchPassBase::SearchPassBase;
  explicit AwqPass(SearchContext &search) { given = &search; }
  llvm::Error run(SearchContext &search) override;
  llvm::Expected<std::optional<std::vector<float>>>
  choose(const ScalableInput &input, const ReaderValues &weights,
         const InputStatistics &seen, unsigned threads) const;
};
} // namespace

llvm::Expected<std::optional<std::vector<float>>>
AwqPass::choose(const ScalableInput &input, const ReaderValues &weights,
                const InputStatistics &seen, unsigned threads) const {
  Location loc = input.group.input.getLoc();
  if (seen.gram.empty()) {
    remark::missed(loc, remarkNamed("InputKept"))
        << remark::metric("input", input.group.name())
        << remark::reason("no second moments of it are known");
    return std::nullopt;
  }
  AwqOptions options;
  options.gridPoints = gridPoints;
  options.threads = threads;
  llvm::Expected<AwqScales> found =
      searchAwqScales(weights.readers,
                      {input.sources, input.producerChannels, seen.sumAbs,
                       seen.maxAbs, seen.gram},
                      options);
  if (!found)
    return found.takeError();
  remark::passed(loc, remarkNamed("ChannelsScaled"))
      << remark::metric("input", input.group.name())
      << remark::metric("exponent", found->exponent)
      << remark::metric("error", found->error / double(seen.tokens))
      << remark::metric("unscaled_error",
                        found->unscaledError / double(seen.tokens));
  if (found->exponent == 0)
    return std::nullopt;
  return std::move(found->scales);
}

llvm::Error AwqPass::run(SearchContext &search) {
  return scaleInputs(getOperation(), search, "lqc-awq",
                     [&](const ScalableInput &input,
                         const ReaderValues &weights,
                         const InputStatistics &seen) {
                       return choose(input, weights, seen, search.threads);
                     });
}

std::unique_ptr<Pass> lqc::createAwqPass(SearchContext &search) {
  return std::make_unique<AwqPass>(search);
}
