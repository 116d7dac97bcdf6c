//===- QuantizeWeights.cpp - rounds weights to the nearest codes ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "lqc/Support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/GlobPattern.h"

namespace lqc {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

llvm::Expected<SchemeAttr> lqc::parseWeightScheme(MLIRContext *context,
                                                  StringRef name) {
  if (name.empty() || name == "float")
    return SchemeAttr();
  std::string why;
  std::optional<Scheme> scheme = parseScheme(name, &why);
  if (!scheme)
    return makeError("{0}", why);
  if (scheme->isActivation())
    return makeError("weights take schemes of weights, got: {0}", name);
  return SchemeAttr::get(context, *scheme);
}

namespace {
/// GLOB=SCHEME.
struct Override {
  StringRef text;
  llvm::GlobPattern pattern;
  SchemeAttr scheme; ///< null: as stored
  bool matched = false;
};

/// A place where a weight is read that could be quantized.
struct WeightUse {
  OpOperand *operand;
  WeightOp weight;
  SchemeAttr scheme; ///< what the place asks for; null: as stored
};

struct QuantizeWeightsPass
    : public lqc::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void runOnOperation() override {
    if (failed(parseOptions()))
      return signalPassFailure();
    SymbolTable table(getOperation());
    symbols = &table;
    SmallVector<WeightUse> uses = findUses();
    for (WeightUse &use : uses)
      applyPreferences(use);
    if (failed(checkOverrides()))
      return signalPassFailure();
    bool allFit = true;
    for (WeightUse use : uses)
      allFit &= succeeded(quantizeUse(use));
    if (!allFit)
      signalPassFailure();
    derived.clear();
  }

  LogicalResult parseOptions();
  LogicalResult parseOverride(StringRef text);
  SmallVector<WeightUse> findUses();
  void applyPreferences(WeightUse &use);
  LogicalResult checkOverrides();
  LogicalResult quantizeUse(WeightUse use);
  FailureOr<WeightOp> quantizeWeight(WeightOp weight, SchemeAttr scheme);
  LogicalResult rejectWeight(WeightOp weight, SchemeAttr scheme, StringRef why);
  WeightOp addDerivedWeight(WeightOp weight, SchemeAttr scheme);

  SchemeAttr layerScheme, headScheme, embeddingScheme;
  SmallVector<Override> parsedOverrides;
  SymbolTable *symbols = nullptr;
  /// What became of a weight under a scheme; null: it stays as it is.
  DenseMap<std::pair<Operation *, Attribute>, WeightOp> derived;
};
} // namespace

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category("lqc-quantize-weights");
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

LogicalResult QuantizeWeightsPass::parseOverride(StringRef text) {
  ModuleOp module = getOperation();
  auto [glob, name] = text.rsplit('=');
  if (glob.empty() || name.empty())
    return module.emitError("override must be GLOB=SCHEME or GLOB=float, got: ")
           << text;
  llvm::Expected<llvm::GlobPattern> pattern = llvm::GlobPattern::create(glob);
  if (!pattern)
    return module.emitError("override ")
           << text << ": " << llvm::toString(pattern.takeError());
  llvm::Expected<SchemeAttr> parsed = parseWeightScheme(&getContext(), name);
  if (!parsed)
    return module.emitError("override ")
           << text << ": " << llvm::toString(parsed.takeError());
  parsedOverrides.push_back({text, std::move(*pattern), *parsed});
  return success();
}

LogicalResult QuantizeWeightsPass::parseOptions() {
  const std::tuple<StringRef, StringRef, SchemeAttr &> named[] = {
      {"scheme", StringRef(scheme), layerScheme},
      {"embedding", StringRef(embedding), embeddingScheme},
      {"head", StringRef(head), headScheme}};
  for (auto [option, name, result] : named) {
    llvm::Expected<SchemeAttr> parsed = parseWeightScheme(&getContext(), name);
    if (!parsed)
      return getOperation().emitError(option)
             << ": " << llvm::toString(parsed.takeError());
    result = *parsed;
  }
  parsedOverrides.clear();
  for (const std::string &text : overrides)
    if (failed(parseOverride(text)))
      return failure();
  return success();
}

/// A pattern that matches nothing is a typing mistake.
LogicalResult QuantizeWeightsPass::checkOverrides() {
  for (const Override &override : parsedOverrides)
    if (!override.matched)
      return getOperation().emitError("override ")
             << override.text
             << ": must match the name of a weight that a linear or an "
                "embedding reads";
  return success();
}

//===----------------------------------------------------------------------===//
// Which weight gets which scheme
//===----------------------------------------------------------------------===//

static bool isInLayer(Operation *op) {
  func::FuncOp function = op->getParentOfType<func::FuncOp>();
  return function && function->hasAttr(kLayerAttrName);
}

SmallVector<WeightUse> QuantizeWeightsPass::findUses() {
  SmallVector<WeightUse> uses;
  auto add = [&](OpOperand &operand, SchemeAttr scheme) {
    GetWeightOp read = operand.get().getDefiningOp<GetWeightOp>();
    if (!read) {
      remark::missed(operand.getOwner()->getLoc(), remarkNamed("WeightKept"))
          << remark::reason("the matrix is not read from a weight");
      return;
    }
    WeightOp weight = symbols->lookup<WeightOp>(read.getWeight());
    if (!schemeOf(weight.getType()))
      uses.push_back({&operand, weight, scheme});
  };
  getOperation().walk([&](Operation *op) {
    if (LinearOp linear = dyn_cast<LinearOp>(op))
      add(linear.getWeightMutable(), isInLayer(op) ? layerScheme : headScheme);
    else if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(op))
      add(embedding.getTableMutable(), embeddingScheme);
  });
  return uses;
}

/// The weight's attribute, then the overrides.
void QuantizeWeightsPass::applyPreferences(WeightUse &use) {
  if (SchemeAttr asked = use.weight->getAttrOfType<SchemeAttr>(kSchemeAttrName))
    use.scheme = asked;
  for (Override &override : parsedOverrides) {
    if (!override.pattern.match(use.weight.getSymName()))
      continue;
    override.matched = true;
    use.scheme = override.scheme;
  }
}

//===----------------------------------------------------------------------===//
// Quantizing
//===----------------------------------------------------------------------===//

LogicalResult QuantizeWeightsPass::quantizeUse(WeightUse use) {
  if (!use.scheme) {
    if (!derived.try_emplace({use.weight, Attribute()}).second)
      return success();
    remark::analysis(use.weight.getLoc(), remarkNamed("WeightAsStored"))
        << remark::metric("weight", use.weight.getSymName())
        << remark::metric("type", use.weight.getTensorType().getElementType());
    return success();
  }
  FailureOr<WeightOp> quantized = quantizeWeight(use.weight, use.scheme);
  if (failed(quantized))
    return failure();
  if (!*quantized)
    return success();
  Operation *oldRead = use.operand->get().getDefiningOp();
  OpBuilder builder(oldRead);
  use.operand->set(GetWeightOp::create(builder, oldRead->getLoc(),
                                       quantized->getType(),
                                       quantized->getSymName()));
  if (oldRead->use_empty())
    oldRead->erase();
  return success();
}

FailureOr<WeightOp> QuantizeWeightsPass::quantizeWeight(WeightOp weight,
                                                        SchemeAttr scheme) {
  auto [entry, isNew] = derived.try_emplace({weight, scheme});
  if (!isNew)
    return entry->second;
  RankedTensorType type = weight.getTensorType();
  if (std::optional<std::string> why = whyNotQuantizable(
          scheme.getValue(), type.getDimSize(0), type.getDimSize(1))) {
    if (failed(rejectWeight(weight, scheme, *why)))
      return failure();
    return WeightOp();
  }
  entry->second = addDerivedWeight(weight, scheme);
  return entry->second;
}

/// "bf16", without the quotes that diagnostics put around types.
static std::string storedTypeName(WeightOp weight) {
  std::string name;
  llvm::raw_string_ostream(name) << weight.getTensorType().getElementType();
  return name;
}

/// Says why a weight stays as it is: an error if the user wants no such weight.
LogicalResult QuantizeWeightsPass::rejectWeight(WeightOp weight,
                                                SchemeAttr scheme,
                                                StringRef why) {
  std::string name = schemeName(scheme.getValue());
  remark::missed(weight.getLoc(), remarkNamed("WeightKept"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", name) << remark::reason("{0}", why.str());
  if (strict)
    return mlir::emitError(weight.getLoc())
           << "weight @" << weight.getSymName() << ": cannot be " << name
           << ": " << why;
  mlir::emitWarning(weight.getLoc())
      << "weight @" << weight.getSymName() << ": stays "
      << storedTypeName(weight) << ": " << why;
  return success();
}

/// "q" and int4-g64 make "q.int4_g64", which needs no quotes in the IR.
static std::string derivedName(WeightOp weight, SchemeAttr scheme) {
  std::string name = schemeName(scheme.getValue());
  std::replace(name.begin(), name.end(), '-', '_');
  return (weight.getSymName() + "." + name).str();
}

WeightOp QuantizeWeightsPass::addDerivedWeight(WeightOp weight,
                                               SchemeAttr scheme) {
  RankedTensorType type = quantizedType(weight.getTensorType(), scheme);
  OpBuilder builder(&getContext());
  WeightOp result = WeightOp::create(builder, weight.getLoc(),
                                     derivedName(weight, scheme), type, {});
  symbols->insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInitializer());
  Value value = GetWeightOp::create(builder, weight.getLoc(), weight.getType(),
                                    weight.getSymName());
  value = QuantizeOp::create(builder, weight.getLoc(), type, value,
                             /*scales=*/Value(), clip);
  YieldOp::create(builder, weight.getLoc(), value);

  double bits = bitsPerWeight(scheme.getValue(), type.getDimSize(1));
  remark::passed(weight.getLoc(), remarkNamed("WeightQuantized"))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", schemeName(scheme.getValue()))
      << remark::metric("clip", stringifyClip(clip))
      << remark::metric("bits", bits);
  return result;
}
