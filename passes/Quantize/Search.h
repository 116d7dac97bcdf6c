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
#include "passes/Quantize/Passes.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace lqc {

/// At most so many results are found for each linear: codes, and what several
/// methods say about its input.
inline constexpr uint64_t kResultsPerLinear = 8;

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

/// Runs `work` with the context that the driver has `given`, or with one opened
/// from a pass's options, whose sidecar it then writes.
llvm::Error withSearch(mlir::ModuleOp module, SearchContext *given,
                       llvm::StringRef statistics, llvm::StringRef sidecar,
                       llvm::function_ref<llvm::Error(SearchContext &)> work);

/// What passes that search share: `Base` is a generated one with the options
/// `statistics` and `sidecar`. The context is the driver's, or opened from
/// them.
template <typename Base> class SearchPassBase : public Base {
public:
  using Base::Base;
  SearchPassBase(const SearchPassBase &other) = default;

  void runOnOperation() override {
    llvm::Error error =
        withSearch(this->getOperation(), given, this->statistics, this->sidecar,
                   [&](SearchContext &search) { return run(search); });
    if (!error)
      return;
    this->getOperation().emitError(llvm::toString(std::move(error)));
    this->signalPassFailure();
  }

  virtual llvm::Error run(SearchContext &search) = 0;

protected:
  SearchContext *given = nullptr; ///< by the driver; null in lqc-opt
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

/// Those that read the same value, in the order of the IR.
struct TargetGroup {
  mlir::Value input;
  llvm::SmallVector<SearchTarget> targets;

  /// Named after the first of its linears, like its statistics.
  llvm::StringRef name() const { return targets.front().source; }
};
llvm::SmallVector<TargetGroup> searchInputs(mlir::ModuleOp module,
                                            mlir::SymbolTable &symbols);

/// The linear of the columns that lqc-protect-salient has set apart from those
/// of `linear`, whose outputs are added; null if it has not.
LinearOp keptPartOf(LinearOp linear);

/// The numbers of a plain weight, row-major. Error if one is not finite.
llvm::Expected<std::vector<float>> readWeight(WeightOp weight,
                                              WeightStore &store);

/// Makes the target's linear read `codes`, a new weight behind its old one.
llvm::Error replaceByCodes(const SearchTarget &target,
                           const QuantizedTensor &codes,
                           mlir::SymbolTable &symbols, SearchContext &search);

/// Adds to what the search has found: a new weight of these bytes at `place`.
llvm::Expected<WeightOp>
addResult(const llvm::Twine &name, mlir::RankedTensorType type,
          std::vector<char> bytes, mlir::Block::iterator place,
          mlir::Location loc, mlir::SymbolTable &symbols,
          SearchContext &search);

/// Adds a plain f32 vector to what the search has found, a new weight in front
/// of `before`.
llvm::Expected<WeightOp> addVector(const llvm::Twine &name,
                                   llvm::ArrayRef<float> values,
                                   WeightOp before, mlir::SymbolTable &symbols,
                                   SearchContext &search);

/// Passes for the driver: with a context of its own, which outlives them.
std::unique_ptr<mlir::Pass> createAwqPass(SearchContext &search);
std::unique_ptr<mlir::Pass> createGptqPass(SearchContext &search);
std::unique_ptr<mlir::Pass> createProtectSalientPass(SearchContext &search,
                                                     double percent);
std::unique_ptr<mlir::Pass>
createRoundWeightsPass(const RoundWeightsPassOptions &options,
                       SearchContext &search);
std::unique_ptr<mlir::Pass> createSmoothquantPass(SearchContext &search);
std::unique_ptr<mlir::Pass>
createQuantizeActivationsPass(const QuantizeActivationsPassOptions &options,
                              SearchContext &search);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_SEARCH_H
