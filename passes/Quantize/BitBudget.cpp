//===- BitBudget.cpp - schemes chosen under a budget ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/BitBudget.h"

#include "lqc/Support/Table.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/SchemePolicy.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

static constexpr llvm::StringLiteral kCategory = "lqc-allocate-bits";

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

/// The schemes that the weight can take; if none, says why.
static FailureOr<SmallVector<SchemeAttr>>
fittingSchemes(WeightOp weight, ArrayRef<SchemeAttr> schemes, bool strict) {
  RankedTensorType type = weight.getTensorType();
  SmallVector<SchemeAttr> fitting;
  for (SchemeAttr scheme : schemes)
    if (!whyNotQuantizable(scheme.getValue(), type.getDimSize(0),
                           type.getDimSize(1)))
      fitting.push_back(scheme);
  if (fitting.empty() &&
      failed(checkFit(weight, schemes.front(), strict, kCategory)))
    return failure();
  return fitting;
}

FailureOr<SmallVector<BudgetTarget>>
lqc::findBudgetTargets(ModuleOp module, ArrayRef<SchemeAttr> schemes,
                       ArrayRef<std::string> overrides, bool strict) {
  SchemePolicy policy;
  if (failed(policy.parse(module, /*layers=*/"", /*embedding=*/"", /*head=*/"",
                          overrides)))
    return failure();
  SymbolTable symbols(module);
  SmallVector<WeightUse> uses = policy.findUses(module, symbols, kCategory);
  if (failed(policy.checkOverrides(module)))
    return failure();
  SmallVector<BudgetTarget> targets;
  llvm::DenseSet<Operation *> seen;
  for (WeightUse use : uses) {
    if (!isInLayer(use.operand->getOwner()) || use.scheme ||
        policy.isOverridden(use.weight) || !seen.insert(use.weight).second)
      continue;
    FailureOr<SmallVector<SchemeAttr>> fitting =
        fittingSchemes(use.weight, schemes, strict);
    if (failed(fitting))
      return failure();
    if (!fitting->empty())
      targets.push_back({use.weight, std::move(*fitting)});
  }
  return targets;
}

//===----------------------------------------------------------------------===//
// The problem
//===----------------------------------------------------------------------===//

static std::string typeName(WeightOp weight) {
  if (SchemeAttr scheme = schemeOf(weight.getType()))
    return schemeName(scheme.getValue());
  std::string name;
  llvm::raw_string_ostream(name) << weight.getTensorType().getElementType();
  return name;
}

/// The weight with a scheme; null: as it is.
static BudgetRow rowOf(WeightOp weight, SchemeAttr scheme, double kl) {
  RankedTensorType type = weight.getTensorType();
  BudgetRow row;
  row.weight = weight.getSymName().str();
  row.scheme = scheme;
  row.type = scheme ? schemeName(scheme.getValue()) : typeName(weight);
  row.elements = type.getNumElements();
  row.bytes = scheme ? serializedBytes(scheme.getValue(), type.getDimSize(0),
                                       type.getDimSize(1))
                     : weightBytes(type);
  row.kl = kl;
  return row;
}

LogicalResult BitBudget::addChoices(WeightOp weight,
                                    DictionaryAttr sensitivities) {
  std::vector<BudgetRow> &rows = choices.emplace_back();
  RankedTensorType type = weight.getTensorType();
  for (NamedAttribute entry : sensitivities) {
    FloatAttr kl = dyn_cast<FloatAttr>(entry.getValue());
    if (!kl || !std::isfinite(kl.getValueAsDouble()) ||
        kl.getValueAsDouble() < 0)
      return weight.emitError(kSensitivitiesAttrName)
             << ": values must be numbers of at least 0, got: "
             << entry.getValue();
    llvm::Expected<SchemeAttr> scheme =
        parseWeightScheme(weight.getContext(), entry.getName());
    if (!scheme)
      return weight.emitError(kSensitivitiesAttrName)
             << ": " << llvm::toString(scheme.takeError());
    if (!*scheme)
      return weight.emitError(kSensitivitiesAttrName)
             << ": keys must be names of schemes, got: "
             << entry.getName().getValue();
    if (std::optional<std::string> why = whyNotQuantizable(
            scheme->getValue(), type.getDimSize(0), type.getDimSize(1)))
      return weight.emitError("weight @")
             << weight.getSymName() << ": cannot be "
             << entry.getName().getValue() << ": " << *why;
    rows.push_back(rowOf(weight, *scheme, kl.getValueAsDouble()));
  }
  return success();
}

LogicalResult BitBudget::add(WeightOp weight) {
  Attribute attribute = weight->getAttr(kSensitivitiesAttrName);
  DictionaryAttr sensitivities = dyn_cast_or_null<DictionaryAttr>(attribute);
  if (attribute && (!sensitivities || sensitivities.empty()))
    return weight.emitError(kSensitivitiesAttrName)
           << " must say for some schemes what they lose, got: " << attribute;
  if (!sensitivities)
    choices.push_back({rowOf(
        weight, weight->getAttrOfType<SchemeAttr>(kSchemeAttrName), /*kl=*/0)});
  else if (failed(addChoices(weight, sensitivities)))
    return failure();
  auto bytes = [](const BudgetRow &row) { return row.bytes; };
  auto range = llvm::map_range(choices.back(), bytes);
  leastBytes += *llvm::min_element(range);
  mostBytes += *llvm::max_element(range);
  elements += choices.back().front().elements;
  return success();
}

FailureOr<BitBudget> BitBudget::of(ModuleOp module) {
  BitBudget budget;
  SymbolTable symbols(module);
  llvm::SetVector<Operation *> weights;
  module.walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (read && isInLayer(linear))
      weights.insert(symbols.lookup(read.getWeight()));
  });
  bool isOpen = false;
  for (Operation *weight : weights) {
    isOpen |= weight->hasAttr(kSensitivitiesAttrName);
    if (failed(budget.add(cast<WeightOp>(weight))))
      return failure();
  }
  if (!isOpen)
    return module.emitError("a budget needs weights of layers with ")
           << kSensitivitiesAttrName;
  std::vector<AllocationItem> items;
  for (const std::vector<BudgetRow> &rows : budget.choices) {
    AllocationItem &item = items.emplace_back();
    for (const BudgetRow &row : rows)
      item.push_back({row.bytes, row.kl});
  }
  budget.front.emplace(items);
  return budget;
}

/// "3.5", "0.01": up to six digits.
static std::string formatShort(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.6g", value);
  return text;
}

/// Three digits, rounded so that a limit stays one: up for a lower limit, else
/// down. A trace of slack is for limits like 2.2500000001.
static std::string formatBits(double bits, bool isLower) {
  const double thousands = 1000 * bits + (isLower ? -1e-6 : 1e-6);
  return formatFixed(
      (isLower ? std::ceil(thousands) : std::floor(thousands)) / 1000, 3);
}

std::string BitBudget::bitsProblem(double bits) const {
  const double slack = 1e-9;
  if (bits >= bitsOf(leastBytes) - slack && bits <= bitsOf(mostBytes) + slack)
    return "";
  return llvm::formatv("must be from {0} to {1} with these schemes, got: {2}",
                       formatBits(bitsOf(leastBytes), /*isLower=*/true),
                       formatBits(bitsOf(mostBytes), /*isLower=*/false),
                       formatShort(bits));
}

std::string BitBudget::klProblem(double kl) const {
  if (withinKl(kl))
    return "";
  return llvm::formatv("must be at least {0}, which the best schemes lose, "
                       "got: {1}",
                       formatShort(best().cost), formatShort(kl));
}

std::optional<Allocation> BitBudget::withinBits(double bits) const {
  // A hundredth of a byte, so that 3.25 bits are enough for 3.25 bits.
  double bytes = std::floor(bits * double(elements) / 8 + 0.01);
  return front->cheapestWithin(uint64_t(std::max(bytes, 0.0)));
}

std::vector<BudgetRow> BitBudget::rows(const Allocation &allocation) const {
  std::vector<BudgetRow> result;
  for (auto [rows, choice] : llvm::zip(choices, allocation.choices))
    result.push_back(rows[choice]);
  return result;
}

void BitBudget::assign(ModuleOp module, const Allocation &allocation) const {
  SymbolTable symbols(module);
  for (const BudgetRow &row : rows(allocation)) {
    WeightOp weight = symbols.lookup<WeightOp>(row.weight);
    if (weight->removeAttr(kSensitivitiesAttrName))
      weight->setAttr(kSchemeAttrName, row.scheme);
  }
}

void BitBudget::report(ModuleOp module, const Allocation &allocation) const {
  SymbolTable symbols(module);
  for (const BudgetRow &row : rows(allocation)) {
    Operation *weight = symbols.lookup(row.weight);
    if (weight->hasAttr(kSensitivitiesAttrName))
      remark::passed(
          weight->getLoc(),
          remark::RemarkOpts::name("SchemeChosen").category(kCategory))
          << remark::metric("weight", row.weight)
          << remark::metric("scheme", row.type)
          << remark::metric("bytes", row.bytes) << remark::metric("kl", row.kl);
  }
}
