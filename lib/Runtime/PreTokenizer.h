//===- PreTokenizer.h - cuts text into words --------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_PRETOKENIZER_H
#define LQC_LIB_RUNTIME_PRETOKENIZER_H

#include "lqc/Runtime/Tokenizer.h"

#include <functional>

namespace lqc::runtime {

using PieceSink = std::function<void(std::string_view)>;

/// Cuts text by a list of regular expressions, each applied to the pieces that
/// the one before left: what matches is a piece, and so is what stands between
/// two matches (Hugging Face's "Isolated").
class PreTokenizer {
public:
  /// What one thread needs for matching.
  class Scratch {
  public:
    explicit Scratch(const PreTokenizer &preTokenizer);
    ~Scratch();
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

  private:
    friend class PreTokenizer;
    void *matchData;
    void *matchContext;
  };

  PreTokenizer();
  ~PreTokenizer();

  /// Appends a pattern in PCRE2's syntax. Returns why it cannot be used, or "".
  std::string add(std::string_view pattern);

  /// Calls `sink` with each piece of `text` (well-formed UTF-8) in order. A
  /// piece is never empty.
  void split(std::string_view text, Scratch &scratch,
             const PieceSink &sink) const;

private:
  struct Pattern;
  struct Match;

  void splitFrom(size_t index, std::string_view text, Scratch &scratch,
                 const PieceSink &sink) const;
  static bool find(const Pattern &pattern, std::string_view text, size_t from,
                   Scratch &scratch, Match &match);

  std::vector<Pattern> patterns;
};

/// Finds added tokens in text: the leftmost, and of those the longest.
class AddedTokenMatcher {
public:
  struct Match {
    size_t begin, end;            ///< in bytes; begin == end: none
    const AddedTokenEntry *token; ///< null: none
  };

  /// `tokens` are sorted by their bytes, which are `texts`; both in the same
  /// order.
  AddedTokenMatcher(std::span<const AddedTokenEntry> tokens,
                    std::vector<std::string_view> texts);

  Match find(std::string_view text, size_t from) const;

private:
  const AddedTokenEntry *longestAt(std::string_view text, size_t &bytes) const;

  std::span<const AddedTokenEntry> tokens;
  std::vector<std::string_view> texts;
  bool startsToken[256] = {};
};

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_PRETOKENIZER_H
