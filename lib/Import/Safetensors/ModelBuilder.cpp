//===- ModelBuilder.cpp - functions of a model ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Safetensors/Family.h"

using namespace mlir;
using namespace lqc;

ModelBuilder::ModelBuilder(ModuleOp module, const ModelConfig &config,
                           int64_t contextLength)
    : config(config), builder(module.getContext()), loc(module.getLoc()),
      contextLength(contextLength), symbols(module) {}

func::FuncOp ModelBuilder::startFunction(StringRef name, TypeRange arguments,
                                         Type result) {
  Operation *module = symbols.getOp();
  loc = NameLoc::get(builder.getStringAttr(name));
  builder.setInsertionPointToEnd(&module->getRegion(0).front());
  func::FuncOp function = func::FuncOp::create(
      builder, loc, name, builder.getFunctionType(arguments, result));
  builder.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void ModelBuilder::finishFunction(Value result) {
  func::ReturnOp::create(builder, loc, result);
}

Value ModelBuilder::weight(StringRef name) {
  WeightOp weight = symbols.lookup<WeightOp>(name);
  assert(weight && "the family's table lists every tensor it uses");
  return GetWeightOp::create(builder, loc, weight.getType(),
                             weight.getSymName());
}

Value ModelBuilder::linear(Value input, const Twine &prefix, bool hasBias) {
  std::string name = prefix.str();
  Value matrix = weight(name + ".weight");
  Value bias = hasBias ? weight(name + ".bias") : Value();
  int64_t outputs = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  return LinearOp::create(builder, loc, activations(outputs), input, matrix,
                          bias);
}

Value ModelBuilder::rmsNorm(Value input, const Twine &gain) {
  Value values = weight(gain.str());
  return RmsNormOp::create(builder, loc, input.getType(), input, values,
                           APFloat(float(config.rmsNormEpsilon)));
}

RankedTensorType ModelBuilder::activations(int64_t columns) {
  return RankedTensorType::get({ShapedType::kDynamic, columns},
                               builder.getF32Type());
}

RankedTensorType ModelBuilder::tokens() {
  return RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
}

CacheType ModelBuilder::cache() {
  return CacheType::get(builder.getContext(), config.layers, contextLength,
                        config.kvHeads, config.headDim, builder.getF32Type());
}
