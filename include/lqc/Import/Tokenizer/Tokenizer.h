//===- Tokenizer.h - a model's tokenizer becomes tables ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_TOKENIZER_TOKENIZER_H
#define LQC_IMPORT_TOKENIZER_TOKENIZER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace lqc {

/// Token ids that the model's config.json (or generation_config.json) names:
/// `bos_token_id`, and `eos_token_id`, which may be a list.
struct SpecialTokens {
  std::optional<int64_t> bos;
  std::vector<int64_t> eos;
};

/// Turns the tokenizer of a Hugging Face directory into the tables that the
/// runtime uses in place (lqc/Runtime/Tokenizer.h). `vocabularySize` is the
/// model's: no token id may reach it. The same input gives the same bytes.
///
/// std::nullopt: the directory has no tokenizer.json, the model takes token
/// ids. Whatever the file asks for that LQC does not do is an error that names
/// the file and the field. Understood are byte-level BPE tokenizers:
///
///   normalizer      null
///   pre_tokenizer   ByteLevel, Split (Regex, Isolated), Digits, Sequence
///   model           BPE, with or without ignore_merges
///   post_processor  null, ByteLevel, TemplateProcessing, Sequence
///   decoder         ByteLevel
///
/// `truncation` and `padding` are about batches, not about text: not used.
llvm::Expected<std::optional<std::vector<char>>>
buildTokenizerTables(llvm::StringRef modelDirectory, int64_t vocabularySize,
                     const SpecialTokens &specialTokens);

} // namespace lqc

#endif // LQC_IMPORT_TOKENIZER_TOKENIZER_H
