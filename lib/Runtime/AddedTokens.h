//===- AddedTokens.h - tokens that stand in the text ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_ADDEDTOKENS_H
#define LQC_LIB_RUNTIME_ADDEDTOKENS_H

#include "lqc/Runtime/Tokenizer.h"

namespace lqc::runtime {

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

  /// The longest token that `text` (not empty) begins with, or null.
  const AddedTokenEntry *longestAt(std::string_view text, size_t &bytes) const;

private:
  std::span<const AddedTokenEntry> tokens;
  std::vector<std::string_view> texts;
  bool startsToken[256] = {};
};

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_ADDEDTOKENS_H
