//===- Graph.h - between the code of a graph and the runtime ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The binary interface between the code that LQC generates for a graph (a model
// that is no decoder: one call, tensors in, tensors out) and the runtime that
// is linked with it. Generated code defines `lqc_graph` and a weak `main`, and
// calls the functions below and `lqc_dispatch` (lqc/Runtime/Model.h). The
// lowering (passes/Lower/CPU/LowerGraph.cpp) writes these structures field by
// field: change both together, and raise LQC_GRAPH_VERSION.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_GRAPH_H
#define LQC_RUNTIME_GRAPH_H

#include "lqc/Runtime/Model.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LQC_GRAPH_VERSION 1

/* Element types, by the numbers of ONNX (TensorProto.DataType). A bool is a
   byte, 0 or 1. */
enum lqc_element {
  LQC_FLOAT32 = 1,
  LQC_UINT8 = 2,
  LQC_INT8 = 3,
  LQC_UINT16 = 4,
  LQC_INT16 = 5,
  LQC_INT32 = 6,
  LQC_INT64 = 7,
  LQC_BOOL = 9,
  LQC_FLOAT16 = 10,
  LQC_FLOAT64 = 11,
  LQC_UINT32 = 12,
  LQC_UINT64 = 13,
  LQC_BFLOAT16 = 16,
  LQC_FLOAT8_E4M3FN = 17,
  LQC_FLOAT8_E4M3FNUZ = 18,
  LQC_FLOAT8_E5M2 = 19,
  LQC_FLOAT8_E5M2FNUZ = 20
};

/* A tensor: row-major elements and `rank` sizes. */
struct lqc_graph_tensor {
  void *data;
  int64_t *dims;
};

struct lqc_graph_memory; /* where tensors come from and go to */

/* One run. The inputs have the types that lqc_graph says, and are not written
   to. */
struct lqc_graph_call {
  const char *weights; /* the payload's weights, 64-byte aligned */
  struct lqc_pool *pool;
  struct lqc_graph_memory *memory;
  const struct lqc_graph_tensor *inputs; /* (lqc_graph.input_count) */
  /* (lqc_graph.output_count) `dims` has place for the rank; the run sets what
     it points to and `data`, memory that the caller gives back with
     lqc_graph_free. Two outputs may be the same memory. */
  struct lqc_graph_tensor *outputs;
};

typedef void lqc_graph_function(const struct lqc_graph_call *call);

/* Memory for a tensor, aligned to 64 bytes. Ends the program with a line if
   there is not enough of it or a size is negative. */
void *lqc_graph_alloc(struct lqc_graph_memory *memory, int64_t element_bytes,
                      int64_t rank, const int64_t *dims);
void lqc_graph_free(struct lqc_graph_memory *memory, void *data);

/* Ends the program with "NAME: message" and exit code 1; from any thread. */
void lqc_graph_fail(const char *message) __attribute__((noreturn));

/* An input or output. */
struct lqc_graph_value {
  const char *name;
  int64_t element; /* lqc_element */
  int64_t rank;
  const int64_t *dims;          /* (rank) -1: any size */
  const char *const *dim_names; /* (rank) "" : none. Equal names, equal sizes */
};

/* What generated code says of itself. */
struct lqc_graph {
  int64_t version; /* LQC_GRAPH_VERSION */
  int64_t input_count;
  const struct lqc_graph_value *inputs;
  int64_t output_count;
  const struct lqc_graph_value *outputs;
  int64_t weights_bytes; /* of the payload's weights section */
  lqc_graph_function *run;
  const char *features; /* CPU features the code needs: "avx2 fma f16c" */
};

/* The whole program behind main(): returns the exit status. */
int lqc_graph_main(const struct lqc_graph *graph, int argc, char **argv);
/* The same for a graph that embeds text: with a tokenizer. */
int lqc_encoder_main(const struct lqc_graph *graph, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif /* LQC_RUNTIME_GRAPH_H */
