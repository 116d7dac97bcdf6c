//===- WalkTest.cpp - compiled layers against the interpreter -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelFixture.h"

#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Interpreter/SearchResults.h"
#include "lqc/Numerics/Dense.h"
#include "passes/Quantize/Search.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include <cmath>
#include <functional>
#include <numeric>

using namespace mlir;
using namespace lqc;

namespace {
class WalkTest : public ModelFixture {
protected:
  WalkTest() { windows = cantFail(drawWindows(tokens(40), 3, 12, 1)); }

  /// What the input of `linear` sums up to, by the reference interpreter.
  InputStatistics reference(LinearOp linear, WeightStore &walked);
  /// Walks all linears of layers and compares each stage with the reference;
  /// then does `work` there.
  using Work = std::function<llvm::Error(StatisticsSource &, WeightStore &)>;
  void compareAll(double tolerance, const Work &work = {});
};
} // namespace

InputStatistics WalkTest::reference(LinearOp linear, WeightStore &walked) {
  // The layer's function, cut off before the linear, gives its input.
  OwningOpRef<ModuleOp> copy = module->clone();
  func::FuncOp layer = linear->getParentOfType<func::FuncOp>();
  IRMapping mapping;
  func::FuncOp tapped = cast<func::FuncOp>(layer->clone(mapping));
  Value input = mapping.lookup(linear.getInput());
  tapped.getBody().front().getTerminator()->setOperands(input);
  tapped.setFunctionType(
      FunctionType::get(&context, tapped.getArgumentTypes(), input.getType()));
  tapped.setName("tapped");
  copy->push_back(tapped);
  // @forward runs the layers before it and then the tapped one.
  func::FuncOp forward = copy->lookupSymbol<func::FuncOp>("forward");
  for (func::CallOp call : llvm::to_vector(forward.getOps<func::CallOp>())) {
    if (call.getCallee() != layer.getSymName())
      continue;
    OpBuilder builder(call);
    func::CallOp tap = func::CallOp::create(builder, call.getLoc(), tapped,
                                            call.getOperands());
    forward.getBody().front().getTerminator()->setOperands(tap.getResults());
    forward.setFunctionType(FunctionType::get(
        &context, forward.getArgumentTypes(), input.getType()));
  }
  int64_t columns = linear.getInput().getType().getDimSize(1);
  InputStatistics sums(columns, /*withGram=*/true);
  WeightStore store(*copy, folder, 1);
  // What was found so far is in no file yet.
  for (WeightOp weight : module->getOps<WeightOp>()) {
    FileAttr place = dyn_cast_or_null<FileAttr>(weight.getValueAttr());
    if (place && isPending(place))
      store.provide(place.getTensor(),
                    cantFail(walked.get(weight)).bytes.vec());
  }
  Interpreter interpreter(*copy, store);
  std::vector<int64_t> positions(windows.length), zeros(windows.length);
  std::iota(positions.begin(), positions.end(), 0);
  for (int64_t window = 0; window < windows.count; ++window) {
    interpreter.reset();
    auto first = windows.tokens.begin() + window * windows.length;
    std::vector<int64_t> tokens(first, first + windows.length);
    auto integers = [&](std::vector<int64_t> values) {
      return TensorValue::ofIntegers({windows.length}, std::move(values));
    };
    auto result = cantFail(interpreter.call(
        forward, {integers(tokens), integers(positions), integers(zeros)}));
    sums.add(result[0].floats(), windows.length, 1);
  }
  sums.finish();
  return sums;
}

void WalkTest::compareAll(double tolerance, const Work &then) {
  WeightStore store(*module, folder, 1);
  int stages = 0;
  CalibrationOptions options;
  options.threads = 2;
  auto work = [&](const CalibrationStage &stage, StatisticsSource &source,
                  const InputStatistics &got) {
    ++stages;
    LinearOp linear;
    module->walk([&](LinearOp op) {
      if (op.readsKeptColumns())
        return;
      StringRef name = op.getWeight().getDefiningOp<GetWeightOp>().getWeight();
      if (checkpointWeight(store.find(name)) == stage.linears.back())
        linear = op;
    });
    InputStatistics want = reference(linear, store);
    EXPECT_EQ(got.tokens, want.tokens);
    EXPECT_EQ(cantFail(source.inputOf(stage.linears.back())), &got);
    double largest = 0;
    for (float x : want.gram)
      largest = std::max<double>(largest, std::fabs(x));
    // Factors of moments are rounded to bf16 where that is quicker: inputs that
    // differ in the last bits may fall on different sides.
    const double rounding = multipliesBf16() ? 5e-4 : 0;
    for (size_t i = 0; i < want.gram.size(); ++i)
      EXPECT_NEAR(got.gram[i], want.gram[i], (tolerance + rounding) * largest)
          << stage.input << " " << i;
    for (int64_t c = 0; c < want.columns; ++c) {
      EXPECT_NEAR(got.sumAbs[c], want.sumAbs[c],
                  tolerance * (1 + want.sumAbs[c]));
      EXPECT_NEAR(got.maxAbs[c], want.maxAbs[c],
                  tolerance * (1 + want.maxAbs[c]));
    }
    return then ? then(source, store) : llvm::Error::success();
  };
  llvm::Error error = walkStages(
      *module, store, windows, options,
      [](StringRef name) { return name.contains(".layers."); }, work);
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  // q/k/v, o, gate/up and down of each layer.
  EXPECT_EQ(stages % 4, 0);
  EXPECT_GT(stages, 4);
}

TEST_F(WalkTest, FloatLayersGiveWhatTheInterpreterSays) { compareAll(1e-4); }

TEST_F(WalkTest, QuantizedLayersGiveWhatTheInterpreterSays) {
  QuantizeOptions options;
  options.weights.scheme = "int4-g0";
  quantize(*module, options);
  // Activations that fall on the other side of a half are off by one code.
  compareAll(1e-2);
}

/// What a pass makes of linears at the stop is run from there on: splits and
/// sums that were not there when the stretch was planned.
TEST_F(WalkTest, SplitLayersGiveWhatTheInterpreterSays) {
  QuantizeOptions options;
  options.weights.scheme = "int4-g0";
  PassManager assign(&context);
  buildSchemeAssignment(assign, options);
  ASSERT_TRUE(succeeded(assign.run(*module)));
  std::unique_ptr<SearchResults> results;
  auto split = [&](StatisticsSource &source, WeightStore &store) {
    if (!results)
      results = cantFail(
          SearchResults::create(store, testing::TempDir() + "/walk.lqcw", 100));
    SearchContext search{source, store, *results, 1};
    PassManager manager(&context);
    manager.addPass(createProtectSalientPass(search, 10));
    EXPECT_TRUE(succeeded(manager.run(*module)));
    return llvm::Error::success();
  };
  compareAll(1e-4, split);
  int splits = 0;
  module->walk([&](SplitColumnsOp op) {
    splits += op->getParentOp()->hasAttr(kLayerAttrName);
  });
  EXPECT_EQ(splits, 8);
}
