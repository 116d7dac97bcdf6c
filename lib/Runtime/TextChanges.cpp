//===- TextChanges.cpp - what normalizers do to a text --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/AddedTokens.h"
#include "lib/Runtime/TextSteps.h"
#include "lib/Runtime/TokenizerUtf8.h"

#include <algorithm>
#include <utf8proc.h>

namespace lqc::runtime {

static void appendCodePoint(int32_t codePoint, std::string &output) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t count = utf8proc_encode_char(codePoint, bytes);
  output.append(reinterpret_cast<const char *>(bytes), size_t(count));
}

/// Calls `change` with each code point; ASCII has `changeAscii`.
template <typename ChangeAscii, typename Change>
static void forEachCharacter(std::string_view text, ChangeAscii changeAscii,
                             Change change) {
  while (!text.empty()) {
    size_t bytes = characterBytes(text);
    if (bytes == 1)
      changeAscii(text[0]);
    else
      change(decodeUtf8(text.substr(0, bytes)), text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
}

//===----------------------------------------------------------------------===//
// Normal forms
//===----------------------------------------------------------------------===//

static int optionsOf(TextStepKind form) {
  switch (form) {
  case TextStepKind::Nfc:
    return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  case TextStepKind::Nfkc:
    return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
  case TextStepKind::Nfkd:
    return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  default:
    return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  }
}

/// Of a part of a text whose neighbours cannot change it.
static void appendNormalPart(int options, std::string_view text,
                             std::vector<int32_t> &codePoints,
                             std::string &output) {
  auto option = utf8proc_option_t(options);
  auto bytes = reinterpret_cast<const utf8proc_uint8_t *>(text.data());
  auto decompose = [&] {
    return utf8proc_decompose(bytes, utf8proc_ssize_t(text.size()),
                              codePoints.data(),
                              utf8proc_ssize_t(codePoints.size()), option);
  };
  utf8proc_ssize_t count = decompose();
  if (count > utf8proc_ssize_t(codePoints.size())) {
    codePoints.resize(size_t(count) * 2);
    count = decompose();
  }
  if (count > 0)
    count = utf8proc_normalize_utf32(codePoints.data(), count, option);
  if (count < 0) // only for texts that are not UTF-8
    output += text;
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendCodePoint(codePoints[size_t(i)], output);
}

/// ASCII characters are starters that no form changes, and none is composed
/// with the character before it: so a run of them is copied, and a part
/// begins with the last one of the run, to which the next may be added.
void appendNormalForm(TextStepKind form, std::string_view text,
                      std::string &output) {
  auto isAscii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::vector<int32_t> codePoints;
  auto at = text.begin();
  while (at != text.end()) {
    auto other = std::find_if_not(at, text.end(), isAscii);
    if (other == text.end()) {
      output.append(at, other);
      return;
    }
    auto begin = other == at ? at : other - 1;
    auto end = std::find_if(other, text.end(), isAscii);
    output.append(at, begin);
    appendNormalPart(optionsOf(form), {begin, end}, codePoints, output);
    at = end;
  }
}

//===----------------------------------------------------------------------===//
// Character by character
//===----------------------------------------------------------------------===//

void appendLowercase(std::string_view text, std::string &output) {
  forEachCharacter(
      text,
      [&](char c) { output += c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; },
      [&](uint32_t c, std::string_view) {
        if (c == 0x130) // the only one that becomes two characters
          output += "i\xcc\x87";
        else
          appendCodePoint(utf8proc_tolower(int32_t(c)), output);
      });
}

void appendWithoutAccents(std::string_view text, std::string &output) {
  forEachCharacter(
      text, [&](char c) { output += c; },
      [&](uint32_t c, std::string_view bytes) {
        utf8proc_category_t category = utf8proc_category(int32_t(c));
        if (category != UTF8PROC_CATEGORY_MN &&
            category != UTF8PROC_CATEGORY_MC &&
            category != UTF8PROC_CATEGORY_ME)
          output += bytes;
      });
}

void appendCollapsed(std::string_view text, std::string &output) {
  bool afterSpace = true;
  for (char c : text) {
    if (c != ' ' || !afterSpace)
      output += c;
    afterSpace = c == ' ';
  }
  while (output.ends_with(' '))
    output.pop_back();
}

//===----------------------------------------------------------------------===//
// SentencePiece's replacements
//===----------------------------------------------------------------------===//

namespace {
/// A unit of a darts-clone double array (github.com/s-yata/darts-clone).
struct Unit {
  uint32_t bits;
  bool hasLeaf() const { return bits >> 8 & 1; }
  uint32_t value() const { return bits & 0x7fffffff; }
  /// The byte that leads here; never a byte for a leaf.
  uint32_t label() const { return bits & 0x800000ff; }
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};
} // namespace

/// Bytes of the longest key that `text` begins with, 0: none.
static size_t longestKey(std::span<const uint32_t> units, std::string_view text,
                         uint32_t &value) {
  size_t longest = 0;
  if (units.empty())
    return 0;
  uint32_t place = Unit{units[0]}.offset();
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = text[i];
    place ^= byte;
    if (place >= units.size() || Unit{units[place]}.label() != byte)
      break;
    Unit unit{units[place]};
    place ^= unit.offset();
    if (!unit.hasLeaf())
      continue;
    if (place >= units.size())
      break;
    value = Unit{units[place]}.value();
    longest = i + 1;
  }
  return longest;
}

void appendMapped(std::span<const uint32_t> units,
                  std::string_view replacements, const AddedTokenMatcher *kept,
                  std::string_view text, std::string &output) {
  while (!text.empty()) {
    size_t bytes = 0;
    uint32_t value = 0;
    if (kept && kept->longestAt(text, bytes)) {
      output += text.substr(0, bytes);
    } else if ((bytes = longestKey(units, text, value))) {
      std::string_view replacement =
          replacements.substr(std::min<size_t>(value, replacements.size()));
      replacement = replacement.substr(0, replacement.find('\0'));
      output += replacement.substr(0, kMaxStepContent);
    } else {
      bytes = characterBytes(text);
      output += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  // The steps behind rely on UTF-8, whatever is in the tables.
  if (wellFormedPrefix(output) != output.size())
    output = replaceMalformed(output);
}

} // namespace lqc::runtime
