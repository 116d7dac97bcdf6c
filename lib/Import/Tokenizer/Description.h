//===- Description.h - what a tokenizer file says ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between the readers of files and the writer of tables: a reader of another
// file format fills the same structure.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_DESCRIPTION_H
#define LQC_LIB_IMPORT_TOKENIZER_DESCRIPTION_H

#include "lqc/Runtime/Tokenizer.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// A tokenizer, checked: every id is below pieces.size().
struct TokenizerDescription {
  struct Piece {
    std::string name;        ///< as the file writes it; "": no such token
    std::string word;        ///< as encoding meets it: bytes, if byte-level
    std::string text;        ///< what it stands for when it is decoded
    bool special = false;    ///< a control token
    bool ownsSpaces = false; ///< at the beginning of a text too
    bool isWord = false;     ///< a part of the model's own vocabulary
  };
  struct Merge {
    int32_t left, right, rank, merged;
  };
  struct AddedToken {
    std::string content;
    int32_t id;
    bool normalized;
    uint32_t flags; ///< runtime::kAdded…
  };
  struct Step {
    runtime::TextStepKind kind;
    uint32_t flags = 0;
    std::string pattern = {}, content = {}; ///< patterns: PCRE2
  };

  runtime::TokenizerModel model = runtime::TokenizerModel::ByteLevelBpe;
  std::vector<Piece> pieces; ///< by token id
  std::array<int32_t, 256> byteIds;
  std::vector<Merge> merges; ///< each pair once
  std::vector<AddedToken> added;
  std::vector<Step> normalizer, preTokenizer;
  std::vector<uint32_t> charsmap; ///< of a Charsmap step
  bool ignoreMerges = false;
  bool fuseUnknown = false;
  std::string continuation;       ///< WordPiece: before what continues a word
  uint32_t maxWordCharacters = 0; ///< WordPiece: a longer word is unknown
  std::optional<int32_t> unknown;
  uint32_t leadingSpaces = 0; ///< that decoding drops
  std::optional<int32_t> bos;
  std::vector<int32_t> eos, prefix, suffix;
};

/// Reads a tokenizer.json; `text` is its contents, `path` is for messages.
llvm::Expected<TokenizerDescription> readTokenizerJson(llvm::StringRef text,
                                                       llvm::StringRef path,
                                                       int64_t vocabularySize);

/// Reads a tokenizer.model. `directory` may hold a tokenizer_config.json.
llvm::Expected<TokenizerDescription>
readSentencePiece(llvm::ArrayRef<char> bytes, llvm::StringRef path,
                  llvm::StringRef directory, int64_t vocabularySize);

/// Reads vocab.json and merges.txt of `directory`. `family` is what --tokenizer
/// says, "" if nothing: then the directory's configuration tells it.
llvm::Expected<TokenizerDescription>
readVocabularyFiles(llvm::StringRef directory, llvm::StringRef family,
                    int64_t vocabularySize);

/// Reads vocab.txt of `directory`, a vocabulary of WordPiece. `family` as
/// above.
llvm::Expected<TokenizerDescription>
readWordPieceFile(llvm::StringRef directory, llvm::StringRef family,
                  int64_t vocabularySize);

/// Lays the tables out (lqc/Runtime/Tokenizer.h).
std::vector<char> writeTokenizerTables(const TokenizerDescription &description);

/// Translates a regular expression of Hugging Face tokenizers (Oniguruma, Ruby
/// syntax) to PCRE2 with UTF and UCP, so that it matches the same. What the two
/// read differently and LQC does not translate is an error.
llvm::Expected<std::string> translatePattern(llvm::StringRef pattern);

/// A regular expression that matches `text` as it stands.
std::string literalPattern(llvm::StringRef text);

/// U+2581, which stands for a space in metaspace tokenizers.
inline constexpr llvm::StringLiteral kMetaspace = "\xe2\x96\x81";

/// The byte-level alphabet of GPT-2: each byte is written as one printable
/// character. Gives the bytes of `text`, or std::nullopt if it holds a
/// character that stands for no byte.
std::optional<std::string> decodeByteLevel(llvm::StringRef text);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_DESCRIPTION_H
