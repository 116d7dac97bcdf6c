//===- AddedTokens.cpp - tokens that stand in the text --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/AddedTokens.h"

#include <algorithm>

namespace lqc::runtime {

AddedTokenMatcher::AddedTokenMatcher(std::span<const AddedTokenEntry> tokens,
                                     std::vector<std::string_view> texts)
    : tokens(tokens), texts(std::move(texts)) {
  for (std::string_view text : this->texts)
    if (!text.empty())
      startsToken[static_cast<unsigned char>(text[0])] = true;
}

/// Narrows the sorted tokens byte by byte to those that `text` goes on with;
/// the last one that ended on the way is the longest.
const AddedTokenEntry *AddedTokenMatcher::longestAt(std::string_view text,
                                                    size_t &bytes) const {
  const AddedTokenEntry *best = nullptr;
  if (!startsToken[static_cast<unsigned char>(text[0])])
    return nullptr;
  auto low = texts.begin(), high = texts.end();
  for (size_t depth = 0; depth < text.size() && low != high; ++depth) {
    unsigned char wanted = text[depth];
    auto byteAt = [&](std::string_view token) {
      return token.size() > depth
                 ? int(static_cast<unsigned char>(token[depth]))
                 : -1;
    };
    low = std::partition_point(low, high, [&](std::string_view token) {
      return byteAt(token) < wanted;
    });
    high = std::partition_point(low, high, [&](std::string_view token) {
      return byteAt(token) <= wanted;
    });
    if (low == high || low->size() != depth + 1)
      continue;
    best = &tokens[low - texts.begin()];
    bytes = depth + 1;
  }
  return best;
}

AddedTokenMatcher::Match AddedTokenMatcher::find(std::string_view text,
                                                 size_t from) const {
  if (texts.empty())
    return {text.size(), text.size(), nullptr};
  for (size_t at = from; at < text.size(); ++at) {
    if (!startsToken[static_cast<unsigned char>(text[at])])
      continue;
    size_t bytes = 0;
    if (const AddedTokenEntry *token = longestAt(text.substr(at), bytes))
      return {at, at + bytes, token};
  }
  return {text.size(), text.size(), nullptr};
}

} // namespace lqc::runtime
