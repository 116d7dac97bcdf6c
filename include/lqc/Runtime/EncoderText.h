//===- EncoderText.h - texts as an encoder's graph takes them ---*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_ENCODERTEXT_H
#define LQC_RUNTIME_ENCODERTEXT_H

#include "lqc/Runtime/Payload.h"

#include <span>
#include <string_view>
#include <vector>

namespace lqc::runtime {

/// Appends the lines of `text`. A line ends with "\n" or "\r\n"; the last one
/// need not.
void splitLines(std::string_view text, std::vector<std::string_view> &lines);

/// What input `input` of an encoder's graph is at column `column` of the row of
/// a text of `tokens`, which may be shorter than the row.
int64_t encoderInput(const EncoderDefaults &encoder, int64_t input,
                     std::span<const int32_t> tokens, int64_t column);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_ENCODERTEXT_H
