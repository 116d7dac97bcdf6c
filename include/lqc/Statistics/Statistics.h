//===- Statistics.h - what is known of the inputs of linears ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibrated methods (GPTQ, AWQ, SmoothQuant, ...) need to know what a linear's
// input looks like. They ask a StatisticsSource, and need not know whether it
//
//   * reads a file of one-shot statistics of the float model (FileStatistics),
//   * or walks the model's layers and measures what the already quantized
//     layers before this one really produce (lib/Calibrate).
//
// An *input* is named after the first linear that reads it; linears that read
// the same value (query, key and value projections) share its statistics.
// Linears are named by the weight of the checkpoint that their own weight is
// made from, so that names outlive quantizing and rescaling.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_STATISTICS_STATISTICS_H
#define LQC_STATISTICS_STATISTICS_H

#include "dialects/LQC/LQC.h"

#include "llvm/Support/Error.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace lqc {

/// Sums over the tokens of one input.
struct InputStatistics {
  explicit InputStatistics(int64_t columns = 0, bool withGram = false);

  int64_t columns = 0;
  int64_t tokens = 0;
  std::vector<double> sumAbs;    ///< (columns)
  std::vector<double> sumSquare; ///< (columns)
  std::vector<float> maxAbs;     ///< (columns)
  std::vector<float> gram;       ///< (columns, columns), sum of x x^T; or empty
  /// (columns, columns), sum of (y - x) x^T, where y is what the float model
  /// has for the same tokens in place of x; empty if that was not measured. It
  /// tells how far the layers so far have drifted away.
  std::vector<float> drift;
  /// (outputs, columns), sum of (s - t) x^T, where t is what the linear's
  /// outputs are added to (the residual stream) and s what the float model has
  /// there; empty if they are not added to anything.
  std::vector<float> residual;

  /// Adds `count` rows. The gram matrix is complete only after finish().
  void add(llvm::ArrayRef<float> rows, int64_t count, unsigned threads);
  void finish();

  /// What the statistics would be, had each channel been divided by its scale.
  void divideChannels(llvm::ArrayRef<float> scales);
};

/// Where statistics come from.
class StatisticsSource {
public:
  virtual ~StatisticsSource() = default;

  /// The statistics of the input of the linear whose weight is made from
  /// `weight` of the checkpoint; null if it is not that linear's turn or
  /// nothing was measured. Behind lqc.split_columns they are those of the
  /// split's input. They may be changed by divideChannels alone. Errors:
  /// "PATH: input 'NAME': rule, got: value".
  virtual llvm::Expected<const InputStatistics *>
  inputOf(llvm::StringRef weight) = 0;

  /// Says that each channel of that input is divided by its scale from now on,
  /// because a pass has folded the division into what produces it.
  virtual llvm::Error divideChannels(llvm::StringRef weight,
                                     llvm::ArrayRef<float> scales) = 0;
};

/// The name of the checkpoint's weight that `weight` is made from: itself, or
/// that of the first weight that its initializer reads.
llvm::StringRef checkpointWeight(WeightOp weight);

/// Names the linears of a model, their shapes and where their weights come
/// from. Equal before and after quantizing, rescaling or splitting columns off,
/// different after pruning: statistics of a model with another fingerprint are stale.
std::string fingerprintOf(mlir::ModuleOp module);

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// What statistics were taken on.
struct CalibrationRecord {
  std::string text; ///< hash of the token ids that were run
  int64_t samples = 0, length = 0, seed = 0;
  std::string hessians; ///< glob of the linears whose input's XX^T was kept

  bool operator==(const CalibrationRecord &other) const {
    return std::tie(text, samples, length, seed, hessians) ==
           std::tie(other.text, other.samples, other.length, other.seed,
                    other.hessians);
  }
};

/// The statistics of a model's inputs, as a file holds them: safetensors with
///
///   INPUT.tokens       I64 [1]     tokens seen
///   INPUT.mean_abs     F32 [K]     mean |x| of each channel
///   INPUT.max_abs      F32 [K]     largest |x|
///   INPUT.mean_square  F32 [K]     mean x^2
///   INPUT.gram         F32 [K, K]  sum of x x^T, if it was kept
///
/// and the metadata `lqc.statistics` = "1", `model` = fingerprintOf, `text`,
/// `samples`, `length`, `seed` and `hessians` of the calibration, and `readers`
/// =
/// {"WEIGHT": "INPUT", ...} as JSON.
struct StatisticsTable {
  std::string model; ///< fingerprint
  CalibrationRecord calibration;
  std::map<std::string, InputStatistics> inputs;
  std::map<std::string, std::string> readers; ///< weight -> input
};

/// Writes the file; it appears whole or not at all. Errors: "PATH: cannot
/// write: reason".
llvm::Error writeStatistics(const StatisticsTable &table, llvm::StringRef path);

/// Writes one file of the inputs of several, which must be of the same model
/// and calibration. Not more than one input is held in memory.
llvm::Error mergeStatistics(llvm::ArrayRef<std::string> parts,
                            llvm::StringRef path);

/// Whether a safetensors file says that it holds statistics.
bool isStatistics(const std::map<std::string, std::string> &metadata);

/// Reads it back. Errors are one line, for whatever is wrong with the file.
llvm::Expected<StatisticsTable> readStatistics(llvm::StringRef path);

/// Statistics from a file.
class FileStatistics : public StatisticsSource {
public:
  /// Reads the file and checks that it was made for this model. Errors: those
  /// of readStatistics, and "PATH: statistics are stale: ...".
  static llvm::Expected<std::unique_ptr<FileStatistics>>
  open(llvm::StringRef path, mlir::ModuleOp module);

  llvm::Expected<const InputStatistics *>
  inputOf(llvm::StringRef weight) override;
  llvm::Error divideChannels(llvm::StringRef weight,
                             llvm::ArrayRef<float> scales) override;

private:
  explicit FileStatistics(StatisticsTable table) : table(std::move(table)) {}

  InputStatistics *find(llvm::StringRef weight);

  StatisticsTable table;
};

} // namespace lqc

#endif // LQC_STATISTICS_STATISTICS_H
