//===- TokenizerUtf8.h - well-formed text or not ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_TOKENIZERUTF8_H
#define LQC_LIB_RUNTIME_TOKENIZERUTF8_H

#include <cstddef>
#include <string>
#include <string_view>

namespace lqc::runtime {

inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

/// What a text begins with.
struct Utf8Unit {
  enum Kind {
    Character, ///< a whole well-formed character
    Truncated, ///< all of the text: the beginning of a character
    Malformed  ///< a maximal subpart: U+FFFD stands for it
  };
  Kind kind;
  size_t bytes; ///< at least 1
};

/// Classifies the beginning of `text` (not empty) by Unicode's table 3-7.
Utf8Unit firstUtf8Unit(std::string_view text);

/// Length of the well-formed beginning of `text`, in bytes.
size_t wellFormedPrefix(std::string_view text);

/// `text` with each maximal malformed subpart replaced by U+FFFD.
std::string replaceMalformed(std::string_view text);

/// Code point of a well-formed character.
uint32_t decodeUtf8(std::string_view character);

/// Bytes of the character that well-formed text begins with.
inline size_t characterBytes(std::string_view text) {
  unsigned char lead = text[0];
  size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return bytes < text.size() ? bytes : text.size();
}

/// Number of bytes of the white space (Unicode's White_Space) at the beginning
/// or the end of well-formed text.
size_t leadingWhiteSpace(std::string_view text);
size_t trailingWhiteSpace(std::string_view text);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_TOKENIZERUTF8_H
