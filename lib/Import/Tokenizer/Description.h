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
    std::string bytes;    ///< what the token stands for; "": no such token
    bool special = false; ///< a control token
    bool isWord = false;  ///< a part of the model's own vocabulary
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

  runtime::TokenizerModel model = runtime::TokenizerModel::ByteLevelBpe;
  std::vector<Piece> pieces; ///< by token id
  std::array<int32_t, 256> byteIds;
  std::vector<Merge> merges; ///< each pair once
  std::vector<AddedToken> added;
  std::vector<std::string> patterns; ///< PCRE2
  bool addPrefixSpace = false;
  bool ignoreMerges = false;
  std::optional<int32_t> bos;
  std::vector<int32_t> eos, prefix, suffix;
};

/// Reads a tokenizer.json; `text` is its contents, `path` is for messages.
llvm::Expected<TokenizerDescription> readTokenizerJson(llvm::StringRef text,
                                                       llvm::StringRef path,
                                                       int64_t vocabularySize);

/// Lays the tables out (lqc/Runtime/Tokenizer.h).
std::vector<char> writeTokenizerTables(const TokenizerDescription &description);

/// Translates a regular expression of Hugging Face tokenizers (Oniguruma, Ruby
/// syntax) to PCRE2 with UTF and UCP, so that it matches the same. What the two
/// read differently and LQC does not translate is an error.
llvm::Expected<std::string> translatePattern(llvm::StringRef pattern);

/// The byte-level alphabet of GPT-2: each byte is written as one printable
/// character. Gives the bytes of `text`, or std::nullopt if it holds a
/// character that stands for no byte.
std::optional<std::string> decodeByteLevel(llvm::StringRef text);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_DESCRIPTION_H
