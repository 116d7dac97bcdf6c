//===- Executable.cpp - the whole program behind main() -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include "lqc/Runtime/CpuFeatures.h"

#include <string>

namespace lqc::runtime {

/// Takes all memory and threads that the step functions need.
static bool startSession(Executable &executable, std::string &error) {
  const Options &options = executable.options;
  const int64_t limit = executable.model.context;
  const int64_t context = options.context.value_or(limit);
  if (context <= limit)
    return executable.start(options.threads, context, /*slots=*/1, error);
  error = "-c must be at most the context compiled in, got: " +
          std::to_string(context) + " > " + std::to_string(limit);
  return false;
}

static int run(Executable &executable) {
  const Mode mode = executable.options.mode;
  if (mode == Mode::Info)
    return info(executable);
  if (mode == Mode::Verify)
    return verify(executable);
  std::string error;
  if (!executable.openTokenizer(error) || !startSession(executable, error))
    return executable.fail(error);
  switch (mode) {
  case Mode::Logits:
    return writeLogits(executable);
  case Mode::Perplexity:
    return perplexity(executable);
  case Mode::Bench:
    return bench(executable);
  case Mode::Profile:
    return profile(executable);
  default:
    return generate(executable);
  }
}

int runExecutable(const struct lqc_model &model, int argc, char **argv) {
  Executable executable(model, programName(argc > 0 ? argv[0] : nullptr));
  // Before anything else: the code may not even start on another machine.
  std::string_view missing = missingCpuFeature(model.features);
  if (!missing.empty())
    return executable.fail("this executable needs the CPU feature " +
                           std::string(missing) +
                           ", which this machine lacks; compile with "
                           "--cpu=native here");
  // A damaged file still has --help, without the model's own defaults.
  std::string error;
  const bool isOpen = executable.openPayload("/proc/self/exe", error);
  if (auto status =
          parseCommandLine(argc, argv, executable.defaults, executable.options))
    return *status;
  if (!isOpen)
    return executable.fail(error);
  return run(executable);
}

} // namespace lqc::runtime
