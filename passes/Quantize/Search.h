//===- Search.h - what passes that search work with -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A calibrated method is a pass over the IR that needs three things besides it:
// statistics, the bytes of weights, and a place for what it finds. The driver
// gives them when it walks the layers; a pass that is run alone opens its own,
// from its options.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_SEARCH_H
#define LQC_PASSES_QUANTIZE_SEARCH_H

#include "lqc/Interpreter/SearchResults.h"
#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Statistics/Statistics.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace lqc {

/// Given by whoever runs the pass, and alive as long as it.
struct SearchContext {
  StatisticsSource &statistics;
  WeightStore &weights;
  SearchResults &results;
  unsigned threads;
};

/// The same, opened for one run of a pass in lqc-opt.
class OwnSearch {
public:
  /// Files of `#lqc.file` are looked for beside the module's file. Errors: a
  /// file that cannot be opened; an option that is missing.
  static llvm::Expected<std::unique_ptr<OwnSearch>>
  open(mlir::ModuleOp module, llvm::StringRef statistics,
       llvm::StringRef sidecar);

  SearchContext &context() { return *search; }
  /// Writes the sidecar.
  llvm::Error finish(mlir::ModuleOp module) { return results->finish(module); }

private:
  std::unique_ptr<FileStatistics> statistics;
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<SearchResults> results;
  std::optional<SearchContext> search;
};

/// A linear of a layer that waits for its codes.
struct SearchTarget {
  LinearOp linear;
  WeightOp weight;
  SchemeAttr scheme;      ///< the weight's `lqc.scheme`
  llvm::StringRef source; ///< checkpointWeight(weight)
};

/// The linears of decoder layers whose plain weight has `lqc.scheme`.
llvm::SmallVector<SearchTarget> searchTargets(mlir::ModuleOp module,
                                              mlir::SymbolTable &symbols);

/// The numbers of a plain weight, row-major. Error if one is not finite.
llvm::Expected<std::vector<float>> readWeight(WeightOp weight,
                                              WeightStore &store);

/// Makes the target's linear read `codes`, a new weight behind its old one.
llvm::Error replaceByCodes(const SearchTarget &target,
                           const QuantizedTensor &codes,
                           mlir::SymbolTable &symbols, SearchContext &search);

/// Passes for the driver: with a context of its own, which outlives them.
std::unique_ptr<mlir::Pass> createGptqPass(SearchContext &search);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_SEARCH_H
