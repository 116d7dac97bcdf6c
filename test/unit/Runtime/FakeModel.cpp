//===- FakeModel.cpp - a model of one line, in place of generated code ----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See FakeModel.h. Compiled twice: into unit tests, and as the object file that
// the tests of executables link.
//
//===----------------------------------------------------------------------===//

#include "test/unit/Runtime/FakeModel.h"

namespace {
/// The tokens of one sequence, by position.
int32_t *slotOf(const lqc_step &step, int32_t slot) {
  return reinterpret_cast<int32_t *>(step.cache) + slot * fake::kContext;
}

/// Units are (row, 1): each computes the logits of one output row.
void logitsKernel(void *const *arguments, int64_t, int64_t begin, int64_t end) {
  const lqc_step &step = *static_cast<const lqc_step *>(arguments[0]);
  const float scale = *reinterpret_cast<const float *>(step.weights);
  for (int64_t i = begin; i < end; ++i) {
    const int32_t *cache = slotOf(step, step.slots[step.outputs[i]]);
    const int32_t position = step.positions[step.outputs[i]];
    int32_t sum = 0;
    for (int32_t p = 0; p <= position; ++p)
      sum += cache[p];
    for (int32_t v = 0; v < fake::kVocabulary; ++v)
      step.logits[i * fake::kVocabulary + v] =
          fake::logit(scale, cache[position], sum, v);
  }
}

void runStep(const lqc_step *step) {
  for (int64_t i = 0; i < step->count; ++i)
    slotOf(*step, step->slots[i])[step->positions[i]] = step->tokens[i];
  void *arguments[] = {const_cast<lqc_step *>(step)};
  lqc_dispatch(step->pool, logitsKernel, arguments, step->output_count,
               step->output_count, 1);
}
} // namespace

// Each row of logits reads the scale and the tokens so far.
static const lqc_kernel kernels[] = {{"logitsKernel", logitsKernel,
                                      fake::kWeightsBytes, fake::kRowBytes,
                                      fake::kSeenBytes, fake::kVocabulary,
                                      /*seen_multiply_adds=*/0,
                                      /*integer=*/0}};

#ifndef FAKE_FEATURES
#define FAKE_FEATURES "sse3 cx16"
#endif

extern "C" const struct lqc_model lqc_model = {LQC_MODEL_VERSION,
                                               fake::kVocabulary,
                                               fake::kContext,
                                               fake::kChunk,
                                               /*arena_bytes=*/64,
                                               /*cache_bytes=*/4 *
                                                   fake::kContext,
                                               fake::kWeightsBytes,
                                               runStep,
                                               runStep,
                                               FAKE_FEATURES,
                                               kernels,
                                               /*kernel_count=*/1};
