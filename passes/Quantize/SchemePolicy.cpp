//===- SchemePolicy.cpp - which weight gets which scheme ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/SchemePolicy.h"

#include "lqc/Statistics/Statistics.h"
#include "lqc/Support/Error.h"
#include "passes/Quantize/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"

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

bool lqc::isInLayer(Operation *op) {
  func::FuncOp function = op->getParentOfType<func::FuncOp>();
  return function && (function->hasAttr(kLayerAttrName) ||
                      isGraph(function->getParentOfType<ModuleOp>()));
}

std::string lqc::quantizedName(WeightOp weight, SchemeAttr scheme) {
  std::string name = schemeName(scheme.getValue());
  std::replace(name.begin(), name.end(), '-', '_');
  return (weight.getSymName() + "." + name).str();
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

LogicalResult SchemePolicy::parseOverride(ModuleOp module, StringRef text) {
  auto [glob, name] = text.rsplit('=');
  if (glob.empty() || name.empty())
    return module.emitError("override must be GLOB=SCHEME or GLOB=float, got: ")
           << text;
  llvm::Expected<llvm::GlobPattern> pattern = llvm::GlobPattern::create(glob);
  if (!pattern)
    return module.emitError("override ")
           << text << ": " << llvm::toString(pattern.takeError());
  llvm::Expected<SchemeAttr> parsed =
      parseWeightScheme(module.getContext(), name);
  if (!parsed)
    return module.emitError("override ")
           << text << ": " << llvm::toString(parsed.takeError());
  overrides.push_back({text.str(), std::move(*pattern), *parsed});
  return success();
}

LogicalResult SchemePolicy::parse(ModuleOp module, StringRef layers,
                                  StringRef embedding, StringRef head,
                                  ArrayRef<std::string> overrideTexts) {
  const std::tuple<StringRef, StringRef, SchemeAttr &> named[] = {
      {"scheme", layers, layerScheme},
      {"embedding", embedding, embeddingScheme},
      {"head", head, headScheme}};
  for (auto [option, name, result] : named) {
    llvm::Expected<SchemeAttr> parsed =
        parseWeightScheme(module.getContext(), name);
    if (!parsed)
      return module.emitError(option)
             << ": " << llvm::toString(parsed.takeError());
    result = *parsed;
  }
  overrides.clear();
  for (const std::string &text : overrideTexts)
    if (failed(parseOverride(module, text)))
      return failure();
  return success();
}

LogicalResult SchemePolicy::checkOverrides(ModuleOp module) const {
  for (const Override &override : overrides)
    if (!override.matched)
      return module.emitError("override ")
             << override.text
             << ": must match the name of a weight that a linear or an "
                "embedding reads";
  return success();
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

SchemeAttr SchemePolicy::preferred(WeightOp weight, SchemeAttr scheme) {
  if (SchemeAttr asked = weight->getAttrOfType<SchemeAttr>(kSchemeAttrName))
    scheme = asked;
  for (Override &override : overrides) {
    if (!override.pattern.match(checkpointWeight(weight)))
      continue;
    override.matched = true;
    scheme = override.scheme;
  }
  return scheme;
}

bool SchemePolicy::isOverridden(WeightOp weight) const {
  return llvm::any_of(overrides, [&](const Override &override) {
    return override.pattern.match(checkpointWeight(weight));
  });
}

SmallVector<WeightUse> SchemePolicy::findUses(ModuleOp module,
                                              SymbolTable &symbols,
                                              StringRef category) {
  SmallVector<WeightUse> uses;
  auto add = [&](OpOperand &operand, SchemeAttr scheme) {
    GetWeightOp read = operand.get().getDefiningOp<GetWeightOp>();
    if (!read) {
      remark::missed(operand.getOwner()->getLoc(),
                     remark::RemarkOpts::name("WeightKept").category(category))
          << remark::reason("the matrix is not read from a weight");
      return;
    }
    WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
    scheme = preferred(weight, scheme);
    if (!schemeOf(weight.getType()))
      uses.push_back({&operand, weight, scheme});
  };
  module.walk([&](Operation *op) {
    LinearOp linear = dyn_cast<LinearOp>(op);
    if (linear && linear.readsKeptColumns())
      return; // set apart so that it is not quantized
    if (linear)
      add(linear.getWeightMutable(), isInLayer(op) ? layerScheme : headScheme);
    else if (EmbeddingOp embedding = dyn_cast<EmbeddingOp>(op))
      add(embedding.getTableMutable(), embeddingScheme);
  });
  return uses;
}

/// "bf16", without the quotes that diagnostics put around types.
static std::string storedTypeName(WeightOp weight) {
  std::string name;
  llvm::raw_string_ostream(name) << weight.getTensorType().getElementType();
  return name;
}

FailureOr<bool> lqc::checkFit(WeightOp weight, SchemeAttr scheme, bool strict,
                              StringRef category) {
  RankedTensorType type = weight.getTensorType();
  std::optional<std::string> why = whyNotQuantizable(
      scheme.getValue(), type.getDimSize(0), type.getDimSize(1));
  if (!why)
    return true;
  std::string name = schemeName(scheme.getValue());
  remark::missed(weight.getLoc(),
                 remark::RemarkOpts::name("WeightKept").category(category))
      << remark::metric("weight", weight.getSymName())
      << remark::metric("scheme", name) << remark::reason("{0}", *why);
  if (strict)
    return mlir::emitError(weight.getLoc())
           << "weight @" << weight.getSymName() << ": cannot be " << name
           << ": " << *why;
  mlir::emitWarning(weight.getLoc())
      << "weight @" << weight.getSymName() << ": stays "
      << storedTypeName(weight) << ": " << *why;
  return false;
}
