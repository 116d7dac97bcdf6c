//===- TokenizerUtf8.cpp - well-formed text or not ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/TokenizerUtf8.h"

#include "lqc/Runtime/Tokenizer.h"

#include <cstdint>
#include <cstring>

namespace lqc::runtime {

namespace {
/// The bytes that may follow a lead byte (Unicode, table 3-7).
struct LeadByte {
  uint8_t length;    // 0: not a lead byte
  uint8_t low, high; // range of the second byte
};
} // namespace

static LeadByte classifyLead(unsigned char lead) {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead < 0xc2)
    return {0, 0, 0};
  if (lead < 0xe0)
    return {2, 0x80, 0xbf};
  if (lead < 0xf0) // no overlong forms, no surrogates
    return {3, uint8_t(lead == 0xe0 ? 0xa0 : 0x80),
            uint8_t(lead == 0xed ? 0x9f : 0xbf)};
  if (lead < 0xf5) // no overlong forms, nothing above U+10FFFF
    return {4, uint8_t(lead == 0xf0 ? 0x90 : 0x80),
            uint8_t(lead == 0xf4 ? 0x8f : 0xbf)};
  return {0, 0, 0};
}

Utf8Unit firstUtf8Unit(std::string_view text) {
  LeadByte lead = classifyLead(text[0]);
  if (lead.length == 0)
    return {Utf8Unit::Malformed, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == text.size())
      return {Utf8Unit::Truncated, i};
    unsigned char byte = text[i];
    unsigned char low = i == 1 ? lead.low : 0x80;
    unsigned char high = i == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high)
      return {Utf8Unit::Malformed, i};
  }
  return {Utf8Unit::Character, lead.length};
}

size_t wellFormedPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word;
    if (text.size() - at >= sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if (!(word & 0x8080808080808080ULL)) { // eight ASCII characters
        at += sizeof(word);
        continue;
      }
    }
    Utf8Unit unit = firstUtf8Unit(text.substr(at));
    if (unit.kind != Utf8Unit::Character)
      break;
    at += unit.bytes;
  }
  return at;
}

std::string replaceMalformed(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 16);
  while (!text.empty()) {
    size_t good = wellFormedPrefix(text);
    result += text.substr(0, good);
    text.remove_prefix(good);
    if (text.empty())
      break;
    result += kReplacementCharacter;
    text.remove_prefix(firstUtf8Unit(text).bytes);
  }
  return result;
}

uint32_t decodeUtf8(std::string_view character) {
  unsigned char lead = character[0];
  if (lead < 0x80)
    return lead;
  uint32_t value = lead & (0x7f >> character.size());
  for (char byte : character.substr(1))
    value = value << 6 | (byte & 0x3f);
  return value;
}

static bool isWhiteSpace(std::string_view character) {
  uint32_t c = decodeUtf8(character);
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t leadingWhiteSpace(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t bytes = firstUtf8Unit(text.substr(at)).bytes;
    if (!isWhiteSpace(text.substr(at, bytes)))
      break;
    at += bytes;
  }
  return at;
}

size_t trailingWhiteSpace(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (text[begin] & 0xc0) == 0x80)
      --begin;
    if (!isWhiteSpace(text.substr(begin, end - begin)))
      break;
    end = begin;
  }
  return text.size() - end;
}

//===----------------------------------------------------------------------===//
// TextStream
//===----------------------------------------------------------------------===//

TextStream::TextStream(const Tokenizer &tokenizer, bool keepSpecial)
    : tokenizer(tokenizer), keepSpecial(keepSpecial),
      spacesToDrop(tokenizer.leadingSpaces()) {
  output.reserve(256);
}

void TextStream::append(unsigned char byte) {
  pending[pendingBytes++] = char(byte);
  Utf8Unit unit = firstUtf8Unit({pending, pendingBytes});
  if (unit.kind == Utf8Unit::Truncated)
    return;
  if (unit.kind == Utf8Unit::Character) {
    output.append(pending, pendingBytes);
    pendingBytes = 0;
    return;
  }
  output += kReplacementCharacter;
  bool again = unit.bytes < pendingBytes; // `byte` starts something new
  pendingBytes = 0;
  if (again)
    append(byte);
}

std::string_view TextStream::push(int32_t id) {
  output.clear();
  if (tokenizer.ownsSpaces(id))
    spacesToDrop = 0;
  if (keepSpecial || !tokenizer.isSpecial(id))
    for (char byte : tokenizer.piece(id)) {
      if (spacesToDrop && byte == ' ') {
        --spacesToDrop;
        continue;
      }
      spacesToDrop = 0;
      append(byte);
    }
  return output;
}

std::string_view TextStream::flush() {
  output.clear();
  if (pendingBytes)
    output += kReplacementCharacter;
  pendingBytes = 0;
  return output;
}

} // namespace lqc::runtime
