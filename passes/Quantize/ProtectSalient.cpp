//===- ProtectSalient.cpp - keeps the channels that rounding hurts most ---===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Error.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/SchemePolicy.h"
#include "passes/Quantize/Search.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

#include <cmath>
#include <numeric>

namespace lqc {
#define GEN_PASS_DEF_PROTECTSALIENTPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

static constexpr llvm::StringLiteral kCategory = "lqc-protect-salient";

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category(kCategory);
}

namespace {
/// The linears that read one input.
using Readers = SmallVector<SearchTarget>;

struct ProtectSalientPass
    : public SearchPassBase<
          lqc::impl::ProtectSalientPassBase<ProtectSalientPass>> {
  using SearchPassBase::SearchPassBase;
  ProtectSalientPass(SearchContext &search, double part) {
    given = &search;
    percent = part;
  }
  llvm::Error run(SearchContext &search) override;
  void explainFloats();
  llvm::Error protect(const Readers &readers, const InputStatistics &input,
                      SymbolTable &symbols, SearchContext &search);
  void split(const Readers &readers, WeightOp columns, SymbolTable &symbols);
};
} // namespace

/// Linears that are not to be rounded have no error to be protected from.
void ProtectSalientPass::explainFloats() {
  SymbolTable symbols(getOperation());
  getOperation().walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    WeightOp weight =
        read ? symbols.lookup<WeightOp>(read.getWeight()) : WeightOp();
    if (!weight || !isInLayer(linear) || linear.readsKeptColumns() ||
        weight->hasAttr(kSchemeAttrName))
      return;
    remark::missed(weight.getLoc(), remarkNamed("LinearKept"))
        << remark::metric("weight", weight.getSymName())
        << remark::reason("its weight is not to be rounded");
  });
}

llvm::Error ProtectSalientPass::run(SearchContext &search) {
  if (!(percent > 0 && percent <= kMostProtectedPercent))
    return makeError("percent must be above 0 and at most {0}, got: {1}",
                     kMostProtectedPercent, percent.getValue());
  SymbolTable symbols(getOperation());
  for (const TargetGroup &group : searchInputs(getOperation(), symbols)) {
    if (group.input.getDefiningOp<SplitColumnsOp>())
      continue; // done before
    const Readers &readers = group.targets;
    llvm::Expected<const InputStatistics *> input =
        search.statistics.inputOf(group.name());
    if (!input)
      return input.takeError();
    if (!*input) {
      WeightOp first = readers.front().weight;
      if (!given)
        remark::missed(first.getLoc(), remarkNamed("LinearKept"))
            << remark::metric("weight", first.getSymName())
            << remark::reason("no statistics of its input are known");
      continue;
    }
    if (llvm::Error error = protect(readers, **input, symbols, search))
      return error;
  }
  search.weights.clear(); // there are new ones
  if (!given)
    explainFloats();
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Which channels
//===----------------------------------------------------------------------===//

/// Adds, for each input channel, the squared error that rounding its weights
/// to nearest makes in the outputs of one token.
static llvm::Error addErrors(const SearchTarget &target,
                             const InputStatistics &input,
                             SearchContext &search,
                             std::vector<double> &errors) {
  llvm::Expected<std::vector<float>> values =
      readWeight(target.weight, search.weights);
  if (!values)
    return values.takeError();
  WeightOp weight = target.weight;
  const int64_t rows = weight.getTensorType().getDimSize(0);
  const int64_t columns = weight.getTensorType().getDimSize(1);
  llvm::Expected<QuantizedTensor> codes =
      quantize(*values, rows, columns, target.scheme.getValue(),
               ClipSearch::None, search.threads);
  if (!codes)
    return prefixError("weight @" + weight.getSymName(), codes.takeError());
  std::vector<float> rounded = dequantize(*codes);
  std::vector<double> squares(columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    double difference = double(rounded[i]) - (*values)[i];
    squares[i % columns] += difference * difference;
  }
  for (int64_t c = 0; c < columns; ++c)
    errors[c] += squares[c] * input.sumSquare[c] / double(input.tokens);
  return llvm::Error::success();
}

/// The `count` channels with the largest errors, ascending.
static std::vector<int32_t> largest(const std::vector<double> &errors,
                                    int64_t count) {
  std::vector<int32_t> channels(errors.size());
  std::iota(channels.begin(), channels.end(), 0);
  llvm::sort(channels, [&](int32_t a, int32_t b) {
    return errors[a] != errors[b] ? errors[a] > errors[b] : a < b;
  });
  channels.resize(count);
  llvm::sort(channels);
  return channels;
}

llvm::Error ProtectSalientPass::protect(const Readers &readers,
                                        const InputStatistics &input,
                                        SymbolTable &symbols,
                                        SearchContext &search) {
  std::vector<double> errors(input.columns);
  for (const SearchTarget &target : readers)
    if (llvm::Error error = addErrors(target, input, search, errors))
      return error;
  const int64_t count =
      std::max<int64_t>(1, std::ceil(percent * double(input.columns) / 100));
  std::vector<int32_t> channels = largest(errors, count);
  double all = 0, kept = 0;
  for (double error : errors)
    all += error;
  for (int32_t channel : channels)
    kept += errors[channel];

  WeightOp first = readers.front().weight;
  const char *bytes = reinterpret_cast<const char *>(channels.data());
  RankedTensorType type =
      RankedTensorType::get({count}, IntegerType::get(first.getContext(), 32));
  llvm::Expected<WeightOp> columns = addResult(
      first.getSymName() + ".columns", type, {bytes, bytes + weightBytes(type)},
      std::next(Block::iterator(first)), first.getLoc(), symbols, search);
  if (!columns)
    return columns.takeError();
  split(readers, *columns, symbols);
  remark::passed(first.getLoc(), remarkNamed("ColumnsKept"))
      << remark::metric("weight", first.getSymName())
      << remark::metric("readers", readers.size())
      << remark::metric("columns", count) << remark::metric("of", input.columns)
      << remark::metric("share_of_error", all > 0 ? kept / all : 0.0);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// What becomes of the IR
//===----------------------------------------------------------------------===//

/// What columns of the weight are kept as: 16 bits.
static RankedTensorType keptType(RankedTensorType weight, int64_t count) {
  Type element = weight.getElementType();
  if (element.isF32())
    element = BFloat16Type::get(weight.getContext());
  return RankedTensorType::get({weight.getDimSize(0), count}, element);
}

/// A weight made of one result of splitting `weight`.
static WeightOp derive(WeightOp weight, WeightOp columns, bool isKept,
                       SymbolTable &symbols) {
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  RankedTensorType whole = weight.getTensorType();
  RankedTensorType part =
      keptType(whole, columns.getTensorType().getDimSize(0));
  WeightOp result = WeightOp::create(
      builder, loc, (weight.getSymName() + (isKept ? ".kept" : ".rest")).str(),
      isKept ? part : whole, /*value=*/{});
  symbols.insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  Value values = GetWeightOp::create(builder, loc, whole, weight.getSymName());
  Value indices = GetWeightOp::create(builder, loc, columns.getTensorType(),
                                      columns.getSymName());
  SplitColumnsOp split =
      SplitColumnsOp::create(builder, loc, whole, part, values, indices);
  YieldOp::create(builder, loc, isKept ? split.getKept() : split.getRest());
  return result;
}

/// Changes the linear in place: y = linear(rest, W_rest) + linear(kept,
/// W_kept).
static void splitLinear(const SearchTarget &target, SplitColumnsOp split,
                        WeightOp columns, SymbolTable &symbols) {
  LinearOp linear = target.linear;
  Location loc = linear.getLoc();
  WeightOp kept = derive(target.weight, columns, /*isKept=*/true, symbols);
  WeightOp rest = derive(target.weight, columns, /*isKept=*/false, symbols);
  rest->setAttr(kSchemeAttrName, target.scheme);
  OpBuilder builder(linear);
  auto read = [&](WeightOp weight) {
    return GetWeightOp::create(builder, loc, weight.getTensorType(),
                               weight.getSymName());
  };
  Operation *oldRead = linear.getWeight().getDefiningOp();
  linear.getInputMutable().assign(split.getRest());
  linear.getWeightMutable().assign(read(rest));
  if (oldRead->use_empty())
    oldRead->erase();
  builder.setInsertionPointAfter(linear);
  LinearOp other =
      LinearOp::create(builder, loc, linear.getType(), split.getKept(),
                       read(kept), /*bias=*/Value());
  arith::AddFOp sum = arith::AddFOp::create(builder, loc, linear, other);
  linear.getResult().replaceAllUsesExcept(sum, sum);
}

void ProtectSalientPass::split(const Readers &readers, WeightOp columns,
                               SymbolTable &symbols) {
  // In front of the readers and not behind the input, which a calibration has
  // already run.
  LinearOp first = readers.front().linear;
  for (const SearchTarget &target : readers) {
    LinearOp linear = target.linear;
    if (linear->isBeforeInBlock(first))
      first = linear;
  }
  OpBuilder builder(first);
  Location loc = first.getLoc();
  RankedTensorType type = first.getInput().getType();
  const int64_t count = columns.getTensorType().getDimSize(0);
  Value indices = GetWeightOp::create(builder, loc, columns.getTensorType(),
                                      columns.getSymName());
  SplitColumnsOp split = SplitColumnsOp::create(
      builder, loc, type,
      RankedTensorType::get({type.getDimSize(0), count}, type.getElementType()),
      first.getInput(), indices);
  for (const SearchTarget &target : readers)
    splitLinear(target, split, columns, symbols);
}

std::unique_ptr<Pass> lqc::createProtectSalientPass(SearchContext &search,
                                                    double percent) {
  return std::make_unique<ProtectSalientPass>(search, percent);
}
