//===- TokenizerWords.cpp - words that are tokens -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/TokenizerWords.h"

#include <algorithm>

namespace lqc::runtime {

std::optional<std::string_view> textAt(std::span<const char> bytes,
                                       TextEntry entry) {
  if (entry.offset > bytes.size() || entry.size > bytes.size() - entry.offset)
    return std::nullopt;
  return std::string_view(bytes.data() + entry.offset, entry.size);
}

int32_t WordTable::find(std::string_view word) const {
  if (entries.empty())
    return -1;
  uint64_t place = wordHash(word);
  for (uint32_t probe = 0; probe < probes; ++probe) {
    const WordEntry &entry = entries[(place + probe) & (entries.size() - 1)];
    if (entry.id < 0)
      return -1;
    if (textAt(bytes, entry.text) == word)
      return entry.id;
  }
  return -1;
}

//===----------------------------------------------------------------------===//
// WordPiece
//===----------------------------------------------------------------------===//

static bool continuesCharacter(char byte) { return (byte & 0xc0) == 0x80; }

static size_t countCharacters(std::string_view text) {
  return text.size() -
         size_t(std::count_if(text.begin(), text.end(), continuesCharacter));
}

/// Adds the longest token that is `prefix` and a beginning of `rest`; the bytes
/// of that beginning, 0: there is none.
size_t WordPieceSplitter::addLongest(std::string_view prefix,
                                     std::string_view rest) {
  if (prefix.size() >= tables.longestWord)
    return 0;
  size_t longest =
      std::min<size_t>(rest.size(), tables.longestWord - prefix.size());
  candidate = prefix;
  candidate += rest.substr(0, longest);
  for (size_t bytes = longest; bytes > 0; --bytes) {
    if (bytes < rest.size() && continuesCharacter(rest[bytes]))
      continue;
    std::string_view word(candidate.data(), prefix.size() + bytes);
    if (int32_t id = tables.words.find(word); id >= 0) {
      ids.push_back(id);
      return bytes;
    }
  }
  return 0;
}

void WordPieceSplitter::split(std::string_view word, const Sink &sink) {
  ids.clear();
  if (countCharacters(word) > tables.maxWordCharacters)
    return sink(tables.unknown);
  for (size_t at = 0; at < word.size();) {
    size_t bytes = addLongest(
        at == 0 ? std::string_view() : tables.continuation, word.substr(at));
    if (bytes == 0)
      return sink(tables.unknown);
    at += bytes;
  }
  for (int32_t id : ids)
    sink(id);
}

} // namespace lqc::runtime
