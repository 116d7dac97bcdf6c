/*===- a compiled language model as a library ---------------------*- C -*-===*\
|*                                                                            *|
|* Part of LQC, under the Apache License v2.0 with LLVM Exceptions.           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/
/*
   lqc compile --emit=shared writes this header beside the library,
   --emit=object beside the object file. It is the same for all models. C99 and
   C++.

     lqc_instance *model = lqc_open(NULL);
     int32_t prompt[64], out[32];
     int64_t n = lqc_tokenize(model, "Once", 4, 1, prompt, 64);
     n = lqc_generate(model, 0, prompt, n, NULL, out, 32, NULL, NULL);
     lqc_close(model);

   Functions that return a pointer return NULL on a failure, those that return a
   number -1; lqc_last_error then says why in one line. An instance may be used
   by one thread at a time; it has worker threads of its own. Several instances
   may be open at once and share the memory of their weights.

   A *slot* is one sequence with its own cache. Tokens of several slots may be
   fed in one step; each slot's results have the same bits as if it were alone.
*/
#ifndef LQC_RUNTIME_CAPI_H
#define LQC_RUNTIME_CAPI_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LQC_API __attribute__((visibility("default")))
#else
#define LQC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Opening ---- */

typedef struct lqc_instance lqc_instance;

/* Zero means the default. */
typedef struct lqc_open_options {
  /* The file that holds the weights. NULL: the one that this code was loaded
     from, which is right for a shared library; an object file that was linked
     into a program needs its .payload file. (The system remembers the path as
     it was when the library was loaded: after a chdir, a library loaded by a
     relative path must be named here.) */
  const char *payload;
  int threads;     /* 1 to 256; default: one for each processor */
  int slots;       /* sequences, 1 to 1024; default: 1 */
  int64_t context; /* positions of a sequence; default: as compiled */
} lqc_open_options;

/* `options` may be NULL. Takes all memory; later calls allocate little. */
LQC_API lqc_instance *lqc_open(const lqc_open_options *options);
LQC_API void lqc_close(lqc_instance *instance); /* NULL is fine */

/* What went wrong in this thread's last call that failed; "" if none did.
   Valid until the next call. */
LQC_API const char *lqc_last_error(void);

/* ---- What it is ---- */

LQC_API int64_t lqc_vocabulary(const lqc_instance *instance); /* logits a row */
LQC_API int64_t lqc_context(const lqc_instance *instance);    /* positions */
LQC_API int lqc_slots(const lqc_instance *instance);
/* Tokens that lqc_feed_batch takes at most. */
LQC_API int64_t lqc_batch_limit(const lqc_instance *instance);
/* One JSON object, as --info --json prints it. Valid until lqc_close. */
LQC_API const char *lqc_info(const lqc_instance *instance, size_t *bytes);

/* ---- Text and tokens ---- */

/* Tokens of `bytes` bytes of UTF-8. With `add_special`, the tokens that the
   tokenizer puts around a text (such as the one that begins it) are added.
   Returns their number; only the first `capacity` are written. */
LQC_API int64_t lqc_tokenize(const lqc_instance *instance, const char *text,
                             size_t bytes, int add_special, int32_t *tokens,
                             int64_t capacity);
/* The bytes of a token, perhaps a part of a character; none for a special one.
   Returns their number; only the first `capacity` are written, and no 0. */
LQC_API int64_t lqc_token_text(const lqc_instance *instance, int32_t token,
                               char *text, size_t capacity);
/* 1: the token ends a text. */
LQC_API int lqc_is_end(const lqc_instance *instance, int32_t token);

/* ---- Steps ---- */

/* Tokens that the slot has been fed. */
LQC_API int64_t lqc_position(const lqc_instance *instance, int slot);
/* Goes back to an earlier position; 0 begins a new text. */
LQC_API int lqc_rewind(lqc_instance *instance, int slot, int64_t position);

/* Feeds 1 or more tokens to a slot. Returns the logits (vocabulary) after the
   last one, valid until the next call. */
LQC_API float *lqc_feed(lqc_instance *instance, int slot, const int32_t *tokens,
                        int64_t count);
/* Feeds 1 to lqc_batch_limit tokens in one step: tokens[i] goes to the next
   position of slots[i]. Returns the logits (count, vocabulary) after each. */
LQC_API float *lqc_feed_batch(lqc_instance *instance, const int32_t *tokens,
                              const int32_t *slots, int64_t count);

/* ---- Choosing tokens ---- */

typedef struct lqc_sampling {
  double temperature; /* 0: the likeliest token each time */
  int64_t top_k;      /* draw from the likeliest k; 0: from all */
  double top_p;       /* from the likeliest of this probability; 1: from all */
  double min_p;       /* at least this part of the likeliest; 0: all */
  double repeat_penalty; /* of the last 64 tokens; 1: none */
  uint64_t seed;         /* same seed, same tokens */
} lqc_sampling;

/* The model's own defaults, seed 0. */
LQC_API void lqc_default_sampling(const lqc_instance *instance,
                                  lqc_sampling *sampling);

typedef struct lqc_sampler lqc_sampler;

/* For one sequence; it may outlive the instance. `sampling` NULL: the model's
   defaults. */
LQC_API lqc_sampler *lqc_sampler_new(const lqc_instance *instance,
                                     const lqc_sampling *sampling);
LQC_API void lqc_sampler_free(lqc_sampler *sampler); /* NULL is fine */
/* Notes a token of the text, for the repeat penalty. */
LQC_API void lqc_sampler_accept(lqc_sampler *sampler, int32_t token);
/* The next token. Changes `logits` (vocabulary); accepts nothing. */
LQC_API int32_t lqc_sample(lqc_sampler *sampler, float *logits);

/* Is given each token as it comes; anything but 0 stops. */
typedef int lqc_token_callback(void *user, int32_t token);

/* Feeds a prompt to a slot and goes on with up to `capacity` tokens, until one
   ends the text or the context is full. Returns their number. `sampling` and
   `callback` may be NULL. */
LQC_API int64_t lqc_generate(lqc_instance *instance, int slot,
                             const int32_t *prompt, int64_t prompt_count,
                             const lqc_sampling *sampling, int32_t *tokens,
                             int64_t capacity, lqc_token_callback *callback,
                             void *user);

#ifdef __cplusplus
}
#endif

#endif /* LQC_RUNTIME_CAPI_H */
