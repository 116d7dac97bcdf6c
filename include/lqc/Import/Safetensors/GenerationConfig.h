//===- GenerationConfig.h - what generation_config.json says ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_SAFETENSORS_GENERATIONCONFIG_H
#define LQC_IMPORT_SAFETENSORS_GENERATIONCONFIG_H

#include "lqc/Runtime/Payload.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// How a model wants to be sampled, as its makers wrote it down
/// (`GenerationConfig` of the `transformers` library).
///
/// Without `do_sample`, text is greedy, and what the file says of top_k and so
/// on is for those who ask for a temperature; what it does not say is LQC's own
/// default. With `do_sample`, what it does not say is the library's:
/// temperature 1, top_k 50, top_p 1, min_p 0.
struct GenerationConfig {
  runtime::GenerationDefaults defaults;
  std::optional<int64_t> bosToken;
  /// Instead of those of config.json.
  std::optional<llvm::SmallVector<int64_t, 2>> eosTokens;
  /// Keys that would change the text and that LQC does not do.
  std::vector<std::string> ignored;
};

/// Reads the file's text, which came from `path`. Tokens must be below
/// `vocabulary`. Errors are one line: "PATH: key: rule, got: value".
llvm::Expected<GenerationConfig> parseGenerationConfig(llvm::StringRef text,
                                                       llvm::StringRef path,
                                                       int64_t vocabulary);

} // namespace lqc

#endif // LQC_IMPORT_SAFETENSORS_GENERATIONCONFIG_H
