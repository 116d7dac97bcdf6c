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
/// normalizers/bert.rs).
std::vector<TokenizerDescription::Step>
bertNormalizerSteps(const BertNormalizer &options);

/// White space goes, a punctuation mark is a word (pre_tokenizers/bert.rs).
std::vector<TokenizerDescription::Step> bertPreTokenizerSteps();

/// A character that `tokenizers` takes for punctuation: Rust's
/// is_ascii_punctuation, or a category P. Its table of categories is that of
/// Unicode 8: what came later is none, and two were in P then.
inline constexpr llvm::StringLiteral kPunctuation =
    R"((?![\x{61d}\x{9fd}-\x{a76}\x{c77}-\x{c84}\x{1b7d}-\x{1b7e})"
    R"(\x{2e43}-\x{2e5d}\x{10ead}-\x{10f89}\x{1144b}-\x{1145d})"
    R"(\x{11660}-\x{116b9}\x{1183b}-\x{11fff}\x{12ff1}-\x{12ff2})"
    R"(\x{16e97}-\x{16fe2}\x{1e95e}-\x{1e95f}])[\p{P}$+<=>^`|~])"
    R"(|[\x{166d}\x{111c9}])";

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_BERTSTAGES_H
