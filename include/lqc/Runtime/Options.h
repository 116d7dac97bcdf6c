//===- Options.h - the executable's command line ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_OPTIONS_H
#define LQC_RUNTIME_OPTIONS_H

#include "lqc/Runtime/Payload.h"
#include "lqc/Runtime/Sampler.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lqc::runtime {

enum class Mode { Generate, Logits, Perplexity, Bench, Profile, Info, Verify };

struct Options {
  Mode mode = Mode::Generate;
  std::string prompt;                         ///< "-": standard input
  std::optional<std::vector<int32_t>> tokens; ///< --tokens, instead of a prompt
  bool printTokens = false;
  bool stats = false;
  bool json = false;
  std::optional<int64_t> count;   ///< -n; none: the mode's default
  std::optional<int64_t> context; ///< -c
  int threads = 0;                ///< 0: one for each processor
  SamplerOptions sampler;
  bool seedGiven = false;
  std::string perplexityFile; ///< of Mode::Logits too: rows of its windows
  std::optional<int64_t> window;
  std::optional<int64_t> stride;
};

/// Reads the command line. `defaults`: what counts where the user says nothing,
/// shown by --help. Returns the exit status if the program is to end here (0
/// after --help or --version, 1 after a mistake, each printed).
std::optional<int> parseCommandLine(int argc, char **argv,
                                    const GenerationDefaults &defaults,
                                    Options &options);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_OPTIONS_H
