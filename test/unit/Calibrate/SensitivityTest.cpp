//===- SensitivityTest.cpp - what rounding costs, against the interpreter -===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Sensitivity.h"

#include "ModelFixture.h"

#include "lqc/Interpreter/Interpreter.h"

#include <numeric>

using namespace mlir;
using namespace lqc;

namespace {
class SensitivityTest : public ModelFixture {
protected:
  SensitivityTest() { windows = cantFail(spreadWindows(tokens(60), 4, 12)); }

  /// A copy of the model with weights rounded as `options` say.
  OwningOpRef<ModuleOp> quantized(const QuantizeOptions &options) {
    OwningOpRef<ModuleOp> copy = module->clone();
    quantize(*copy, options);
    return copy;
  }
  Figure divergence(ModuleOp candidate, unsigned threads = 2) {
    WeightStore before(*module, folder, 1), after(candidate, folder, 1);
    return cantFail(measureDivergence({*module, before}, {candidate, after},
                                      windows, {threads, nullptr}));
  }
  std::vector<Sensitivity> sensitivities(ArrayRef<StringRef> schemes,
                                         unsigned threads = 2);
  /// Logits of all windows, by the reference interpreter.
  std::vector<float> logits(ModuleOp candidate);
};
} // namespace

std::vector<float> SensitivityTest::logits(ModuleOp candidate) {
  WeightStore store(candidate, folder, 1);
  Interpreter interpreter(candidate, store, 1);
  std::vector<int32_t> positions(windows.length), slots(windows.length, 0);
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<float> all;
  for (int64_t window = 0; window < windows.count; ++window) {
    interpreter.reset();
    ArrayRef<int32_t> tokens =
        ArrayRef(windows.tokens).slice(window * windows.length, windows.length);
    llvm::append_range(
        all, cantFail(interpreter.step(tokens, positions, slots, positions)));
  }
  return all;
}

std::vector<Sensitivity>
SensitivityTest::sensitivities(ArrayRef<StringRef> schemes, unsigned threads) {
  WeightStore store(*module, folder, 1);
  SensitivityOptions options;
  options.threads = threads;
  auto choicesOf = [&](LinearOp linear) {
    SmallVector<Scheme> choices;
    if (linear->getParentOp()->hasAttr(kLayerAttrName))
      for (StringRef scheme : schemes)
        choices.push_back(*parseScheme(scheme));
    return choices;
  };
  options.choicesOf = choicesOf;
  return cantFail(measureSensitivities({*module, store}, windows, options));
}

TEST_F(SensitivityTest, AModelDoesNotDivergeFromItself) {
  Figure figure = divergence(*module);
  EXPECT_LT(figure.value, 1e-12);
}

TEST_F(SensitivityTest, DivergenceIsThatOfTheInterpretersLogits) {
  QuantizeOptions options;
  options.weights.scheme = "int2-g0";
  options.weights.embedding = "int4-g0";
  options.weights.head = "int8-g0";
  options.activations = ActivationType::F32;
  OwningOpRef<ModuleOp> rounded = quantized(options);
  std::vector<float> p = logits(*module), q = logits(*rounded);
  const int64_t tokens = windows.count * windows.length;
  const int64_t vocabulary = p.size() / tokens;
  double sum = 0;
  for (int64_t t = 0; t < tokens; ++t)
    sum += scoreToken(ArrayRef(q).slice(t * vocabulary, vocabulary),
                      ArrayRef(p).slice(t * vocabulary, vocabulary), 0)
               .kl;
  Figure figure = divergence(*rounded);
  EXPECT_GT(figure.value, 1e-4);
  EXPECT_NEAR(figure.value, sum / tokens, 1e-4 * sum / tokens);
  ASSERT_TRUE(figure.interval);
  EXPECT_LE(figure.interval->low, figure.value);
  EXPECT_EQ(figure.value, divergence(*rounded, /*threads=*/1).value);
}

TEST_F(SensitivityTest, AreWhatRoundingOneWeightCosts) {
  // Both schemes are measured, so nothing is estimated.
  const StringRef schemes[] = {"int2-g0", "int4-g0"};
  std::vector<Sensitivity> found = sensitivities({"int2-g0", "int4-g0"});
  ASSERT_EQ(found.size(), 14u); // seven linears in each of two layers
  for (size_t index : {size_t(0), size_t(6), found.size() - 1}) {
    for (auto [scheme, kl] : llvm::zip(schemes, found[index].kl)) {
      QuantizeOptions options;
      options.weights.overrides.push_back(found[index].weight + "=" +
                                          scheme.str());
      options.activations = ActivationType::F32;
      OwningOpRef<ModuleOp> rounded = quantized(options);
      double expected = divergence(*rounded).value;
      EXPECT_NEAR(kl, expected, 1e-5 * expected)
          << found[index].weight << " " << scheme.str();
    }
  }
}

TEST_F(SensitivityTest, EstimatesBetweenMeasurementsAreNear) {
  std::vector<Sensitivity> three =
      sensitivities({"int2-g0", "int3-g0", "int4-g0", "int8-g0"});
  std::vector<Sensitivity> measured = sensitivities({"int3-g0"});
  for (auto [estimate, exact] : llvm::zip(three, measured)) {
    EXPECT_EQ(estimate.weight, exact.weight);
    EXPECT_GT(estimate.kl[1], 0.5 * exact.kl[0]) << exact.weight;
    EXPECT_LT(estimate.kl[1], 2.0 * exact.kl[0]) << exact.weight;
    EXPECT_LT(estimate.kl[3], estimate.kl[2]) << exact.weight;
  }
}

TEST_F(SensitivityTest, DoNotDependOnThreads) {
  std::vector<Sensitivity> one = sensitivities({"int2-g0", "int5-g0"}, 1);
  std::vector<Sensitivity> three = sensitivities({"int2-g0", "int5-g0"}, 3);
  ASSERT_EQ(one.size(), three.size());
  for (auto [a, b] : llvm::zip(one, three))
    EXPECT_EQ(a.kl, b.kl) << a.weight;
}

TEST_F(SensitivityTest, NothingToChooseIsNoWork) {
  EXPECT_TRUE(sensitivities({}).empty());
}
