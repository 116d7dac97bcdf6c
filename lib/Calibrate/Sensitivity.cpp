//===- Sensitivity.cpp - what rounding a weight costs ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Sensitivity.h"

#include "lib/Calibrate/ModelRunner.h"
#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

/// Logits of the reference that are held at once, in bytes, if those of one
/// window are not more.
static constexpr uint64_t kLogitBytes = 256 << 20;

namespace {
/// What running models takes.
struct Machine {
  std::unique_ptr<KernelJit> jit;
  std::unique_ptr<lqc_pool> pool;

  static llvm::Expected<Machine> create(MLIRContext *context,
                                        unsigned threads) {
    auto jit = KernelJit::create(context);
    if (!jit)
      return jit.takeError();
    std::string error;
    std::unique_ptr<lqc_pool> pool = lqc_pool::create(int(threads), error);
    if (!pool)
      return makeError("{0}", error);
    return Machine{std::move(*jit), std::move(pool)};
  }
};

/// Logits of a model on windows, to be compared with.
class ReferenceLogits {
public:
  ReferenceLogits(const CalibrationWindows &windows, unsigned threads)
      : windows(windows), threads(threads) {}

  /// Runs the model to the end.
  llvm::Error take(ModelRunner runner);
  /// Runs another one, and gives the divergence of each token to `add`, window
  /// by window.
  llvm::Error compare(ModelRunner runner,
                      llvm::function_ref<void(ArrayRef<double>)> add) const;

private:
  const CalibrationWindows &windows;
  unsigned threads;
  std::vector<std::vector<float>> logits; ///< (windows)(length, vocabulary)
};
} // namespace

llvm::Error ReferenceLogits::take(ModelRunner runner) {
  return runner.finish([&](int64_t, ArrayRef<float> rows) {
    logits.push_back(rows.vec());
    return llvm::Error::success();
  });
}

llvm::Error
ReferenceLogits::compare(ModelRunner runner,
                         llvm::function_ref<void(ArrayRef<double>)> add) const {
  std::vector<double> divergences(windows.length);
  return runner.finish([&](int64_t window,
                           ArrayRef<float> rows) -> llvm::Error {
    const std::vector<float> &expected = logits[window];
    const int64_t vocabulary = rows.size() / windows.length;
    if (rows.size() != expected.size())
      return makeError("both models must have the same vocabulary");
    parallelFor(0, windows.length, threads, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t)
        divergences[t] =
            scoreToken(rows.slice(t * vocabulary, vocabulary),
                       ArrayRef(expected).slice(t * vocabulary, vocabulary), 0)
                .kl;
    });
    for (double divergence : divergences)
      if (!std::isfinite(divergence))
        return makeError("logits must be finite numbers");
    add(divergences);
    return llvm::Error::success();
  });
}

/// So many windows that the reference's logits fit.
static int64_t windowsAtOnce(ModuleOp module,
                             const CalibrationWindows &windows) {
  func::FuncOp forward = module.lookupSymbol<func::FuncOp>(kForwardName);
  RankedTensorType type =
      forward && forward.getNumResults()
          ? dyn_cast<RankedTensorType>(forward.getResultTypes().front())
          : RankedTensorType();
  uint64_t vocabulary = type && type.getRank() == 2 ? type.getDimSize(1) : 1;
  uint64_t bytes = windows.length * vocabulary * sizeof(float);
  return std::max<int64_t>(1, kLogitBytes / bytes);
}

static CalibrationWindows part(const CalibrationWindows &windows, int64_t first,
                               int64_t count) {
  CalibrationWindows result;
  result.count = std::min(count, windows.count - first);
  result.length = windows.length;
  ArrayRef<int32_t> tokens =
      ArrayRef(windows.tokens)
          .slice(first * windows.length, result.count * windows.length);
  result.tokens = tokens.vec();
  return result;
}

llvm::Expected<Figure>
lqc::measureDivergence(RunnableModel reference, RunnableModel candidate,
                       const CalibrationWindows &windows,
                       const DivergenceOptions &options) {
  llvm::Expected<Machine> machine =
      Machine::create(reference.module.getContext(), options.threads);
  if (!machine)
    return machine.takeError();
  const int64_t step = windowsAtOnce(reference.module, windows);
  BlockMean mean;
  for (int64_t first = 0; first < windows.count; first += step) {
    CalibrationWindows batch = part(windows, first, step);
    ReferenceLogits expected(batch, options.threads);
    if (llvm::Error error =
            expected.take(ModelRunner(reference.module, reference.weights,
                                      *machine->jit, *machine->pool, batch)))
      return std::move(error);
    auto add = [&](ArrayRef<double> divergences) {
      for (double divergence : divergences)
        mean.add(divergence);
      mean.endBlock();
      if (options.progress)
        options.progress(divergences.size());
    };
    if (llvm::Error error =
            expected.compare(ModelRunner(candidate.module, candidate.weights,
                                         *machine->jit, *machine->pool, batch),
                             add))
      return std::move(error);
  }
  return meanFigure(mean);
}

//===----------------------------------------------------------------------===//
// Sensitivities
//===----------------------------------------------------------------------===//

/// Of the largest error of a weight, at which the second probe is taken: two
/// bits more.
static constexpr double kSecondProbe = 1.0 / 16;

namespace {
/// A measured point: output error and divergence.
struct Probe {
  double error, kl;
};

/// A weight rounded to one of its schemes.
struct Rounded {
  double error = 0; ///< squared, of the outputs of one token
  std::vector<float> values;
};

/// One walk over the linears of layers.
class SensitivityWalk {
public:
  SensitivityWalk(RunnableModel model, const CalibrationWindows &windows,
                  const SensitivityOptions &options, Machine &machine)
      : model(model), windows(windows), options(options), machine(machine),
        expected(windows, options.threads) {}

  llvm::Error run();
  std::vector<Sensitivity> takeResults() { return std::move(results); }

private:
  llvm::Error measure(LinearOp linear, ArrayRef<double> meanSquares,
                      const ModelRunner &runner);
  llvm::Expected<Rounded> round(WeightOp weight, const Scheme &scheme,
                                ArrayRef<double> meanSquares);
  llvm::Expected<Probe> probe(LinearOp linear, ArrayRef<Scheme> choices,
                              ArrayRef<double> errors, double wanted,
                              const ModelRunner &runner);
  WeightOp weightOf(LinearOp linear) const {
    return model.weights.find(
        linear.getWeight().getDefiningOp<GetWeightOp>().getWeight());
  }

  RunnableModel model;
  const CalibrationWindows &windows;
  const SensitivityOptions &options;
  Machine &machine;
  ReferenceLogits expected;
  std::vector<Sensitivity> results;
};
} // namespace

static std::vector<double> meanSquaresOf(const Stage &stage,
                                         ModelRunner &runner,
                                         const CalibrationWindows &windows) {
  InputStatistics statistics(stage.columns);
  for (int64_t window = 0; window < windows.count; ++window)
    statistics.add(runner.rows(stage.input, window), windows.length,
                   /*threads=*/1);
  std::vector<double> squares = statistics.sumSquare;
  for (double &square : squares)
    square /= double(statistics.tokens);
  return squares;
}

llvm::Error SensitivityWalk::run() {
  ModelRunner runner(model.module, model.weights, *machine.jit, *machine.pool,
                     windows);
  if (llvm::Error error = expected.take(runner))
    return error;
  llvm::DenseSet<Operation *> visited;
  auto isNext = [&](LinearOp linear) {
    return !visited.contains(linear) && !options.choicesOf(linear).empty();
  };
  while (true) {
    llvm::Expected<Stage> stage = runner.advance(isNext);
    if (!stage)
      return stage.takeError();
    if (!*stage)
      return llvm::Error::success();
    std::vector<double> squares = meanSquaresOf(*stage, runner, windows);
    for (LinearOp linear : stage->linears) {
      visited.insert(linear);
      if (llvm::Error error = measure(linear, squares, runner))
        return error;
    }
  }
}

/// Without mean squares, there is no error.
llvm::Expected<Rounded> SensitivityWalk::round(WeightOp weight,
                                               const Scheme &scheme,
                                               ArrayRef<double> meanSquares) {
  RankedTensorType type = weight.getTensorType();
  llvm::Expected<TensorValue> value = readTensor(weight, model.weights);
  if (!value)
    return value.takeError();
  const std::vector<float> &floats = value->floats();
  llvm::Expected<QuantizedTensor> codes =
      quantize(floats, type.getDimSize(0), type.getDimSize(1), scheme,
               ClipSearch::None, options.threads);
  if (!codes)
    return prefixError("weight @" + weight.getSymName(), codes.takeError());
  Rounded result;
  result.values = dequantize(*codes);
  for (size_t i = 0; !meanSquares.empty() && i < floats.size(); ++i) {
    double difference = double(result.values[i]) - double(floats[i]);
    result.error +=
        difference * difference * meanSquares[i % meanSquares.size()];
  }
  return result;
}

/// The divergence at another error. Small ones are proportional to the error;
/// from the second probe to the first, where they are not quite, log KL is
/// linear in log E.
static double estimate(double error, const Probe &first, const Probe &second) {
  if (error == first.error)
    return first.kl;
  bool isCurved = second.error < first.error && second.kl > 0 && first.kl > 0;
  if (error <= second.error || !isCurved)
    return second.error > 0 ? second.kl * error / second.error : 0;
  double slope =
      std::log(first.kl / second.kl) / std::log(first.error / second.error);
  return second.kl * std::pow(error / second.error, slope);
}

/// Measures with the scheme whose error is nearest to `wanted`.
llvm::Expected<Probe> SensitivityWalk::probe(LinearOp linear,
                                             ArrayRef<Scheme> choices,
                                             ArrayRef<double> errors,
                                             double wanted,
                                             const ModelRunner &runner) {
  auto distance = [&](double error) {
    return error > 0 ? std::fabs(std::log(error / wanted)) : HUGE_VAL;
  };
  size_t best = 0;
  for (size_t i = 1; i < errors.size(); ++i)
    if (distance(errors[i]) < distance(errors[best]))
      best = i;
  llvm::Expected<Rounded> rounded =
      round(weightOf(linear), choices[best], /*meanSquares=*/{});
  if (!rounded)
    return rounded.takeError();
  ModelRunner changed(runner);
  changed.substitute(linear, std::move(rounded->values));
  BlockMean mean;
  auto add = [&](ArrayRef<double> divergences) {
    for (double divergence : divergences)
      mean.add(divergence);
  };
  if (llvm::Error error = expected.compare(changed, add))
    return std::move(error);
  return Probe{errors[best], mean.mean()};
}

llvm::Error SensitivityWalk::measure(LinearOp linear,
                                     ArrayRef<double> meanSquares,
                                     const ModelRunner &runner) {
  SmallVector<Scheme> choices = options.choicesOf(linear);
  std::vector<double> errors;
  for (const Scheme &scheme : choices) {
    llvm::Expected<Rounded> rounded =
        round(weightOf(linear), scheme, meanSquares);
    if (!rounded)
      return rounded.takeError();
    errors.push_back(rounded->error);
  }
  Sensitivity &result = results.emplace_back();
  result.weight = weightOf(linear).getSymName().str();
  result.kl.resize(choices.size(), 0.0);
  const double largest = *llvm::max_element(errors);
  if (largest > 0) { // else nothing is lost, whatever the scheme
    llvm::Expected<Probe> first =
        probe(linear, choices, errors, largest, runner);
    if (!first)
      return first.takeError();
    llvm::Expected<Probe> second =
        probe(linear, choices, errors, kSecondProbe * largest, runner);
    if (!second)
      return second.takeError();
    for (auto [error, kl] : llvm::zip(errors, result.kl))
      kl = estimate(error, *first, *second);
  }
  if (options.progress)
    options.progress(result.weight);
  return llvm::Error::success();
}

llvm::Expected<std::vector<Sensitivity>>
lqc::measureSensitivities(RunnableModel model,
                          const CalibrationWindows &windows,
                          const SensitivityOptions &options) {
  llvm::Expected<Machine> machine =
      Machine::create(model.module.getContext(), options.threads);
  if (!machine)
    return machine.takeError();
  CalibrationWindows some =
      part(windows, 0, windowsAtOnce(model.module, windows));
  SensitivityWalk walk(model, some, options, *machine);
  if (llvm::Error error = walk.run())
    return std::move(error);
  return walk.takeResults();
}
