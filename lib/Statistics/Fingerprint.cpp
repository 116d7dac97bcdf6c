//===- Fingerprint.cpp - which model statistics belong to -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Statistics/Statistics.h"
#include "lqc/Support/Hash.h"

#include "llvm/Support/raw_ostream.h"

using namespace lqc;
using namespace mlir;

/// The weight that `weight` is made from, or itself.
static WeightOp checkpointWeightOp(WeightOp weight) {
  while (!weight.getInitializer().empty()) {
    GetWeightOp read;
    weight.getInitializer().walk([&](GetWeightOp op) {
      read = op;
      return WalkResult::interrupt();
    });
    WeightOp source = read ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(
                                 weight->getParentOp(), read.getWeightAttr())
                           : WeightOp();
    if (!source)
      return weight;
    weight = source;
  }
  return weight;
}

/// On a weight that is the result of a search: the weight that it replaces.
llvm::StringRef lqc::checkpointWeight(WeightOp weight) {
  WeightOp root = checkpointWeightOp(weight);
  if (StringAttr source = root->getAttrOfType<StringAttr>(kSourceAttrName))
    return source.getValue();
  return root.getSymName();
}

std::string lqc::fingerprintOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  SymbolTable symbols(module);
  module.walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    WeightOp weight =
        read ? symbols.lookup<WeightOp>(read.getWeight()) : WeightOp();
    // A part of another linear, which is named already.
    if (!weight || linear.readsKeptColumns())
      return;
    RankedTensorType type = linear.getWeight().getType();
    os << checkpointWeight(weight) << ' ' << type.getDimSize(0) << 'x'
       << type.getDimSize(1) << '\n';
  });
  if (Attribute inputs = module->getAttr("lqc.inputs"))
    os << inputs;
  ContentHasher hasher;
  hasher.update(llvm::StringRef(text));
  return hasher.digits();
}
