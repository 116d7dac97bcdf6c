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
/// The first of these that is there is read; std::nullopt if none is, then the
/// model takes token ids. Whatever a file asks for that LQC does not do is an
/// error that names the file and the field.
///
/// **tokenizer.json**, of Hugging Face's `tokenizers`:
///
///   normalizer      NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip,
///                   Prepend, Replace, BertNormalizer, Sequence
///   pre_tokenizer   ByteLevel, Metaspace, Split, Digits, Punctuation,
///                   WhitespaceSplit, CharDelimiterSplit, BertPreTokenizer,
///                   Sequence
///   model           BPE, with ignore_merges, byte_fallback, fuse_unk;
///   WordPiece post_processor  ByteLevel, TemplateProcessing, BertProcessing,
///                   RobertaProcessing, Sequence
///   decoder         ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip,
///                   WordPiece, Sequence
///
/// `truncation` and `padding` are about batches, not about text: not used.
///
/// **tokenizer.model**, of SentencePiece: BPE models, with any normalizer.
///
/// **vocab.json and merges.txt**: byte-level BPE. The regular expression and
/// the normalizer are those of `family` (tokenizerFamilies()) or, if it is
/// empty, of the family that tokenizer_config.json's tokenizer_class or
/// config.json's model_type tells. A `family` for any other file is an error.
///
/// **vocab.txt**: WordPiece, as BERT has it, of a `family` found the same way;
/// the options of BertTokenizer are those of tokenizer_config.json.
///
/// With the last three, added tokens come from tokenizer_config.json
/// (added_tokens_decoder) and added_tokens.json.
llvm::Expected<std::optional<std::vector<char>>>
buildTokenizerTables(llvm::StringRef modelDirectory, int64_t vocabularySize,
                     const SpecialTokens &specialTokens,
                     llvm::StringRef family = "");

/// Names of the files of the directory that its tokenizer is made of; empty if
/// it has none. Files that only add something (tokenizer_config.json) may not
/// be there.
std::vector<llvm::StringRef> tokenizerFiles(llvm::StringRef modelDirectory);

/// Names for `family`: "gpt2", "qwen2", "bert".
std::vector<llvm::StringRef> tokenizerFamilies();

/// The files that `family` is a name for, as messages name them; "" if it is no
/// family's.
llvm::StringRef filesOfTokenizerFamily(llvm::StringRef family);

} // namespace lqc

#endif // LQC_IMPORT_TOKENIZER_TOKENIZER_H
