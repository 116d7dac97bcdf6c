//===- BertStages.h - the stages around WordPiece, as steps -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_BERTSTAGES_H
#define LQC_LIB_IMPORT_TOKENIZER_BERTSTAGES_H

#include "lib/Import/Tokenizer/Description.h"

namespace lqc {

/// The fields of a BertNormalizer.
struct BertNormalizer {
  bool cleanText = true;       ///< control characters go, white space is U+0020
  bool spaceIdeographs = true; ///< each is a word ("handle_chinese_chars")
  bool lowercase = true;
  bool stripAccents = true; ///< where a file does not say: as `lowercase`
};

/// The same as steps that every tokenizer has (huggingface/tokenizers,
/// normalizers/bert.rs). The category of a character is the one that PCRE2
/// knows: 503 of all, most of them marks and punctuation that came after
/// Unicode 8, are nothing of the kind to `tokenizers`, whose tables are older.
std::vector<TokenizerDescription::Step>
bertNormalizerSteps(const BertNormalizer &options);

/// White space goes, a punctuation mark is a word (pre_tokenizers/bert.rs).
std::vector<TokenizerDescription::Step> bertPreTokenizerSteps();

/// Rust's is_ascii_punctuation, or a category P (PCRE2).
inline constexpr llvm::StringLiteral kPunctuation = R"([\p{P}$+<=>^`|~])";

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_BERTSTAGES_H
