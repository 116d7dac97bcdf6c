//===- Budget.h - schemes chosen under a budget -----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What --bits-per-weight and --max-kl do in place of one scheme for all:
//
//   1. measure what rounding each weight alone to each scheme would lose
//      (lqc/Calibrate/Sensitivity.h), on the calibration text;
//   2. choose schemes under the budget (passes/Quantize/BitBudget.h);
//   3. quantize a copy of the model by the methods that were asked for;
//   4. measure what it really lost, on the part of the text that was held out.
//
// With --max-kl, 2 to 4 are repeated: methods lose less than rounding to
// nearest does, by a factor that only measuring tells. The loss that the choice
// is given is corrected until the measured one is just below the limit.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_BUDGET_H
#define LQC_LIB_DRIVER_BUDGET_H

#include "lib/Driver/Model.h"
#include "lqc/Quality/Quality.h"
#include "passes/Quantize/BitBudget.h"

namespace lqc {

/// How a budget was spent.
struct BudgetReport {
  BudgetPlan plan;
  std::vector<BudgetRow> rows; ///< of each weight
  double bits = 0;             ///< a weight, real
  double expected = 0;         ///< KL if all were rounded to nearest
  Figure measured;             ///< KL on what was held out
  int64_t tokens = 0;          ///< on which that was measured
  int rounds = 0;              ///< allocations that were tried
};

/// Checks the options of a budget.
llvm::Expected<BudgetPlan> planBudget(Session &session,
                                      const ModelOptions &options);

/// The option that gives a budget, "--bits-per-weight=3.5", or "".
std::string givenBudget(const ModelOptions &options);

/// "bits-per-weight=3.5", "max-kl=0.01", "none".
std::string budgetText(const BudgetPlan &plan);
/// "int2-g64,int3-g64".
std::string schemesText(const BudgetPlan &plan);

/// Quantizes within the budget, and leaves a report with the model. Errors: the
/// budget is out of reach, with what is possible; those of calibration.
llvm::Error spendBudget(Session &session, Model &model, const Plan &plan,
                        llvm::StringRef name);

/// A table of weights by kind, and what was measured.
void printBudget(const BudgetReport &report, llvm::raw_ostream &out);

} // namespace lqc

#endif // LQC_LIB_DRIVER_BUDGET_H
