//===- Budget.cpp - options and report of budgets -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Budget.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Table.h"
#include "passes/Quantize/BitsReport.h"
#include "passes/Quantize/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

/// "3.5", "0.01".
static std::string shortNumber(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.10g", value);
  return text;
}

std::string lqc::givenBudget(const ModelOptions &options) {
  if (!options.budget.bitsPerWeight.empty())
    return "--bits-per-weight=" + options.budget.bitsPerWeight;
  if (!options.budget.maxKl.empty())
    return "--max-kl=" + options.budget.maxKl;
  return "";
}

std::string lqc::budgetText(const BudgetPlan &plan) {
  if (plan.bitsPerWeight)
    return "bits-per-weight=" + shortNumber(*plan.bitsPerWeight);
  return plan.maxKl ? "max-kl=" + shortNumber(*plan.maxKl) : "none";
}

std::string lqc::schemesText(const BudgetPlan &plan) {
  return llvm::join(llvm::map_range(plan.schemes,
                                    [](SchemeAttr scheme) {
                                      return schemeName(scheme.getValue());
                                    }),
                    ",");
}

static llvm::Error parseSchemes(Session &session, StringRef text,
                                SmallVector<SchemeAttr> &schemes) {
  for (StringRef name : llvm::split(text, ',')) {
    llvm::Expected<SchemeAttr> scheme =
        parseWeightScheme(session.context(), name);
    if (!scheme)
      return errorWithHint("--schemes: " + llvm::toString(scheme.takeError()),
                           "--schemes=int2-g64,int3-g64,int4-g64");
    if (!*scheme)
      return errorWithHint("--schemes must be names of schemes, got: " +
                               quote(text),
                           "--schemes=int2-g64,int3-g64,int4-g64");
    if (llvm::is_contained(schemes, *scheme))
      return makeError("--schemes: {0} must be given once, got: {1}", name,
                       quote(text));
    schemes.push_back(*scheme);
  }
  return llvm::Error::success();
}

/// Those of 2 to 8 bits that are called like `given`: int2-g64 … int8-g64 for
/// int4-g64, q2_k … q6_k for q4_k.
static SmallVector<SchemeAttr> familyOf(Session &session, StringRef given) {
  SmallVector<SchemeAttr> family;
  size_t digit = given.find_first_of("0123456789");
  for (char bits = '2'; bits <= '8'; ++bits) {
    std::string name = given.str();
    name[digit] = bits;
    llvm::Expected<SchemeAttr> scheme =
        parseWeightScheme(session.context(), name);
    if (scheme)
      family.push_back(*scheme);
    else
      llvm::consumeError(scheme.takeError());
  }
  return family;
}

static llvm::Error chooseSchemes(Session &session, const ModelOptions &options,
                                 SmallVector<SchemeAttr> &schemes) {
  if (!options.budget.schemes.empty())
    return parseSchemes(session, options.budget.schemes, schemes);
  bool isNamed = !options.quantize.empty() && options.quantize != "float";
  StringRef given = isNamed ? StringRef(options.quantize) : "int4-g64";
  schemes = familyOf(session, given);
  if (schemes.size() > 1)
    return llvm::Error::success();
  return errorWithHint(givenBudget(options) +
                           " has nothing to choose from: no "
                           "other scheme is like " +
                           given,
                       "--schemes=int2-g64,int3-g64,int4-g64");
}

/// Reads a number above 0, if there is one.
static llvm::Error parsePositive(StringRef option, StringRef text,
                                 std::optional<double> &number) {
  if (text.empty())
    return llvm::Error::success();
  double value;
  if (text.getAsDouble(value) || !(value > 0) || !std::isfinite(value))
    return makeError("{0} must be a number above 0, got: {1}", option,
                     quote(text));
  number = value;
  return llvm::Error::success();
}

llvm::Expected<BudgetPlan> lqc::planBudget(Session &session,
                                           const ModelOptions &options) {
  BudgetPlan plan;
  const BudgetOptions &given = options.budget;
  if (!given.bitsPerWeight.empty() && !given.maxKl.empty())
    return errorWithHint("--bits-per-weight and --max-kl do not go together",
                         "--bits-per-weight=" + given.bitsPerWeight +
                             ", and lqc eval to see what it loses");
  if (llvm::Error error = parsePositive(
          "--bits-per-weight", given.bitsPerWeight, plan.bitsPerWeight))
    return std::move(error);
  if (llvm::Error error = parsePositive("--max-kl", given.maxKl, plan.maxKl))
    return std::move(error);
  if (!plan.isGiven() && !given.schemes.empty())
    return errorWithHint("--schemes is what a budget chooses from, and none is "
                         "given",
                         "--bits-per-weight=3.5");
  if (!plan.isGiven())
    return plan;
  if (llvm::Error error = chooseSchemes(session, options, plan.schemes))
    return std::move(error);
  return plan;
}

//===----------------------------------------------------------------------===//
// Report
//===----------------------------------------------------------------------===//

/// "model.layers.3.mlp.up_proj.weight" is one of
/// "model.layers.*.mlp.up_proj.weight".
static std::string kindOf(StringRef weight) {
  SmallVector<StringRef> parts;
  weight.split(parts, '.');
  for (StringRef &part : parts)
    if (llvm::all_of(part, llvm::isDigit))
      part = "*";
  return llvm::join(parts, ".");
}

namespace {
/// Weights that a row of the table sums up.
struct KindTotals : WeightTotals {
  double kl = 0;

  void add(const BudgetRow &row) {
    tensors += 1;
    elements += row.elements;
    bytes += row.bytes;
    types[row.type] += 1;
    kl += row.kl;
  }
};
} // namespace

void lqc::printBudget(const BudgetReport &report, llvm::raw_ostream &out) {
  llvm::MapVector<StringRef, KindTotals, llvm::StringMap<unsigned>> kinds;
  KindTotals all;
  std::vector<std::string> names;
  names.reserve(report.rows.size());
  for (const BudgetRow &row : report.rows) {
    names.push_back(kindOf(row.weight));
    kinds[names.back()].add(row);
    all.add(row);
  }
  Table table({"weights", "tensors", "schemes", "bits/weight", "expected KL"});
  auto addRow = [&](StringRef name, const KindTotals &totals,
                    const std::string &types) {
    table.addRow({name.str(), std::to_string(totals.tensors), types,
                  formatFixed(totals.bitsPerWeight(), 3),
                  formatFixed(totals.kl, 6)});
  };
  for (const auto &[name, totals] : kinds)
    addRow(name, totals, totals.typesText());
  table.addRule();
  addRow("all", all, "");
  table.print(out);
  out << "budget " << budgetText(report.plan) << ": "
      << formatFixed(report.bits, 3) << " bits a weight, KL divergence "
      << formatFixed(report.measured.value, 6);
  if (report.measured.interval)
    out << " (95 % interval " << formatFixed(report.measured.interval->low, 6)
        << " to " << formatFixed(report.measured.interval->high, 6) << ")";
  out << "\nmeasured on " << report.tokens
      << " tokens held out of the calibration text; " << report.rounds
      << (report.rounds == 1 ? " choice was" : " choices were")
      << " tried; expected: each weight alone, rounded to nearest\n";
}
