//===- TokenizerBpe.h - byte-pair merging of one word -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Byte-pair encoding (Sennrich et al., 2016): a word is the tokens of its bytes
// or characters; the neighbours whose merge has the lowest rank (the leftmost
// of them) become one token, until no neighbours have a merge.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_TOKENIZERBPE_H
#define LQC_LIB_RUNTIME_TOKENIZERBPE_H

#include "lqc/Runtime/Tokenizer.h"

#include <functional>

namespace lqc::runtime {

/// The tables of a tokenizer that say how a word becomes tokens.
struct BytePairTables {
  TokenizerModel model;
  std::span<const int32_t> byteIds;           // (256)
  std::span<const CharacterEntry> characters; // (power of two) or empty
  uint32_t characterProbes;
  std::span<const MergeEntry> merges; // (power of two) or empty
  uint32_t mergeProbes;
  int32_t unknown; // -1: none
  bool fuseUnknown;
};

/// Merges words of any length; keeps its working memory from word to word.
class BytePairMerger {
public:
  using Sink = std::function<void(int32_t)>;

  explicit BytePairMerger(const BytePairTables &tables) : tables(tables) {}

  /// Calls `sink` with the tokens of `word` (well-formed UTF-8), in order.
  /// O(n log n) for n bytes.
  void merge(std::string_view word, const Sink &sink);

private:
  /// A token of a short word, and the merge with its right neighbour.
  struct ShortSymbol {
    int32_t id;
    int32_t rank;
    int32_t merged;
  };
  /// A token of a long word, in a doubly linked list.
  struct Symbol {
    int32_t id; // -1: merged into its left neighbour
    size_t previous, next;
  };
  struct Candidate {
    int32_t rank;
    int32_t merged;
    size_t position; // of the left token
  };

  void addBytes(std::string_view word);
  void addCharacters(std::string_view word);
  bool addByteTokens(std::string_view character);
  int32_t findCharacter(uint32_t codePoint) const;
  void mergeShort(const Sink &sink);
  void mergeLong(const Sink &sink);
  void addCandidate(size_t position);
  const MergeEntry *find(int32_t left, int32_t right) const;
  void setPair(size_t position);

  const BytePairTables tables;
  std::vector<int32_t> first; // the tokens before any merge
  std::vector<ShortSymbol> shortWord;
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

/// Remembers the tokens of short words: text repeats them. Direct-mapped, so a
/// new word replaces an old one in its place.
class WordCache {
public:
  /// For a text of this length: a line needs no megabyte.
  explicit WordCache(size_t textBytes);
  ~WordCache();
  WordCache(const WordCache &) = delete;
  WordCache &operator=(const WordCache &) = delete;

  /// Appends the word's tokens if they are known.
  bool lookUp(std::string_view word, std::vector<int32_t> &output) const;
  void store(std::string_view word, std::span<const int32_t> ids);

private:
  struct Entry {
    uint8_t bytes; // 0: free
    uint8_t count;
    char text[30];
    int32_t ids[8];
  };
  static_assert(sizeof(Entry) == 64);

  Entry &place(std::string_view word) const {
    return entries[wordHash(word) & (places - 1)];
  }

  size_t places;  // a power of two
  Entry *entries; // (places), null: out of memory
};

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_TOKENIZERBPE_H
