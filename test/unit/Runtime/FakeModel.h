//===- FakeModel.h - a model of one line, in place of code ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Its next token is one more than the last (modulo the vocabulary), and a
// little of every token before counts too, so that a cache that is wrong shows.
// The weights section holds one float, the scale of the logits.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_RUNTIME_FAKEMODEL_H
#define LQC_TEST_UNIT_RUNTIME_FAKEMODEL_H

#include "lqc/Runtime/Model.h"

namespace fake {
inline constexpr int32_t kVocabulary = 8;
inline constexpr int64_t kContext = 32;
inline constexpr int64_t kChunk = 4;
inline constexpr int64_t kWeightsBytes = 64;
/// What the one kernel says of itself.
inline constexpr int64_t kRowBytes = 4 * kVocabulary;
inline constexpr int64_t kSeenBytes = 4;

/// Logit of token `next` after `last`, where `sum` adds up all tokens so far.
inline float logit(float scale, int32_t last, int32_t sum, int32_t next) {
  const int32_t distance = (next - last - 1 + 2 * kVocabulary) % kVocabulary;
  return scale * (float(-distance) + 0.25f * float((sum + next) % 3));
}
} // namespace fake

#endif // LQC_TEST_UNIT_RUNTIME_FAKEMODEL_H
