//===- BudgetSearch.cpp - spending a budget -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Budget.h"

#include "lib/Driver/Calibration.h"
#include "lib/Driver/Paths.h"
#include "lqc/Calibrate/Sensitivity.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"
#include "passes/Quantize/BitsReport.h"
#include "passes/Quantize/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

/// Windows of what was held out, at most: on `bard-llama` an interval of 3 %.
static constexpr int64_t kHeldOutWindows = 128;

/// Windows that sensitivities are measured on: 16, and fewer for models of more
/// than 268 M weights, where each weight has more numbers to average over and
/// each run takes longer.
static int64_t sensitivityWindows(uint64_t weights) {
  return std::clamp<int64_t>((int64_t(1) << 32) / int64_t(weights), 4, 16);
}

/// The measured KL is aimed at this part of the limit, and is good enough from
/// kGoodEnough on: a tenth of KL is some 2 % of the size.
static constexpr double kAim = 0.97, kGoodEnough = 0.94;
static constexpr int kMaxRounds = 6;

/// What GPTQ loses of what rounding to nearest does (docs/performance.md): a
/// first guess, corrected by what is measured.
static constexpr double kGptqGuess = 0.4;

namespace {
/// A choice of schemes that was tried.
struct Trial {
  Allocation allocation;
  Model model; ///< quantized
  Figure measured;

  double kl() const { return measured.value; }
  /// A weight of the layers' linears, with all that methods have added.
  double bits() const {
    ModuleOp module = model.module.get();
    return BitsReport::of(module).of(WeightClass::Layers).bitsPerWeight();
  }
};

/// One run of a budget.
class BudgetSearch {
public:
  BudgetSearch(Session &session, Model &model, const Plan &plan, StringRef name)
      : session(session), model(model), plan(plan), name(name),
        threads(session.threads() ? session.threads() : hardwareThreads()) {}

  llvm::Error run();

private:
  llvm::Error findTargets();
  llvm::Error readTexts();
  llvm::Error measureWeights();
  void setSensitivities(llvm::function_ref<double(WeightOp, size_t)> kl);
  llvm::Expected<BitBudget> readBudget();
  llvm::Expected<Trial> tryOut(const Allocation &allocation);
  llvm::Expected<Figure> measure(Model &candidate);
  llvm::Expected<Trial> searchBits();
  llvm::Expected<Trial> searchKl();
  bool wasTried(const Allocation &allocation) const;
  double nextLoss(double loss, double measured) const;
  llvm::Error adopt(Trial trial);

  Session &session;
  Model &model;
  const Plan &plan;
  StringRef name;
  unsigned threads;
  SmallVector<BudgetTarget> targets;
  CalibrationWindows some, heldOut;
  std::optional<BitBudget> budget;
  std::vector<std::pair<Allocation, double>> tried; ///< with measured KL
};
} // namespace

/// Weights with an override keep its scheme, but count.
llvm::Error BudgetSearch::findTargets() {
  if (llvm::Error error = session.run(
          *model.module, "the choice of schemes", [&](OpPassManager &manager) {
            buildSchemeAssignment(manager, plan.phases.quantize);
          }))
    return error;
  llvm::Error error =
      session.check("the choice of weights", [&]() -> LogicalResult {
        auto found = findBudgetTargets(*model.module, plan.budget.schemes,
                                       plan.phases.quantize.weights.overrides,
                                       plan.phases.quantize.weights.strict);
        if (succeeded(found))
          targets = std::move(*found);
        return found;
      });
  if (error)
    return error;
  if (targets.empty())
    return makeError(
        "{0}: no weight of a layer can take one of the schemes {1}", name,
        schemesText(plan.budget));
  return llvm::Error::success();
}

void BudgetSearch::setSensitivities(
    llvm::function_ref<double(WeightOp, size_t)> kl) {
  Builder builder(session.context());
  for (BudgetTarget &target : targets) {
    SmallVector<NamedAttribute> entries;
    for (auto [index, scheme] : llvm::enumerate(target.schemes))
      entries.push_back(builder.getNamedAttr(
          schemeName(scheme.getValue()),
          builder.getF64FloatAttr(kl(target.weight, index))));
    target.weight->setAttr(kSensitivitiesAttrName,
                           builder.getDictionaryAttr(entries));
  }
}

llvm::Expected<BitBudget> BudgetSearch::readBudget() {
  std::optional<BitBudget> result;
  if (llvm::Error error = session.check("the budget", [&]() -> LogicalResult {
        FailureOr<BitBudget> read = BitBudget::of(*model.module);
        if (succeeded(read))
          result = std::move(*read);
        return read;
      }))
    return std::move(error);
  return std::move(*result);
}

llvm::Error BudgetSearch::readTexts() {
  llvm::Expected<CalibrationWindows> drawn =
      readWindows(model, plan.calibration, name);
  if (!drawn)
    return drawn.takeError();
  some = std::move(*drawn);
  uint64_t weights = 1;
  for (BudgetTarget &target : targets)
    weights += target.weight.getTensorType().getNumElements();
  some.count = std::min(some.count, sensitivityWindows(weights));
  some.tokens.resize(some.count * some.length);
  llvm::Expected<CalibrationWindows> kept =
      readHeldOut(model, plan.calibration, name, kHeldOutWindows);
  if (!kept)
    return kept.takeError();
  heldOut = std::move(*kept);
  return llvm::Error::success();
}

llvm::Error BudgetSearch::measureWeights() {
  llvm::StringMap<BudgetTarget *> byName;
  uint64_t total = 0;
  for (BudgetTarget &target : targets) {
    byName[target.weight.getSymName()] = &target;
    total += weightBytes(target.weight.getTensorType());
  }
  Progress progress("sensitivities", total);
  SensitivityOptions options;
  options.threads = threads;
  auto choicesOf = [&](LinearOp linear) {
    SmallVector<Scheme> schemes;
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (BudgetTarget *target = read ? byName.lookup(read.getWeight()) : nullptr)
      for (SchemeAttr scheme : target->schemes)
        schemes.push_back(scheme.getValue());
    return schemes;
  };
  auto advance = [&](StringRef weight) {
    progress.setItem(weight);
    WeightOp op = byName.lookup(weight)->weight;
    progress.advance(weightBytes(op.getTensorType()));
  };
  options.choicesOf = choicesOf;
  options.progress = advance;
  WeightStore store(*model.module, model.root, threads);
  llvm::Expected<std::vector<Sensitivity>> measured =
      measureSensitivities({*model.module, store}, some, options);
  if (!measured)
    return measured.takeError();
  // A weight that several linears read loses with each of them.
  llvm::StringMap<std::vector<double>> losses;
  for (const Sensitivity &sensitivity : *measured) {
    std::vector<double> &sum = losses[sensitivity.weight];
    sum.resize(sensitivity.kl.size(), 0.0);
    for (auto [total, kl] : llvm::zip(sum, sensitivity.kl))
      total += kl;
  }
  setSensitivities([&](WeightOp weight, size_t index) {
    return losses[weight.getSymName()][index];
  });
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Trying
//===----------------------------------------------------------------------===//

llvm::Expected<Figure> BudgetSearch::measure(Model &candidate) {
  WeightStore before(*model.module, model.root, threads);
  WeightStore after(*candidate.module, candidate.root, threads);
  Progress progress("divergence", heldOut.tokens.size(),
                    Progress::Unit::Tokens);
  auto advance = [&](uint64_t tokens) { progress.advance(tokens); };
  return measureDivergence({*model.module, before}, {*candidate.module, after},
                           heldOut, {threads, advance});
}

/// Quantizes a copy of the model, whose sidecar is a temporary one.
llvm::Expected<Trial> BudgetSearch::tryOut(const Allocation &allocation) {
  Trial trial{allocation, {model.module->clone(), model.root}, {}};
  budget->assign(*trial.model.module, allocation);
  Plan round = plan;
  round.keepsSidecar = false;
  if (!plan.sidecar.empty())
    round.sidecar = plan.sidecar + ".round" + std::to_string(tried.size());
  if (llvm::Error error = quantize(session, trial.model, round, name))
    return std::move(error);
  llvm::Expected<Figure> measured = measure(trial.model);
  if (!measured)
    return measured.takeError();
  trial.measured = *measured;
  tried.emplace_back(allocation, trial.kl());
  return std::move(trial);
}

bool BudgetSearch::wasTried(const Allocation &allocation) const {
  return llvm::any_of(tried, [&](const auto &trial) {
    return trial.first.choices == allocation.choices;
  });
}

/// The loss to allow next: log KL is nearly linear in the log of the expected
/// loss, between the largest that met the limit and the smallest that did not.
double BudgetSearch::nextLoss(double loss, double measured) const {
  const double aim = kAim * *plan.budget.maxKl;
  const std::pair<Allocation, double> *below = nullptr, *above = nullptr;
  for (const auto &trial : tried) {
    if (trial.second <= *plan.budget.maxKl) {
      if (!below || trial.first.cost > below->first.cost)
        below = &trial;
    } else if (!above || trial.first.cost < above->first.cost) {
      above = &trial;
    }
  }
  if (!below || !above || below->second <= 0 ||
      below->first.cost >= above->first.cost)
    return loss * std::clamp(aim / std::max(measured, 1e-12), 0.02, 50.0);
  double part =
      std::log(aim / below->second) / std::log(above->second / below->second);
  return below->first.cost *
         std::pow(above->first.cost / below->first.cost, part);
}

/// Methods may add to what was chosen (protected channels). What they add
/// hardly depends on the choice, so it is taken off the budget.
llvm::Expected<Trial> BudgetSearch::searchBits() {
  const double limit = *plan.budget.bitsPerWeight;
  double left = limit;
  while (std::optional<Allocation> allocation = budget->withinBits(left)) {
    llvm::Expected<Trial> trial = tryOut(*allocation);
    if (!trial || trial->bits() <= limit + 1e-9)
      return trial;
    left -= trial->bits() - limit;
  }
  return makeError("--{0} leaves no room for what the methods add: {1} bits a "
                   "weight",
                   budgetText(plan.budget), formatFixed(limit - left, 3));
}

llvm::Expected<Trial> BudgetSearch::searchKl() {
  const double limit = *plan.budget.maxKl;
  std::optional<Trial> best;
  double loss = limit * kAim;
  if (plan.phases.quantize.uses(SearchMethod::Gptq))
    loss /= kGptqGuess;
  for (int round = 0; round < kMaxRounds; ++round) {
    Allocation allocation = budget->withinKl(loss).value_or(budget->best());
    if (wasTried(allocation))
      break;
    llvm::Expected<Trial> trial = tryOut(allocation);
    if (!trial)
      return trial.takeError();
    double measured = trial->kl();
    if (measured <= limit &&
        (!best || allocation.bytes < best->allocation.bytes))
      best = std::move(*trial);
    if (measured <= limit && measured >= kGoodEnough * limit)
      break;
    loss = nextLoss(loss, measured);
  }
  if (best)
    return std::move(*best);
  if (!wasTried(budget->best())) {
    llvm::Expected<Trial> trial = tryOut(budget->best());
    if (!trial || trial->kl() <= limit)
      return trial;
  }
  Allocation most = budget->best();
  return errorWithHint("--" + budgetText(plan.budget) +
                           " cannot be met: with " +
                           formatFixed(budget->bitsOf(most.bytes), 3) +
                           " bits a weight the KL divergence is " +
                           formatFixed(tried.back().second, 6),
                       "a larger one, or other --schemes");
}

/// The trial becomes the model, and its sidecar what the plan wants.
llvm::Error BudgetSearch::adopt(Trial trial) {
  budget->report(*model.module, trial.allocation);
  auto report = std::make_shared<BudgetReport>();
  report->plan = plan.budget;
  report->rows = budget->rows(trial.allocation);
  report->bits = trial.bits();
  report->expected = trial.allocation.cost;
  report->measured = trial.measured;
  report->tokens = int64_t(heldOut.tokens.size());
  report->rounds = int(tried.size());
  model = std::move(trial.model);
  model.budget = std::move(report);
  if (!plan.keepsSidecar || !model.searchFile)
    return llvm::Error::success();
  std::string temporary = model.searchFile->name();
  if (!llvm::sys::fs::exists(temporary)) // nothing was found
    return llvm::Error::success();
  if (std::error_code code = model.searchFile->keepAs(plan.sidecar))
    return makeError("{0}: {1}", plan.sidecar, code.message());
  renameFile(*model.module, model.root, temporary, plan.sidecar);
  return llvm::Error::success();
}

llvm::Error BudgetSearch::run() {
  if (llvm::Error error = findTargets())
    return error;
  if (plan.budget.bitsPerWeight) {
    // Sizes are known at once, losses are not.
    setSensitivities([](WeightOp, size_t) { return 0.0; });
    llvm::Expected<BitBudget> sizes = readBudget();
    if (!sizes)
      return sizes.takeError();
    std::string problem = sizes->bitsProblem(*plan.budget.bitsPerWeight);
    if (!problem.empty())
      return errorWithHint("--bits-per-weight " + problem,
                           "a number in this range, or other --schemes");
  }
  if (llvm::Error error = readTexts())
    return error;
  if (llvm::Error error = measureWeights())
    return error;
  llvm::Expected<BitBudget> read = readBudget();
  if (!read)
    return read.takeError();
  budget = std::move(*read);
  llvm::Expected<Trial> trial = plan.budget.maxKl ? searchKl() : searchBits();
  if (!trial)
    return trial.takeError();
  return adopt(std::move(*trial));
}

llvm::Error lqc::spendBudget(Session &session, Model &model, const Plan &plan,
                             StringRef name) {
  if (isGraph(*model.module))
    return makeError("{0}: {1} is for language models: it weighs what schemes "
                     "do to their logits, and this is a graph",
                     name,
                     plan.budget.maxKl ? "--max-kl" : "--bits-per-weight");
  return BudgetSearch(session, model, plan, name).run();
}
