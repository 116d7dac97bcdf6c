//===- BitBudget.h - schemes chosen under a budget --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A budget is over the weights of the layers' linears, in bytes that they
// really take: codes, scales, zero points. What a weight loses with each scheme
// stands in its attribute `lqc.sensitivities`. Losses add up while they are
// small; so the choice is a knapsack problem (lqc/Numerics/Allocation.h).
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_BITBUDGET_H
#define LQC_PASSES_QUANTIZE_BITBUDGET_H

#include "dialects/LQC/LQC.h"
#include "lqc/Numerics/Allocation.h"

namespace lqc {

/// On a weight: {"int2-g64" = 0.01 : f64, …}, the KL divergence in nats a token
/// that rounding this weight alone to each scheme is expected to cause.
inline constexpr llvm::StringLiteral kSensitivitiesAttrName =
    "lqc.sensitivities";

/// A weight that a budget may give a scheme.
struct BudgetTarget {
  WeightOp weight;
  llvm::SmallVector<SchemeAttr> schemes; ///< those it can take, at least one
};

/// The weights of the layers' linears whose scheme is open: neither an override
/// nor an attribute `lqc.scheme` names one. A weight that can take none of
/// `schemes` is left out with a warning that says why, with `strict` an error.
mlir::FailureOr<llvm::SmallVector<BudgetTarget>>
findBudgetTargets(mlir::ModuleOp module, llvm::ArrayRef<SchemeAttr> schemes,
                  llvm::ArrayRef<std::string> overrides, bool strict);

/// What one weight gets.
struct BudgetRow {
  std::string weight;
  SchemeAttr scheme; ///< null: the weight stays as it is
  std::string type;  ///< the scheme's name, or the stored type's
  uint64_t elements = 0, bytes = 0;
  double kl = 0; ///< expected; 0 if the scheme was not open
};

/// The choice of schemes in one module.
class BitBudget {
public:
  /// Reads `lqc.sensitivities`. Weights without are counted as they are, or
  /// with their `lqc.scheme`. Fails, with a diagnostic, if an attribute is
  /// malformed, if no weight has one, or if a weight cannot take a scheme.
  static mlir::FailureOr<BitBudget> of(mlir::ModuleOp module);

  /// What is wrong with a budget ("must be from 2.250 to 8.250 with these
  /// schemes, got: 9"), or "".
  std::string bitsProblem(double bits) const;
  std::string klProblem(double kl) const;

  /// Bits a weight, on average.
  double bitsOf(uint64_t bytes) const {
    return 8.0 * double(bytes) / double(elements);
  }

  /// The least loss with at most so many bits a weight; nothing if no choice is
  /// as small.
  std::optional<Allocation> withinBits(double bits) const;
  /// The fewest bytes with at most this loss; nothing if all choices lose more.
  std::optional<Allocation> withinKl(double kl) const {
    return front->smallestWithin(kl);
  }
  /// The choice that loses least.
  Allocation best() const { return *front->cheapestWithin(mostBytes); }

  /// Each weight of the layers' linears, in the order of the module.
  std::vector<BudgetRow> rows(const Allocation &allocation) const;

  /// Writes `lqc.scheme` on the weights of `module`, which is the one given to
  /// of() or its copy, and removes `lqc.sensitivities`.
  void assign(mlir::ModuleOp module, const Allocation &allocation) const;
  /// Makes each choice a remark. `module`: the one given to of().
  void report(mlir::ModuleOp module, const Allocation &allocation) const;

private:
  mlir::LogicalResult add(WeightOp weight);
  mlir::LogicalResult addChoices(WeightOp weight,
                                 mlir::DictionaryAttr sensitivities);

  std::vector<std::vector<BudgetRow>> choices; ///< of each weight
  uint64_t elements = 0, leastBytes = 0, mostBytes = 0;
  std::optional<AllocationFront> front;
};

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_BITBUDGET_H
