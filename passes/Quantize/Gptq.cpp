//===- Gptq.cpp - rounds weights by what their inputs look like -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "lqc/Support/Error.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Search.h"

#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_GPTQPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category("lqc-gptq");
}

namespace {
struct GptqPass : public lqc::impl::GptqPassBase<GptqPass> {
  using GptqPassBase::GptqPassBase;
  explicit GptqPass(SearchContext &search) : given(&search) {}
  GptqPass(const GptqPass &other) : GptqPassBase(other), given(other.given) {}

  void runOnOperation() override {
    llvm::Error error =
        withSearch(getOperation(), given, statistics, sidecar,
                   [&](SearchContext &search) { return roundAll(search); });
    if (!error)
      return;
    getOperation().emitError(llvm::toString(std::move(error)));
    signalPassFailure();
  }

  llvm::Error roundAll(SearchContext &search);
  llvm::Error round(const SearchTarget &target, const InputStatistics &input,
                    SymbolTable &symbols, SearchContext &search);
  llvm::Error factoriseFor(const InputStatistics &input,
                           const GptqOptions &options);

  SearchContext *given = nullptr;
  /// The last input's, for all linears that read it.
  const InputStatistics *factorised = nullptr;
  HessianFactor factor;
};
} // namespace

llvm::Error GptqPass::roundAll(SearchContext &search) {
  SymbolTable symbols(getOperation());
  for (SearchTarget target : searchTargets(getOperation(), symbols)) {
    llvm::Expected<const InputStatistics *> input =
        search.statistics.inputOf(target.source);
    if (!input)
      return input.takeError();
    if (!*input || (*input)->gram.empty()) {
      if (!given)
        remark::missed(target.weight.getLoc(), remarkNamed("WeightKept"))
            << remark::metric("weight", target.weight.getSymName())
            << remark::reason("no second moments of its input are known");
      continue;
    }
    if (llvm::Error error = round(target, **input, symbols, search))
      return error;
  }
  factorised = nullptr;
  factor = HessianFactor();
  return llvm::Error::success();
}

llvm::Error GptqPass::factoriseFor(const InputStatistics &input,
                                   const GptqOptions &options) {
  if (factorised == &input)
    return llvm::Error::success();
  factor = HessianFactor(); // two large ones at once are too many
  llvm::Expected<HessianFactor> next =
      factorise(input.gram, input.columns, options);
  if (!next)
    return next.takeError();
  factor = std::move(*next);
  factorised = &input;
  return llvm::Error::success();
}

llvm::Error GptqPass::round(const SearchTarget &target,
                            const InputStatistics &input, SymbolTable &symbols,
                            SearchContext &search) {
  WeightOp weight = target.weight;
  RankedTensorType type = weight.getTensorType();
  llvm::Expected<std::vector<float>> values =
      readWeight(weight, search.weights);
  if (!values)
    return values.takeError();
  GptqOptions options;
  options.damping = damping;
  options.activationOrder = activationOrder;
  options.clip =
      clip == Clip::least_squares ? ClipSearch::LeastSquares : ClipSearch::None;
  options.sweeps = sweeps;
  options.threads = search.threads;
  if (llvm::Error error = factoriseFor(input, options))
    return prefixError("weight @" + weight.getSymName(), std::move(error));
  llvm::Expected<GptqResult> result =
      gptq(*values, type.getDimSize(0), target.scheme.getValue(), factor,
           {input.gram, input.drift, input.residual}, options);
  if (!result)
    return prefixError("weight @" + weight.getSymName(), result.takeError());
  remark::passed(weight.getLoc(), remarkNamed("WeightQuantized"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", schemeName(target.scheme.getValue()))
      << remark::metric("tokens", input.tokens)
      << remark::metric("error", result->squaredError / double(input.tokens));
  return replaceByCodes(target, result->codes, symbols, search);
}

std::unique_ptr<Pass> lqc::createGptqPass(SearchContext &search) {
  return std::make_unique<GptqPass>(search);
}
