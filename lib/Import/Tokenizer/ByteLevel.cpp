//===- ByteLevel.cpp - GPT-2's printable characters for bytes -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

using namespace lqc;

/// Bytes that are printable in Latin-1 stand for themselves.
static bool isPrintable(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         byte >= 0xae;
}

/// byte of each character U+0000...U+0143, -1: none. The bytes that are not
/// printable are U+0100, U+0101... in order.
static std::array<int16_t, 0x144> makeAlphabet() {
  std::array<int16_t, 0x144> bytes;
  bytes.fill(-1);
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    bytes[isPrintable(byte) ? byte : next++] = int16_t(byte);
  return bytes;
}

std::optional<std::string> lqc::decodeByteLevel(llvm::StringRef text) {
  static const std::array<int16_t, 0x144> alphabet = makeAlphabet();
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned character = static_cast<unsigned char>(text[i]);
    if (character >= 0x80) { // all of the alphabet has at most two bytes
      if (character < 0xc2 || character > 0xdf || ++i == text.size())
        return std::nullopt;
      character = (character & 0x1f) << 6 | (text[i] & 0x3f);
    }
    if (character >= alphabet.size() || alphabet[character] < 0)
      return std::nullopt;
    result += char(alphabet[character]);
  }
  return result;
}
