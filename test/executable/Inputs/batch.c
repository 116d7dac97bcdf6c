/* Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Four sequences, interleaved in shared steps, get the same bits as four runs
   of their own; and everything that a caller can do wrong is one line.

   batch      (the model is examples/bard-llama with a context of 64) */

#include "libmodel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kSequences = 4, kLength = 23 };

static void check(int ok, const char *what) {
  if (ok)
    return;
  fprintf(stderr, "batch: %s failed: %s\n", what, lqc_last_error());
  exit(1);
}

static void refused(int ok, const char *message) {
  if (ok && strcmp(lqc_last_error(), message) == 0)
    return;
  fprintf(stderr, "batch: expected '%s', got: '%s'\n", message,
          lqc_last_error());
  exit(1);
}

static int32_t token_of(int sequence, int position) {
  return (sequence * 131 + position * position * 7 + position) % 1000;
}

/* Logits of every position of a sequence that has a model of its own. */
static void run_alone(float *rows, int sequence, int64_t vocabulary) {
  lqc_instance *model = lqc_open(NULL);
  int position;
  check(model != NULL, "lqc_open");
  for (position = 0; position < kLength; ++position) {
    int32_t token = token_of(sequence, position);
    float *logits = lqc_feed(model, 0, &token, 1);
    check(logits != NULL, "lqc_feed");
    memcpy(rows + position * vocabulary, logits,
           (size_t)vocabulary * sizeof(float));
  }
  lqc_close(model);
}

/* Step by step: sequence s gives 1 + (step + s) % 3 tokens, in turn. */
static int run_together(lqc_instance *model, float *const *alone) {
  int done[kSequences] = {0}, steps = 0, compared = 0;
  size_t row = (size_t)lqc_vocabulary(model) * sizeof(float);
  while (compared < kSequences * kLength) {
    int32_t tokens[16], slots[16];
    int places[16], count = 0, round, s, i;
    float *logits;
    for (round = 0; round < 3; ++round)
      for (s = 0; s < kSequences; ++s) {
        if (round > (steps + s) % 3 || done[s] == kLength)
          continue;
        slots[count] = s;
        places[count] = done[s];
        tokens[count++] = token_of(s, done[s]++);
      }
    logits = lqc_feed_batch(model, tokens, slots, count);
    check(logits != NULL, "lqc_feed_batch");
    for (i = 0; i < count; ++i, ++compared)
      check(memcmp((char *)logits + (size_t)i * row,
                   (const char *)alone[slots[i]] + (size_t)places[i] * row,
                   row) == 0,
            "equality");
    ++steps;
  }
  return steps;
}

static void check_refusals(lqc_instance *model) {
  int32_t tokens[80] = {0}, slots[80] = {0};
  lqc_open_options options = {0};
  lqc_sampling sampling;
  refused(!lqc_feed(model, 4, tokens, 1), "slot must be 0 to 3, got: 4");
  refused(!lqc_feed(model, 0, tokens, 0), "tokens must be 1 or more, got: 0");
  refused(!lqc_feed_batch(model, tokens, slots, 65),
          "tokens of a step must be 1 to 64, got: 65");
  refused(!lqc_feed_batch(model, tokens, slots, 42),
          "tokens must fit into the context of 64, got: 23 + 42 in slot 0");
  slots[1] = -1;
  refused(!lqc_feed_batch(model, tokens, slots, 2),
          "slot must be 0 to 3, got: -1");
  tokens[2] = 1024;
  refused(!lqc_feed(model, 0, tokens, 3),
          "token id must be 0 to 1023, got: 1024");
  refused(lqc_rewind(model, 1, 24) == -1, "position must be 0 to 23, got: 24");
  refused(lqc_position(model, 9) == -1, "slot must be 0 to 3, got: 9");
  lqc_default_sampling(model, &sampling);
  sampling.top_p = 2;
  refused(!lqc_sampler_new(model, &sampling),
          "top_p must be a number from 0 to 1, got: 2");
  options.slots = 5000;
  refused(!lqc_open(&options), "slots must be 1 to 1024, got: 5000");
  options.slots = 1;
  options.context = 65;
  refused(!lqc_open(&options), "context must be 1 to 64, got: 65");
  options.context = 0;
  options.payload = "no-such-file";
  refused(!lqc_open(&options), "no-such-file: payload: cannot open the file: "
                               "No such file or directory");
}

/* The same seed, the same tokens; rewound, the same logits. */
static void check_sampling(lqc_instance *model) {
  lqc_sampling sampling;
  lqc_sampler *sampler;
  int32_t first[8], second[8], prompt[] = {5, 6, 7};
  int i;
  lqc_default_sampling(model, &sampling);
  sampling.temperature = 1;
  sampling.seed = 11;
  check(lqc_rewind(model, 2, 0) == 0, "lqc_rewind");
  check(lqc_generate(model, 2, prompt, 3, &sampling, first, 8, NULL, NULL) == 8,
        "lqc_generate");
  check(lqc_position(model, 2) == 10, "lqc_position"); /* the last is not fed */
  check(lqc_rewind(model, 2, 0) == 0, "lqc_rewind");
  sampler = lqc_sampler_new(model, &sampling);
  check(sampler != NULL, "lqc_sampler_new");
  for (i = 0; i < 3; ++i)
    lqc_sampler_accept(sampler, prompt[i]);
  for (i = 0; i < 8; ++i) {
    float *logits = lqc_feed(model, 2, i ? &second[i - 1] : prompt, i ? 1 : 3);
    check(logits != NULL, "lqc_feed");
    second[i] = lqc_sample(sampler, logits);
    lqc_sampler_accept(sampler, second[i]);
  }
  lqc_sampler_free(sampler);
  check(memcmp(first, second, sizeof(first)) == 0, "the same tokens");
}

int main(void) {
  float *alone[kSequences];
  lqc_open_options options = {0};
  lqc_instance *model;
  size_t bytes = 0;
  int s, steps;
  options.slots = kSequences;
  options.threads = 2;
  model = lqc_open(&options);
  check(model != NULL, "lqc_open");
  check(lqc_slots(model) == kSequences && lqc_context(model) == 64, "sizes");
  check(lqc_info(model, &bytes)[0] == '{' && bytes > 100, "lqc_info");
  for (s = 0; s < kSequences; ++s) {
    alone[s] =
        malloc((size_t)(kLength * lqc_vocabulary(model)) * sizeof(float));
    check(alone[s] != NULL, "malloc");
    run_alone(alone[s], s, lqc_vocabulary(model));
  }
  steps = run_together(model, alone);
  check_refusals(model);
  check_sampling(model);
  printf("%d sequences of %d tokens in %d steps: the same bits\n", kSequences,
         kLength, steps);
  for (s = 0; s < kSequences; ++s)
    free(alone[s]);
  lqc_close(model);
  return 0;
}
