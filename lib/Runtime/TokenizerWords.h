//===- TokenizerWords.h - words that are tokens -----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_TOKENIZERWORDS_H
#define LQC_LIB_RUNTIME_TOKENIZERWORDS_H

#include "lqc/Runtime/Tokenizer.h"

#include <functional>

namespace lqc::runtime {

/// The text at `entry` of the Bytes table; std::nullopt beyond its end.
std::optional<std::string_view> textAt(std::span<const char> bytes,
                                       TextEntry entry);

/// The Words table.
struct WordTable {
  std::span<const WordEntry> entries; // (power of two) or empty
  uint32_t probes;
  std::span<const char> bytes; // the Bytes table

  /// The token that is `word` as a whole, or -1.
  int32_t find(std::string_view word) const;
};

/// The tables of a tokenizer that say how WordPiece cuts a word.
struct WordPieceTables {
  WordTable words;
  std::string_view continuation; // before what is not a word's beginning
  uint32_t longestWord;          // bytes
  uint32_t maxWordCharacters;
  int32_t unknown; // -1: none
};

/// WordPiece (Wu et al., 2016, "Google's neural machine translation system";
/// the greedy search is BERT's): a word is the longest token that it begins
/// with, then the longest one that continues it, to its end.
class WordPieceSplitter {
public:
  using Sink = std::function<void(int32_t)>;

  explicit WordPieceSplitter(const WordPieceTables &tables) : tables(tables) {}

  /// Calls `sink` with the tokens of `word` (well-formed UTF-8), in order; with
  /// the unknown token alone if it has too many characters or cannot be cut.
  /// O(n l^2) for n bytes and tokens of at most l.
  void split(std::string_view word, const Sink &sink);

private:
  size_t addLongest(std::string_view prefix, std::string_view rest);

  const WordPieceTables tables;
  std::vector<int32_t> ids; // of the pieces so far
  std::string candidate;
};

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_TOKENIZERWORDS_H
