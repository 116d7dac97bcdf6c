//===- GraphWalkTest.cpp - a graph's stages against numbers by hand -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"

#include "passes/Common/Dialects.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lqc;
using namespace mlir;

/// y = s + s Q^T + (relu(x W^T)) V^T with s = x + x, and a linear in a branch.
static const char *const kGraph = R"mlir(
module attributes {lqc.graph = {}} {
  lqc.weight @w : tensor<2x2xf32> = dense<[[1.0, 0.0], [0.0, -1.0]]> : tensor<2x2xf32>
  lqc.weight @v : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  lqc.weight @u : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  func.func @main(%x: tensor<?x2xf32>, %flag: tensor<i1>) -> tensor<?x2xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %w = lqc.get_weight @w : tensor<2x2xf32>
    %v = lqc.get_weight @v : tensor<2x2xf32>
    %s = arith.addf %x, %x : tensor<?x2xf32>
    %h = lqc.linear %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    %q = lqc.linear %x, %v : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    %n = tensor.dim %x, %c0 : tensor<?x2xf32>
    %zeros = tensor.splat %zero[%n] : tensor<?x2xf32>
    %r = arith.maximumf %h, %zeros : tensor<?x2xf32>
    %f = tensor.extract %flag[] : tensor<i1>
    %b = scf.if %f -> tensor<?x2xf32> {
      %v1 = lqc.get_weight @v : tensor<2x2xf32>
      %in = lqc.linear %r, %v1 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      scf.yield %in : tensor<?x2xf32>
    } else {
      scf.yield %r : tensor<?x2xf32>
    }
    %u = lqc.get_weight @u : tensor<2x2xf32>
    %d = lqc.linear %b, %u : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    %y = arith.addf %d, %s : tensor<?x2xf32>
    %z = arith.addf %y, %q : tensor<?x2xf32>
    return %z : tensor<?x2xf32>
  }
}
)mlir";

namespace {
class GraphWalkTest : public testing::Test {
protected:
  GraphWalkTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = parseSourceString<ModuleOp>(kGraph, &context);
  }

  /// Samples of one row and of two, the branch not taken.
  static GraphSamples samples() {
    TensorValue no = TensorValue::ofIntegers({}, {0});
    return {{{TensorValue::ofFloats({1, 2}, {1, -2}), no},
             {TensorValue::ofFloats({2, 2}, {3, 4, -5, -6}), no}}};
  }

  /// Gives a weight other numbers.
  void setWeight(StringRef name, ArrayRef<float> values) {
    WeightOp weight = module->lookupSymbol<WeightOp>(name);
    weight.setValueAttr(DenseElementsAttr::get(weight.getTensorType(), values));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

static bool all(StringRef) { return true; }

TEST_F(GraphWalkTest, StagesComeInOrderWithTheirNumbers) {
  WeightStore store(*module, ".", 1);
  std::vector<std::vector<std::string>> stages;
  std::vector<float> maxAbs;
  std::vector<int64_t> rows;
  auto work = [&](const CalibrationStage &stage, StatisticsSource &source,
                  const InputStatistics &got) {
    stages.push_back(stage.linears);
    rows.push_back(got.tokens);
    maxAbs.insert(maxAbs.end(), got.maxAbs.begin(), got.maxAbs.end());
    EXPECT_EQ(cantFail(source.inputOf(stage.input)), &got);
    return llvm::Error::success();
  };
  cantFail(walkStages(*module, store, samples(), {}, all, work));
  // Not the linear in the branch.
  EXPECT_EQ(stages, (std::vector<std::vector<std::string>>{{"w", "v"}, {"u"}}));
  EXPECT_EQ(rows, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(maxAbs, (std::vector<float>{5, 6, 3, 6}));
}

/// What the caller makes of a stage is run from there on, beside the float
/// model.
TEST_F(GraphWalkTest, LaterStagesSeeWhatBecameOfEarlierOnes) {
  WeightStore store(*module, ".", 1);
  CalibrationOptions options;
  options.withDrift = true;
  int stages = 0;
  auto work = [&](const CalibrationStage &stage, StatisticsSource &,
                  const InputStatistics &got) {
    if (stages++ == 0) {
      EXPECT_EQ(got.drift, std::vector<float>(4, 0));
      setWeight("w", {2, 0, 0, -1});
      store.clear();
      return llvm::Error::success();
    }
    // Rows (2, 2), (6, 0) and (0, 6) in place of (1, 2), (3, 0) and (0, 6).
    EXPECT_EQ(got.gram, (std::vector<float>{40, 4, 4, 40}));
    EXPECT_EQ(got.drift, (std::vector<float>{-20, -2, 0, 0}));
    // What the outputs are added to is as it was.
    EXPECT_EQ(got.residual, std::vector<float>(4, 0));
    return llvm::Error::success();
  };
  cantFail(walkStages(*module, store, samples(), options, all, work));
  EXPECT_EQ(stages, 2);
}

TEST_F(GraphWalkTest, DividedChannelsStayDivided) {
  WeightStore store(*module, ".", 1);
  int stages = 0;
  auto work = [&](const CalibrationStage &, StatisticsSource &source,
                  const InputStatistics &got) {
    if (stages++ == 0) {
      // As if what produces x did, so its readers see it.
      cantFail(source.divideChannels("w", {0.5f, 2}));
      EXPECT_EQ(got.maxAbs, (std::vector<float>{10, 3}));
      return llvm::Error::success();
    }
    EXPECT_EQ(got.maxAbs, (std::vector<float>{6, 3}));
    return llvm::Error::success();
  };
  cantFail(walkStages(*module, store, samples(), {}, all, work));
  EXPECT_EQ(stages, 2);
}

TEST_F(GraphWalkTest, WhatIsNotFiniteIsNamed) {
  WeightStore store(*module, ".", 1);
  GraphSamples data = samples();
  data.inputs[1][0] = TensorValue::ofFloats({1, 2}, {1, INFINITY});
  llvm::Error error = walkStages(
      *module, store, data, {}, all,
      [](const CalibrationStage &, StatisticsSource &,
         const InputStatistics &) { return llvm::Error::success(); });
  EXPECT_EQ(llvm::toString(std::move(error)),
            "activations must be finite: the input of 'w' is infinite in "
            "channel 1 of row 0 of sample 1");
}
