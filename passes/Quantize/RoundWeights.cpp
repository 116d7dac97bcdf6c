//===- RoundWeights.cpp - nearest codes, ranges chosen by the input -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Error.h"
#include "passes/Quantize/Search.h"

#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_ROUNDWEIGHTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct RoundWeightsPass
    : public SearchPassBase<lqc::impl::RoundWeightsPassBase<RoundWeightsPass>> {
  using SearchPassBase::SearchPassBase;
  RoundWeightsPass(const RoundWeightsPassOptions &options,
                   SearchContext &search)
      : SearchPassBase(options) {
    given = &search;
  }
  llvm::Error run(SearchContext &search) override;
  llvm::Error round(const SearchTarget &target, const InputStatistics &input,
                    SymbolTable &symbols, SearchContext &search);
};
} // namespace

llvm::Error RoundWeightsPass::run(SearchContext &search) {
  SymbolTable symbols(getOperation());
  for (SearchTarget target : searchTargets(getOperation(), symbols)) {
    llvm::Expected<const InputStatistics *> input =
        search.statistics.inputOf(target.source);
    if (!input)
      return input.takeError();
    if (!*input)
      continue;
    if (llvm::Error error = round(target, **input, symbols, search))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error RoundWeightsPass::round(const SearchTarget &target,
                                    const InputStatistics &input,
                                    SymbolTable &symbols,
                                    SearchContext &search) {
  WeightOp weight = target.weight;
  RankedTensorType type = weight.getTensorType();
  llvm::Expected<std::vector<float>> values =
      readWeight(weight, search.weights);
  if (!values)
    return values.takeError();
  std::vector<float> importance(input.sumSquare.begin(), input.sumSquare.end());
  llvm::Expected<QuantizedTensor> codes = quantize(
      *values, type.getDimSize(0), type.getDimSize(1), target.scheme.getValue(),
      clip == Clip::least_squares ? ClipSearch::LeastSquares : ClipSearch::None,
      search.threads, importance);
  if (!codes)
    return prefixError("weight @" + weight.getSymName(), codes.takeError());
  remark::passed(
      weight.getLoc(),
      remark::RemarkOpts::name("WeightQuantized").category("lqc-round-weights"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", schemeName(target.scheme.getValue()))
      << remark::metric("clip", stringifyClip(clip));
  return replaceByCodes(target, *codes, symbols, search);
}

std::unique_ptr<Pass>
lqc::createRoundWeightsPass(const RoundWeightsPassOptions &options,
                            SearchContext &search) {
  return std::make_unique<RoundWeightsPass>(options, search);
}
