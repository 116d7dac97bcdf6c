//===- Vocabulary.h - collects tokens and merges ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_VOCABULARY_H
#define LQC_LIB_IMPORT_TOKENIZER_VOCABULARY_H

#include "lib/Import/Tokenizer/Description.h"
#include "lib/Import/Tokenizer/JsonFields.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace lqc {

/// How the name of a token becomes the text it stands for.
struct TokenDecoding {
  bool byteLevel = false; ///< GPT-2's alphabet
  std::vector<std::pair<std::string, std::string>> replacements;
  bool byteFallback = false; ///< <0x0A> is a byte
  /// WordPiece: a token with this before it continues a word, others begin one
  /// behind a space.
  std::optional<std::string> continuation;
  bool cleansUp = false; ///< WordPiece: no space before a full stop and so on
};

/// Fills the tokens of a description, whatever file they come from.
class VocabularyBuilder {
public:
  /// `fields` makes the messages. `vocabularySize` is the model's: no id may
  /// reach it.
  VocabularyBuilder(const JsonFields &fields, int64_t vocabularySize,
                    TokenizerDescription &result);

  /// The model's own tokens: an object of names and ids.
  llvm::Error readWords(const llvm::json::Object &vocabulary,
                        const llvm::Twine &field);
  llvm::Error addWord(llvm::StringRef name, int32_t id,
                      const llvm::Twine &field);

  /// A token that is no word: control tokens and their kin.
  llvm::Error addName(llvm::StringRef name, int32_t id,
                      const llvm::Twine &field);

  /// Messages are about another file from now on.
  void setFields(const JsonFields &other) { fields = &other; }

  /// Finds the tokens of single bytes: of the byte-level alphabet, or
  /// <0x00>…<0xFF>. Like `tokenizers`, drops a byte of the alphabet that has
  /// none, but with `needsAll` refuses to guess.
  llvm::Error findByteLevelIds(bool needsAll, const llvm::Twine &field);
  void findByteFallbackIds();

  /// `left right` becomes their concatenation. Of equal pairs the last counts.
  llvm::Error addMerge(llvm::StringRef left, llvm::StringRef right,
                       int32_t rank, const llvm::Twine &field);

  /// A list of objects with id, content, normalized, special, lstrip…
  llvm::Error readAddedTokens(const llvm::json::Value *list,
                              const llvm::Twine &field);
  /// One of them; `id` is `object`'s own if it is null.
  llvm::Error readAddedToken(const llvm::json::Object &object,
                             const llvm::json::Value *id,
                             const llvm::Twine &field);
  llvm::Error addToken(TokenizerDescription::AddedToken token, bool special,
                       const llvm::Twine &field);
  bool isAdded(llvm::StringRef content) const {
    return addedContents.contains(content);
  }

  /// Reads a token id that the model has a row for.
  llvm::Error readId(const llvm::json::Value *value, const llvm::Twine &field,
                     int32_t &id) const;
  llvm::Error checkId(int64_t number, const llvm::Twine &field) const;
  /// The id of a token of the model's vocabulary, -1: none.
  int32_t find(llvm::StringRef name) const;
  /// The same, added tokens included.
  int32_t idOf(llvm::StringRef content) const;
  bool hasToken(int32_t id) const {
    return size_t(id) < taken.size() && taken[id];
  }

  /// After everything else: gives each token its text, and added tokens the
  /// form in which the normalizer leaves them.
  void finish(const TokenDecoding &decoding);

private:
  bool claimId(int32_t id);

  const JsonFields *fields;
  int64_t vocabularySize;
  TokenizerDescription &result;
  llvm::StringMap<int32_t> ids; // of the model's vocabulary, as written
  llvm::StringMap<bool> addedContents;
  std::vector<bool> taken; // (pieces) ids in use
  llvm::DenseMap<std::pair<int32_t, int32_t>, size_t> mergeIndex;
};

/// The byte that a name such as <0x0A> stands for.
std::optional<unsigned char> byteOfName(llvm::StringRef name);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_VOCABULARY_H
