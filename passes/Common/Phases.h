//===- Phases.h - the one list of phases ------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a checkpoint to an executable in named phases. `lqc`, `lqc-opt`, the
// folders below passes/ and the documentation use these names.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_COMMON_PHASES_H
#define LQC_PASSES_COMMON_PHASES_H

#include "passes/Quantize/Passes.h"

namespace lqc {

/// In the order in which they run.
enum class Phase { Import, Simplify, Prune, Quantize, Schedule, Lower, Link };

struct PhaseInfo {
  Phase phase;
  llvm::StringLiteral name;
  llvm::StringLiteral description; ///< what the IR is like after it
  bool isPresent;                  ///< in this version
};

/// All phases, in order.
llvm::ArrayRef<PhaseInfo> phases();

llvm::StringRef phaseName(Phase phase);

/// Reads the name of a phase that is present. The error lists those that are.
llvm::Expected<Phase> parsePhase(llvm::StringRef name);

/// Choices that phases offer.
struct PhaseOptions {
  /// Positions in a cache slot, of a decoder that simplify finds in a graph; 0:
  /// those that the module tells, or 4096.
  int64_t context = 0;
  QuantizeOptions quantize;
};

/// Appends the phases behind `from` up to `to`. `import` and `link` are the
/// driver's and append nothing.
void buildPipeline(mlir::OpPassManager &manager, Phase from, Phase to,
                   const PhaseOptions &options);

/// Registers all passes, one pipeline for each phase (--lqc-simplify, …) and
/// --lqc-pipeline='from=… to=…' for a stretch.
void registerPassesAndPipelines();

} // namespace lqc

#endif // LQC_PASSES_COMMON_PHASES_H
