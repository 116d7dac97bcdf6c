//===- QuantizeActivations.cpp - rounds the inputs of linears -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "lqc/Numerics/Levels.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

/// Columns of the input that share a scale; 0: the whole row.
static int64_t inputGroupSize(const Scheme &weight, int64_t columns) {
  if (weight.groupSize)
    return weight.groupSize;
  for (int64_t size : {64, 32})
    if (columns % size == 0)
      return size;
  return 0;
}

/// The scheme for the input of `linear`, or null if it keeps floats.
static SchemeAttr inputScheme(LinearOp linear) {
  SchemeAttr weight = schemeOf(linear.getWeight().getType());
  if (!weight || levelStep(weight.getValue()) == 0 ||
      linear.getInput().getType().getEncoding())
    return {};
  int64_t size = inputGroupSize(weight.getValue(),
                                linear.getWeight().getType().getDimSize(1));
  std::optional<Scheme> scheme =
      parseScheme("dynamic-int8-g" + std::to_string(size));
  assert(scheme && "every group size of a weight is one of an activation");
  return SchemeAttr::get(linear.getContext(), *scheme);
}

namespace {
struct QuantizeActivationsPass
    : public lqc::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  void runOnOperation() override {
    getOperation().walk([&](LinearOp linear) {
      if (SchemeAttr scheme = inputScheme(linear))
        linear.getInputMutable().assign(codesOf(linear, scheme));
    });
    codes.clear();
  }

  /// The input of `linear` as codes of `scheme`, made once for all readers.
  Value codesOf(LinearOp linear, SchemeAttr scheme) {
    TypedValue<RankedTensorType> input = linear.getInput();
    Value &result = codes[{input, scheme}];
    if (result)
      return result;
    OpBuilder builder(linear.getContext());
    builder.setInsertionPointAfterValue(input);
    result = QuantizeOp::create(builder, linear.getLoc(),
                                quantizedType(input.getType(), scheme), input,
                                /*scales=*/Value());
    remark::passed(linear.getLoc(),
                   remark::RemarkOpts::name("ActivationQuantized")
                       .category("lqc-quantize-activations"))
        << remark::metric("scheme", schemeName(scheme.getValue()))
        << remark::metric("columns", input.getType().getDimSize(1));
    return result;
  }

  DenseMap<std::pair<Value, Attribute>, Value> codes;
};
} // namespace
