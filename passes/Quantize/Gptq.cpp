//===- Gptq.cpp - rounds weights by what their inputs look like -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Gptq.h"

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Numerics/KeptColumns.h"
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
struct GptqPass : public SearchPassBase<lqc::impl::GptqPassBase<GptqPass>> {
  using SearchPassBase::SearchPassBase;
  explicit GptqPass(SearchContext &search) { given = &search; }
  llvm::Error run(SearchContext &search) override;
  GptqOptions numericOptions(SearchContext &search) const;
  llvm::Error round(const SearchTarget &target, const InputStatistics &input,
                    SymbolTable &symbols, SearchContext &search);
  llvm::Error factoriseFor(const InputStatistics &input,
                           const GptqOptions &options);
  llvm::Error factoriseFor(SplitColumnsOp split, const InputStatistics &input,
                           const GptqOptions &options, SearchContext &search);
  llvm::Error roundAround(LinearOp kept, const SearchTarget &target,
                          const InputStatistics &input, SymbolTable &symbols,
                          SearchContext &search);

  /// The last input's, for all linears that read it.
  const InputStatistics *factorised = nullptr;
  HessianFactor factor;
  /// The same behind the last split.
  SplitColumnsOp factorisedSplit;
  KeptFactor keptFactor;
};
} // namespace

llvm::Error GptqPass::run(SearchContext &search) {
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
  factorisedSplit = nullptr;
  keptFactor = KeptFactor();
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

GptqOptions GptqPass::numericOptions(SearchContext &search) const {
  GptqOptions options;
  options.damping = damping;
  options.activationOrder = activationOrder;
  options.clip =
      clip == Clip::least_squares ? ClipSearch::LeastSquares : ClipSearch::None;
  options.sweeps = sweeps;
  options.threads = search.threads;
  return options;
}

static void remarkRounded(const SearchTarget &target,
                          const InputStatistics &input, double squaredError) {
  WeightOp weight = target.weight;
  remark::passed(weight.getLoc(), remarkNamed("WeightQuantized"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", schemeName(target.scheme.getValue()))
      << remark::metric("tokens", input.tokens)
      << remark::metric("error", squaredError / double(input.tokens));
}

llvm::Error GptqPass::round(const SearchTarget &target,
                            const InputStatistics &input, SymbolTable &symbols,
                            SearchContext &search) {
  WeightOp weight = target.weight;
  if (LinearOp kept = keptPartOf(target.linear))
    return roundAround(kept, target, input, symbols, search);
  RankedTensorType type = weight.getTensorType();
  llvm::Expected<std::vector<float>> values =
      readWeight(weight, search.weights);
  if (!values)
    return values.takeError();
  GptqOptions options = numericOptions(search);
  if (llvm::Error error = factoriseFor(input, options))
    return prefixError("weight @" + weight.getSymName(), std::move(error));
  llvm::Expected<GptqResult> result =
      gptq(*values, type.getDimSize(0), target.scheme.getValue(), factor,
           {input.gram, input.drift, input.residual}, options);
  if (!result)
    return prefixError("weight @" + weight.getSymName(), result.takeError());
  remarkRounded(target, input, result->squaredError);
  return replaceByCodes(target, result->codes, symbols, search);
}

//===----------------------------------------------------------------------===//
// Behind lqc-protect-salient
//===----------------------------------------------------------------------===//

/// Makes what was found the value of a weight, in place of its initializer.
static llvm::Error replaceKept(WeightOp weight, std::vector<float> values,
                               StringRef source, SearchContext &search) {
  RankedTensorType type = weight.getTensorType();
  llvm::Expected<std::vector<char>> bytes = bytesFromTensor(
      TensorValue::ofFloats({type.getDimSize(0), type.getDimSize(1)},
                            std::move(values)),
      type);
  if (!bytes)
    return prefixError("weight @" + weight.getSymName(), bytes.takeError());
  weight.getInitializer().dropAllReferences();
  weight.getInitializer().getBlocks().clear();
  weight->setAttr(kSourceAttrName,
                  StringAttr::get(weight.getContext(), source));
  return search.results.set(weight, std::move(*bytes));
}

llvm::Error GptqPass::factoriseFor(SplitColumnsOp split,
                                   const InputStatistics &input,
                                   const GptqOptions &options,
                                   SearchContext &search) {
  if (factorisedSplit == split)
    return llvm::Error::success();
  keptFactor = KeptFactor();
  llvm::Expected<std::vector<int64_t>> kept =
      readColumns(split, search.weights);
  if (!kept)
    return kept.takeError();
  llvm::Expected<KeptFactor> next =
      factoriseKeeping(*kept, input.gram, input.columns, options);
  if (!next)
    return next.takeError();
  keptFactor = std::move(*next);
  factorisedSplit = split;
  return llvm::Error::success();
}

llvm::Error GptqPass::roundAround(LinearOp kept, const SearchTarget &target,
                                  const InputStatistics &input,
                                  SymbolTable &symbols, SearchContext &search) {
  WeightOp weight = target.weight;
  const std::string source = target.source.str();
  RankedTensorType type = weight.getTensorType();
  const int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  GptqOptions options = numericOptions(search);
  if (llvm::Error error =
          factoriseFor(kept.getInput().getDefiningOp<SplitColumnsOp>(), input,
                       options, search))
    return prefixError("weight @" + weight.getSymName(), std::move(error));
  GetWeightOp read = kept.getWeight().getDefiningOp<GetWeightOp>();
  WeightOp other = read ? symbols.lookup<WeightOp>(read.getWeight()) : nullptr;
  if (!other)
    return makeError("the columns kept of @{0} must be a weight", source);
  llvm::Expected<std::vector<float>> values =
      readWeight(weight, search.weights);
  if (!values)
    return values.takeError();
  llvm::Expected<std::vector<float>> apart = readWeight(other, search.weights);
  if (!apart)
    return apart.takeError();
  // The weight as it was before the split.
  const int64_t count = keptFactor.kept.size();
  for (int64_t i = 0; i < rows * count; ++i)
    (*values)[i / count * columns + keptFactor.kept[i % count]] = (*apart)[i];
  llvm::Expected<KeptResult> result =
      gptqKeeping(*values, rows, target.scheme.getValue(), keptFactor,
                  {input.gram, input.drift, input.residual}, options);
  if (!result)
    return prefixError("weight @" + weight.getSymName(), result.takeError());
  remarkRounded(target, input, result->squaredError);
  if (llvm::Error error =
          replaceKept(other, std::move(result->kept), source, search))
    return error;
  return replaceByCodes(target, result->codes, symbols, search);
}

std::unique_ptr<Pass> lqc::createGptqPass(SearchContext &search) {
  return std::make_unique<GptqPass>(search);
}
