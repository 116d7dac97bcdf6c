//===- EncoderText.cpp - texts as an encoder's graph takes them -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/EncoderText.h"

namespace lqc::runtime {

void splitLines(std::string_view text, std::vector<std::string_view> &lines) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    lines.push_back(line);
  }
}

int64_t encoderInput(const EncoderDefaults &encoder, int64_t input,
                     std::span<const int32_t> tokens, int64_t column) {
  const bool isToken = column < int64_t(tokens.size());
  if (input == encoder.ids)
    return isToken ? tokens[size_t(column)] : encoder.pad;
  if (input == encoder.mask)
    return isToken;
  if (input == encoder.positions)
    return column;
  return 0;
}

} // namespace lqc::runtime
