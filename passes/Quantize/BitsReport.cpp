//===- BitsReport.cpp - what weights really cost --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/BitsReport.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
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
  if (types.size() == 1)
    return types.begin()->first;
  std::string text;
  for (const auto &[name, count] : types)
    text +=
        (text.empty() ? "" : ", ") + name + " (" + std::to_string(count) + ")";
  return text;
}

static WeightClass classOf(OpOperand &use) {
  Operation *user = use.getOwner();
  if (LinearOp linear = dyn_cast<LinearOp>(user);
      linear && &use == &linear.getWeightMutable())
    return user->getParentOp()->hasAttr(kLayerAttrName) ? WeightClass::Layers
                                                        : WeightClass::Head;
  if (isa<EmbeddingOp>(user))
    return WeightClass::Embedding;
  return WeightClass::Other;
}

static std::string typeName(RankedTensorType type) {
  if (SchemeAttr scheme = schemeOf(type))
    return schemeName(scheme.getValue());
  std::string name;
  llvm::raw_string_ostream(name) << type.getElementType();
  return name;
}

/// The classes of each weight that functions read, as a bit mask.
static DenseMap<StringAttr, unsigned> findClasses(ModuleOp module) {
  DenseMap<StringAttr, unsigned> classes;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function.walk([&](GetWeightOp read) {
      for (OpOperand &use : read->getUses())
        if (!isa<RotaryTableOp>(use.getOwner()))
          classes[read.getWeightAttr().getAttr()] |= 1u << int(classOf(use));
    });
  return classes;
}

/// Adds the elements of the stored weights that `weight` is made of, each once.
static uint64_t countParameters(WeightOp weight, SymbolTable &symbols,
                                DenseSet<Operation *> &seen) {
  if (!weight || !seen.insert(weight).second)
    return 0;
  if (weight.getValue())
    return weight.getTensorType().getNumElements();
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
    report.headIsEmbedding |= (mask & embedding) && (mask & head);
    report.parameters += countParameters(weight, symbols, seen);
    RankedTensorType type = weight.getTensorType();
    WeightTotals &totals = report.classes[llvm::countr_zero(mask)];
    totals.tensors += 1;
    totals.elements += type.getNumElements();
    totals.bytes += weightBytes(type);
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
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// As an attribute: {parameters, head_is_embedding, layers = {tensors, elements,
// bytes, types = {NAME = COUNT}}, …}
//===----------------------------------------------------------------------===//

DictionaryAttr BitsReport::toAttribute(MLIRContext *context) const {
  Builder builder(context);
  auto number = [&](StringRef name, uint64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute> entries = {
      number("parameters", parameters),
      builder.getNamedAttr("head_is_embedding",
                           builder.getBoolAttr(headIsEmbedding))};
  for (int i = 0; i < kWeightClasses; ++i) {
    const WeightTotals &totals = classes[i];
    SmallVector<NamedAttribute> types;
    for (const auto &[name, count] : totals.types)
      types.push_back(number(name, count));
    entries.push_back(builder.getNamedAttr(
        weightClassName(WeightClass(i)),
        builder.getDictionaryAttr(
            {number("tensors", totals.tensors),
             number("elements", totals.elements), number("bytes", totals.bytes),
             builder.getNamedAttr("types",
                                  builder.getDictionaryAttr(types))})));
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

static bool readTotals(DictionaryAttr entries, WeightTotals &totals) {
  DictionaryAttr types =
      entries ? entries.getAs<DictionaryAttr>("types") : DictionaryAttr();
  if (!types || !readNumber(entries, "tensors", totals.tensors) ||
      !readNumber(entries, "elements", totals.elements) ||
      !readNumber(entries, "bytes", totals.bytes))
    return false;
  for (NamedAttribute type : types)
    if (!readNumber(types, type.getName(), totals.types[type.getName().str()]))
      return false;
  return true;
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
