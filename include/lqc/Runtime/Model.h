//===- Model.h - between generated code and the runtime ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The binary interface between the code that LQC generates for one model and
// the runtime that is linked with it. Generated code defines `lqc_model` and
// calls `lqc_dispatch`; the runtime does the rest. The compiler's step lowering
// (passes/Lower/CPU) writes these structures field by field: change both
// together, and raise LQC_MODEL_VERSION.
//
// One *step* feeds `count` tokens, each with its position and its cache slot
// (which sequence it belongs to), appends their keys and values to the cache
// and computes the logits of the `output_count` rows listed in `outputs`.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_MODEL_H
#define LQC_RUNTIME_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LQC_MODEL_VERSION 2

struct lqc_pool; /* the runtime's thread pool */

/* The arguments of one step. All counts are in tokens. */
struct lqc_step {
  const int32_t *tokens;    /* (count) token ids, each < vocabulary */
  const int32_t *positions; /* (count) each < the context of `cache` */
  const int32_t *slots;     /* (count) each < number of slots */
  const int32_t *outputs;   /* (output_count) rows whose logits are wanted */
  float *logits;            /* (output_count, vocabulary) */
  char *arena;              /* lqc_model.arena_bytes, 64-byte aligned */
  const char *weights;      /* the payload's weights, 64-byte aligned */
  char *cache;              /* (slots) x lqc_model.cache_bytes */
  struct lqc_pool *pool;
  int64_t count;        /* 1 for decode, 1 to chunk for prefill */
  int64_t output_count; /* 0 to count */
};

typedef void lqc_step_function(const struct lqc_step *step);

/* A kernel does units [begin, end) of its work: blocks of output rows for a
   linear, tokens or (token, head) pairs for the others. `arguments` are its
   operands and destinations; `count` is the number of valid rows. */
typedef void lqc_kernel_function(void *const *arguments, int64_t count,
                                 int64_t begin, int64_t end);

/* Runs units [0, units) of a kernel on the pool's threads and returns when all
   are done. A thread is given at least `grain` units (a smaller dispatch stays
   on the caller's thread). */
void lqc_dispatch(struct lqc_pool *pool, lqc_kernel_function *kernel,
                  void *const *arguments, int64_t count, int64_t units,
                  int64_t grain);

/* What a kernel costs, from its static shape, for --profile. A dispatch for
   `rows` rows whose positions see `seen` positions in all (its own included)
   touches

     weight_bytes + rows * row_bytes + seen * seen_bytes

   bytes and does rows * row_multiply_adds + seen * seen_multiply_adds. */
struct lqc_kernel {
  const char *name; /* its symbol */
  lqc_kernel_function *function;
  int64_t weight_bytes; /* read once, whatever the rows */
  int64_t row_bytes;    /* activations, rows of tables and of the cache */
  int64_t seen_bytes;   /* of the cache, for each position that is seen */
  int64_t row_multiply_adds;
  int64_t seen_multiply_adds;
  int64_t integer; /* 1: multiplies int8, 0: float */
};

/* What generated code says of itself. */
struct lqc_model {
  int64_t version;       /* LQC_MODEL_VERSION */
  int64_t vocabulary;    /* logits in a row */
  int64_t context;       /* positions in one cache slot */
  int64_t chunk;         /* tokens that `prefill` takes at most */
  int64_t arena_bytes;   /* scratch memory of a step */
  int64_t cache_bytes;   /* of one slot */
  int64_t weights_bytes; /* of the payload's weights section */
  lqc_step_function *decode;
  lqc_step_function *prefill;
  const char *features; /* CPU features the code needs: "avx2 fma f16c" */
  const struct lqc_kernel *kernels; /* (kernel_count) */
  int64_t kernel_count;
};

extern const struct lqc_model lqc_model;

#ifdef __cplusplus
}
#endif

#endif /* LQC_RUNTIME_MODEL_H */
