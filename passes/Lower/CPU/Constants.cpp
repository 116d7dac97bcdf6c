//===- Constants.cpp - constants of generated code, for the runtime
//--------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Constants.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lqc;

std::string lqc::featureList(TargetAttr target) {
  SmallVector<StringRef> features, on;
  target.getFeatures().split(features, ',');
  for (StringRef feature : features)
    if (feature.consume_front("+"))
      on.push_back(feature);
  return llvm::join(on, " ");
}

Value lqc::aggregate(ImplicitLocOpBuilder &b, Type type, ValueRange values) {
  Value result = LLVM::UndefOp::create(b, type);
  for (auto [index, value] : llvm::enumerate(values))
    result =
        LLVM::InsertValueOp::create(b, result, value, ArrayRef<int64_t>(index));
  return result;
}

void lqc::createConstant(ImplicitLocOpBuilder &b, Type type,
                         LLVM::Linkage linkage, StringRef name) {
  LLVM::GlobalOp global = LLVM::GlobalOp::create(b, type, /*isConstant=*/true,
                                                 linkage, name, Attribute());
  b.createBlock(&global.getInitializerRegion());
}

StringRef lqc::createText(ImplicitLocOpBuilder &b, const Twine &name,
                          StringRef text) {
  std::string bytes = text.str() + '\0';
  return LLVM::GlobalOp::create(
             b, LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()),
             /*isConstant=*/true, LLVM::Linkage::Private, name.str(),
             b.getStringAttr(bytes))
      .getSymName();
}
