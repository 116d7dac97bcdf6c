//===- QuantizeActivations.cpp - rounds the inputs of linears -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Search.h"

#include "lqc/Numerics/Levels.h"
#include "lqc/Support/Error.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

/// Columns of the input that share a scale; 0: the whole row.
static int64_t inputGroupSize(const Scheme &weight, int64_t columns) {
  if (weight.groupSize)
    return weight.groupSize;
  for (int64_t size : {64, 32})
    if (columns % size == 0)
      return size;
  return 0;
}

/// The scheme for the input of `linear`, or null if it keeps floats.
static SchemeAttr inputScheme(LinearOp linear, ActivationScales scales) {
  SchemeAttr weight = schemeOf(linear.getWeight().getType());
  if (!weight || levelStep(weight.getValue()) == 0 ||
      linear.getInput().getType().getEncoding())
    return {};
  int64_t size = inputGroupSize(weight.getValue(),
                                linear.getWeight().getType().getDimSize(1));
  StringRef family =
      scales == ActivationScales::Static ? "static-int8-g" : "dynamic-int8-g";
  std::optional<Scheme> scheme =
      parseScheme((family + llvm::Twine(size)).str());
  assert(scheme && "every group size of a weight is one of an activation");
  return SchemeAttr::get(linear.getContext(), *scheme);
}

namespace {
struct QuantizeActivationsPass
    : public lqc::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;
  QuantizeActivationsPass(const QuantizeActivationsPassOptions &options,
                          SearchContext &search)
      : QuantizeActivationsPassBase(options), given(&search) {}
  QuantizeActivationsPass(const QuantizeActivationsPass &other)
      : QuantizeActivationsPassBase(other), given(other.given) {}

  void runOnOperation() override {
    llvm::Error error =
        scales == ActivationScales::Static
            ? withSearch(
                  getOperation(), given, statistics, sidecar,
                  [&](SearchContext &search) { return quantizeAll(&search); })
            : quantizeAll(nullptr);
    if (!error)
      return;
    getOperation().emitError(llvm::toString(std::move(error)));
    signalPassFailure();
  }

  llvm::Error quantizeAll(SearchContext *search);
  llvm::Expected<Value> codesOf(LinearOp linear, SchemeAttr scheme,
                                SymbolTable &symbols, SearchContext *search);
  llvm::Expected<WeightOp> rangesOf(LinearOp linear, const Scheme &scheme,
                                    SymbolTable &symbols,
                                    SearchContext &search);

  SearchContext *given = nullptr;
};
} // namespace

/// The static scales of the input of `linear`; null without statistics.
llvm::Expected<WeightOp>
QuantizeActivationsPass::rangesOf(LinearOp linear, const Scheme &scheme,
                                  SymbolTable &symbols, SearchContext &search) {
  GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
  if (!read)
    return WeightOp();
  WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
  std::string name = checkpointWeight(weight).str();
  llvm::Expected<const InputStatistics *> seen =
      search.statistics.inputOf(name);
  if (!seen)
    return seen.takeError();
  if (!*seen)
    return WeightOp();
  const int64_t columns = (*seen)->columns, size = scheme.groupColumns(columns);
  std::vector<float> values(scheme.groups(columns)), peaks = (*seen)->maxAbs;
  // Behind a split the statistics are those of its input.
  if (SplitColumnsOp split =
          linear.getInput().getDefiningOp<SplitColumnsOp>()) {
    llvm::Expected<std::vector<int64_t>> kept =
        readColumns(split, search.weights);
    if (!kept)
      return kept.takeError();
    for (int64_t column : *kept)
      peaks[column] = 0;
  }
  for (int64_t c = 0; c < columns; ++c)
    values[c / size] = std::max(values[c / size], peaks[c] / 127);
  return addVector(name + ".input_ranges", values, weight, symbols, search);
}

/// The input of `linear` as codes of `scheme`; null if it keeps floats.
llvm::Expected<Value> QuantizeActivationsPass::codesOf(LinearOp linear,
                                                       SchemeAttr scheme,
                                                       SymbolTable &symbols,
                                                       SearchContext *search) {
  TypedValue<RankedTensorType> input = linear.getInput();
  OpBuilder builder(linear.getContext());
  builder.setInsertionPointAfterValue(input);
  Value ranges;
  if (search) {
    llvm::Expected<WeightOp> found =
        rangesOf(linear, scheme.getValue(), symbols, *search);
    if (!found)
      return found.takeError();
    if (!*found)
      return Value();
    ranges = GetWeightOp::create(builder, linear.getLoc(), found->getType(),
                                 found->getSymName());
  }
  remark::passed(linear.getLoc(),
                 remark::RemarkOpts::name("ActivationQuantized")
                     .category("lqc-quantize-activations"))
      << remark::metric("scheme", schemeName(scheme.getValue()))
      << remark::metric("columns", input.getType().getDimSize(1));
  return QuantizeOp::create(builder, linear.getLoc(),
                            quantizedType(input.getType(), scheme), input,
                            ranges)
      .getResult();
}

llvm::Error QuantizeActivationsPass::quantizeAll(SearchContext *search) {
  SymbolTable symbols(getOperation());
  SmallVector<LinearOp> linears;
  getOperation().walk([&](LinearOp linear) { linears.push_back(linear); });
  // Made once for all readers of an input.
  DenseMap<std::pair<Value, Attribute>, Value> known;
  for (LinearOp linear : linears) {
    SchemeAttr scheme = inputScheme(linear, scales);
    if (!scheme)
      continue;
    auto [entry, isNew] = known.try_emplace({linear.getInput(), scheme});
    if (isNew) {
      llvm::Expected<Value> codes = codesOf(linear, scheme, symbols, search);
      if (!codes)
        return codes.takeError();
      entry->second = *codes;
    }
    if (entry->second)
      linear.getInputMutable().assign(entry->second);
  }
  return llvm::Error::success();
}

std::unique_ptr<Pass> lqc::createQuantizeActivationsPass(
    const QuantizeActivationsPassOptions &options, SearchContext &search) {
  return std::make_unique<QuantizeActivationsPass>(options, search);
}
