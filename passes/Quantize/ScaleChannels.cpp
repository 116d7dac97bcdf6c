//===- ScaleChannels.cpp - channels moved between weights -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/ScaleChannels.h"

#include "lqc/Support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

#include <numeric>

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Which inputs can be scaled
//===----------------------------------------------------------------------===//

/// The weight behind a value, or null.
static WeightOp weightOf(Value value, SymbolTable &symbols) {
  GetWeightOp read = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
  return read ? symbols.lookup<WeightOp>(read.getWeight()) : WeightOp();
}

/// Every use of the input by a linear with a plain weight, or why not.
static std::optional<std::string> findReaders(ScalableInput &scalable,
                                              SymbolTable &symbols) {
  for (OpOperand &use : scalable.group.input.getUses()) {
    LinearOp linear = dyn_cast<LinearOp>(use.getOwner());
    if (!linear || use.get() != linear.getInput())
      return "it is read by " + use.getOwner()->getName().getStringRef().str();
    WeightOp weight = weightOf(linear.getWeight(), symbols);
    if (!weight || weight.getTensorType().getEncoding())
      return "a weight that reads it is not plain any more";
    scalable.readers.push_back(linear);
  }
  llvm::sort(scalable.readers,
             [](LinearOp a, LinearOp b) { return a->isBeforeInBlock(b); });
  return std::nullopt;
}

/// Whether the rows of a linear can be scaled without anybody else seeing it.
static std::optional<std::string> checkRows(LinearOp linear,
                                            SymbolTable &symbols) {
  if (!linear)
    return "it does not come from one linear";
  if (!linear.getResult().hasOneUse())
    return "what produces it is used elsewhere";
  WeightOp weight = weightOf(linear.getWeight(), symbols);
  if (!weight)
    return "the matrix of what produces it is not read from a weight";
  SchemeAttr scheme = schemeOf(weight.getType());
  if (scheme && !hasScalableRows(scheme.getValue()))
    return "rows of " + schemeName(scheme.getValue()) + " cannot be scaled";
  return std::nullopt;
}

/// The linear whose outputs `attention` averages.
static LinearOp valueProjection(AttentionOp attention) {
  for (Operation *user : attention.getCache().getUsers())
    if (CacheAppendOp append = dyn_cast<CacheAppendOp>(user))
      if (append.getLayer() == attention.getLayer() &&
          append->getBlock() == attention->getBlock())
        return append.getValues().getDefiningOp<LinearOp>();
  return {};
}

/// With grouped queries several heads of the input are of one head of values.
static void sourcesOfAttention(AttentionOp attention, ScalableInput &scalable) {
  CacheType cache = attention.getCache().getType();
  const int64_t headDim = cache.getHeadDim();
  const int64_t groupSize =
      attention.getType().getDimSize(1) / headDim / cache.getHeads();
  scalable.producerChannels = cache.getHeads() * headDim;
  for (auto [channel, source] : llvm::enumerate(scalable.sources)) {
    int64_t head = int64_t(channel) / headDim;
    source = head / groupSize * headDim + int64_t(channel) % headDim;
  }
}

/// Finds what produces the input, or says why it cannot be scaled.
static std::optional<std::string> findProducer(ScalableInput &scalable,
                                               SymbolTable &symbols) {
  Operation *op = scalable.group.input.getDefiningOp();
  scalable.producerChannels = scalable.sources.size();
  std::iota(scalable.sources.begin(), scalable.sources.end(), 0);
  scalable.producer = op;
  if (isa_and_nonnull<RmsNormOp, LayerNormOp>(op)) {
    // Gain and bias.
    for (Value vector : op->getOperands().drop_front())
      if (!weightOf(vector, symbols))
        return "gain or bias is not read from a weight";
    return std::nullopt;
  }
  LinearOp linear;
  if (AttentionOp attention = dyn_cast_or_null<AttentionOp>(op)) {
    linear = valueProjection(attention);
    sourcesOfAttention(attention, scalable);
  } else if (GatedActivationOp gated =
                 dyn_cast_or_null<GatedActivationOp>(op)) {
    linear = gated.getUp().getDefiningOp<LinearOp>();
  } else {
    return "it comes neither from a norm, nor from attention, nor from a "
           "gated activation";
  }
  scalable.producer = linear;
  return checkRows(linear, symbols);
}

static std::optional<std::string> checkScalable(ScalableInput &scalable,
                                                SymbolTable &symbols) {
  RankedTensorType type =
      cast<RankedTensorType>(scalable.group.input.getType());
  scalable.sources.resize(type.getDimSize(1));
  if (std::optional<std::string> why = findReaders(scalable, symbols))
    return why;
  return findProducer(scalable, symbols);
}

//===----------------------------------------------------------------------===//
// Scaling
//===----------------------------------------------------------------------===//

/// A weight that is `weight` with rows (axis 0) or columns scaled. It asks for
/// the same scheme.
static WeightOp addScaled(WeightOp weight, WeightOp factors, int64_t axis,
                          SymbolTable &symbols) {
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  RankedTensorType type = weight.getTensorType();
  RankedTensorType scaled = RankedTensorType::get(
      type.getShape(), builder.getF32Type(), type.getEncoding());
  WeightOp result = WeightOp::create(
      builder, loc, (weight.getSymName() + ".scaled").str(), scaled, {});
  symbols.insert(result, std::next(Block::iterator(weight)));
  if (Attribute scheme = weight->getAttr(kSchemeAttrName))
    result->setAttr(kSchemeAttrName, scheme);
  builder.createBlock(&result.getInitializer());
  // The weight comes first: it is what the result is named after.
  Value value = GetWeightOp::create(builder, loc, type, weight.getSymName());
  Value numbers = GetWeightOp::create(builder, loc, factors.getType(),
                                      factors.getSymName());
  value = ScaleChannelsOp::create(builder, loc, scaled, value, numbers, axis);
  YieldOp::create(builder, loc, value);
  return result;
}

/// Makes an operand that reads a weight read a scaled one.
static void scaleOperand(OpOperand &operand, WeightOp factors, int64_t axis,
                         SymbolTable &symbols) {
  Operation *read = operand.get().getDefiningOp();
  WeightOp scaled =
      addScaled(weightOf(operand.get(), symbols), factors, axis, symbols);
  OpBuilder builder(read);
  operand.set(GetWeightOp::create(builder, read->getLoc(), scaled.getType(),
                                  scaled.getSymName()));
  if (read->use_empty())
    read->erase();
}

/// The producer gives channels divided by their scales.
static void scaleProducer(Operation *producer, WeightOp inverse,
                          SymbolTable &symbols) {
  if (isa<RmsNormOp, LayerNormOp>(producer)) {
    for (OpOperand &vector : producer->getOpOperands().drop_front())
      scaleOperand(vector, inverse, /*axis=*/0, symbols);
    return;
  }
  LinearOp linear = cast<LinearOp>(producer);
  scaleOperand(linear.getWeightMutable(), inverse, /*axis=*/0, symbols);
  if (linear.getBias())
    scaleOperand(*linear.getBiasMutable().begin(), inverse, /*axis=*/0,
                 symbols);
}

static llvm::Error scaleInput(const ScalableInput &input,
                              ArrayRef<float> scales, SymbolTable &symbols,
                              SearchContext &search) {
  std::vector<float> columns, inverse;
  for (int64_t source : input.sources)
    columns.push_back(scales[source]);
  for (float scale : scales)
    inverse.push_back(1 / scale);
  WeightOp first = input.group.targets.front().weight;
  std::string name = input.group.name().str();
  llvm::Expected<WeightOp> factors =
      addVector(name + ".input_scales", columns, first, symbols, search);
  if (!factors)
    return factors.takeError();
  llvm::Expected<WeightOp> divisors =
      addVector(name + ".inverse_scales", inverse, first, symbols, search);
  if (!divisors)
    return divisors.takeError();
  scaleProducer(input.producer, *divisors, symbols);
  for (LinearOp reader : input.readers)
    scaleOperand(reader.getWeightMutable(), *factors, /*axis=*/1, symbols);
  search.weights.clear(); // there are new ones
  return search.statistics.divideChannels(name, columns);
}

static llvm::Expected<ReaderValues> readWeights(const ScalableInput &input,
                                                SymbolTable &symbols,
                                                SearchContext &search) {
  ReaderValues result;
  for (LinearOp reader : input.readers) {
    WeightOp weight = weightOf(reader.getWeight(), symbols);
    llvm::Expected<std::vector<float>> values =
        readWeight(weight, search.weights);
    if (!values)
      return values.takeError();
    result.values.push_back(std::move(*values));
    SchemeAttr scheme = weight->getAttrOfType<SchemeAttr>(kSchemeAttrName);
    result.readers.push_back(
        {result.values.back(), weight.getTensorType().getDimSize(0),
         scheme ? std::optional(scheme.getValue()) : std::nullopt});
  }
  return result;
}

llvm::Error lqc::scaleInputs(ModuleOp module, SearchContext &search,
                             StringRef pass, ChooseScales choose) {
  SymbolTable symbols(module);
  for (TargetGroup &group : searchInputs(module, symbols)) {
    std::string name = group.name().str();
    llvm::Expected<const InputStatistics *> statistics =
        search.statistics.inputOf(name);
    if (!statistics)
      return statistics.takeError();
    if (!*statistics)
      continue;
    ScalableInput input{std::move(group), {}, nullptr, 0, {}};
    if (std::optional<std::string> why = checkScalable(input, symbols)) {
      remark::missed(input.group.input.getLoc(),
                     remark::RemarkOpts::name("InputKept").category(pass))
          << remark::metric("input", name) << remark::reason("{0}", *why);
      continue;
    }
    llvm::Expected<ReaderValues> weights = readWeights(input, symbols, search);
    if (!weights)
      return weights.takeError();
    llvm::Expected<std::optional<std::vector<float>>> scales =
        choose(input, *weights, **statistics);
    if (!scales)
      return prefixError("the input of " + quote(name), scales.takeError());
    if (!*scales)
      continue;
    if (llvm::Error error = scaleInput(input, **scales, symbols, search))
      return error;
  }
  return llvm::Error::success();
}
