//===- BitsReport.cpp - what weights really cost --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/BitsReport.h"

#include "passes/Quantize/SchemePolicy.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lqc;

StringRef lqc::weightClassName(WeightClass weightClass) {
  switch (weightClass) {
  case WeightClass::Layers:
    return "layers";
  case WeightClass::Embedding:
    return "embedding";
  case WeightClass::Head:
    return "head";
  case WeightClass::Other:
    return "other";
  }
  llvm_unreachable("every class has a name");
}

std::string WeightTotals::typesText() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  for (const auto &[name, count] : types) {
    out << (text.empty() ? "" : ", ") << name;
    if (types.size() > 1)
      out << " (" << count << ")";
  }
  for (const auto &[name, count] : kept)
    out << llvm::format(", %.2g %% kept in ", 100.0 * count / elements) << name;
  return text;
}

static WeightClass classOf(OpOperand &use) {
  Operation *user = use.getOwner();
  if (LinearOp linear = dyn_cast<LinearOp>(user);
      linear && &use == &linear.getWeightMutable())
    return isInLayer(user) ? WeightClass::Layers : WeightClass::Head;
  if (isa<EmbeddingOp>(user))
    return WeightClass::Embedding;
  if (isa<SplitColumnsOp>(user) && isInLayer(user))
    return WeightClass::Layers;
  return WeightClass::Other;
}

/// Whether a use is of a part of another weight: columns that are kept apart,
/// or their indices.
static bool isPart(OpOperand &use) {
  LinearOp linear = dyn_cast<LinearOp>(use.getOwner());
  return isa<SplitColumnsOp>(use.getOwner()) ||
         (linear && linear.readsKeptColumns());
}

static std::string typeName(RankedTensorType type) {
  if (SchemeAttr scheme = schemeOf(type))
    return schemeName(scheme.getValue());
  std::string name;
  llvm::raw_string_ostream(name) << type.getElementType();
  return name;
}

/// Beside the bits of classes: the weight is a part of another one.
static constexpr unsigned kPart = 1u << kWeightClasses;

/// The classes of each weight that functions read, as a bit mask.
static DenseMap<StringAttr, unsigned> findClasses(ModuleOp module) {
  DenseMap<StringAttr, unsigned> classes;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](GetWeightOp read) {
      for (OpOperand &use : read->getUses())
        if (!isa<RotaryTableOp>(use.getOwner()))
          classes[read.getWeightAttr().getAttr()] |=
              1u << int(classOf(use)) | (isPart(use) ? kPart : 0);
    });
  return classes;
}

/// Adds the elements of the stored weights that `weight` is made of, each once.
static uint64_t countParameters(WeightOp weight, SymbolTable &symbols,
                                DenseSet<Operation *> &seen) {
  if (!weight || !seen.insert(weight).second)
    return 0;
  RankedTensorType type = weight.getTensorType();
  if (weight.getValue()) // indices of columns are no parameters
    return type.getElementType().isInteger() ? 0 : type.getNumElements();
  if (weight.getYielded().getDefiningOp<AssembleOp>()) // not bytes and scales
    return type.getNumElements();
  uint64_t sum = 0;
  weight.getInitializer().walk([&](GetWeightOp read) {
    sum += countParameters(symbols.lookup<WeightOp>(read.getWeight()), symbols,
                           seen);
  });
  return sum;
}

BitsReport BitsReport::of(ModuleOp module) {
  const unsigned embedding = 1u << int(WeightClass::Embedding);
  const unsigned head = 1u << int(WeightClass::Head);
  BitsReport report;
  SymbolTable symbols(module);
  DenseSet<Operation *> seen;
  DenseMap<StringAttr, unsigned> masks = findClasses(module);
  for (WeightOp weight : module.getOps<WeightOp>()) {
    unsigned mask = masks.lookup(weight.getSymNameAttr());
    if (!mask)
      continue;
    RankedTensorType type = weight.getTensorType();
    WeightTotals &totals = report.classes[llvm::countr_zero(mask)];
    totals.bytes += weightBytes(type);
    if (mask & kPart) {
      if (!type.getElementType().isInteger())
        totals.kept[typeName(type)] += type.getNumElements();
      continue;
    }
    report.headIsEmbedding |= (mask & embedding) && (mask & head);
    report.parameters += countParameters(weight, symbols, seen);
    totals.tensors += 1;
    totals.elements += type.getNumElements();
    totals.types[typeName(type)] += 1;
  }
  return report;
}

WeightTotals BitsReport::total() const {
  WeightTotals sum;
  for (const WeightTotals &totals : classes) {
    sum.tensors += totals.tensors;
    sum.elements += totals.elements;
    sum.bytes += totals.bytes;
    for (const auto &[name, count] : totals.types)
      sum.types[name] += count;
    for (const auto &[name, count] : totals.kept)
      sum.kept[name] += count;
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// As an attribute: {parameters, head_is_embedding, layers = {tensors, elements,
// bytes, types = {NAME = COUNT}, kept = {NAME = COUNT}}, …}
//===----------------------------------------------------------------------===//

DictionaryAttr BitsReport::toAttribute(MLIRContext *context) const {
  Builder builder(context);
  auto number = [&](StringRef name, uint64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  auto counts = [&](StringRef name,
                    const std::map<std::string, uint64_t> &values) {
    SmallVector<NamedAttribute> numbers;
    for (const auto &[key, count] : values)
      numbers.push_back(number(key, count));
    return builder.getNamedAttr(name, builder.getDictionaryAttr(numbers));
  };
  SmallVector<NamedAttribute> entries = {
      number("parameters", parameters),
      builder.getNamedAttr("head_is_embedding",
                           builder.getBoolAttr(headIsEmbedding))};
  for (int i = 0; i < kWeightClasses; ++i) {
    const WeightTotals &totals = classes[i];
    entries.push_back(builder.getNamedAttr(
        weightClassName(WeightClass(i)),
        builder.getDictionaryAttr(
            {number("tensors", totals.tensors),
             number("elements", totals.elements), number("bytes", totals.bytes),
             counts("types", totals.types), counts("kept", totals.kept)})));
  }
  return builder.getDictionaryAttr(entries);
}

/// Reads an integer entry; false if it is not there.
static bool readNumber(DictionaryAttr entries, StringRef name,
                       uint64_t &result) {
  IntegerAttr value = entries.getAs<IntegerAttr>(name);
  if (!value || value.getValue().getBitWidth() > 64)
    return false;
  result = value.getValue().getZExtValue();
  return true;
}

static bool readCounts(DictionaryAttr entries, StringRef name,
                       std::map<std::string, uint64_t> &counts) {
  DictionaryAttr values = entries.getAs<DictionaryAttr>(name);
  if (!values)
    return false;
  for (NamedAttribute value : values)
    if (!readNumber(values, value.getName(), counts[value.getName().str()]))
      return false;
  return true;
}

static bool readTotals(DictionaryAttr entries, WeightTotals &totals) {
  return entries && readNumber(entries, "tensors", totals.tensors) &&
         readNumber(entries, "elements", totals.elements) &&
         readNumber(entries, "bytes", totals.bytes) &&
         readCounts(entries, "types", totals.types) &&
         readCounts(entries, "kept", totals.kept);
}

std::optional<BitsReport> BitsReport::fromAttribute(Attribute attribute) {
  DictionaryAttr entries = dyn_cast_or_null<DictionaryAttr>(attribute);
  if (!entries)
    return std::nullopt;
  BitsReport report;
  BoolAttr shared = entries.getAs<BoolAttr>("head_is_embedding");
  if (!shared || !readNumber(entries, "parameters", report.parameters))
    return std::nullopt;
  report.headIsEmbedding = shared.getValue();
  for (int i = 0; i < kWeightClasses; ++i)
    if (!readTotals(
            entries.getAs<DictionaryAttr>(weightClassName(WeightClass(i))),
            report.classes[i]))
      return std::nullopt;
  return report;
}
