//===- GraphMemory.cpp - memory for the tensors of a graph ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Blocks that were given back are kept, by size, and given out again: a second
// run of the same shapes takes nothing new from the system. In front of each
// block stands its size.
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include "lqc/Runtime/Tensor.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace lqc::runtime;

constexpr size_t kBlockHeader = 64; // keeps the alignment

lqc_graph_memory::~lqc_graph_memory() { release(); }

void lqc_graph_memory::release() {
  for (auto &[bytes, blocks] : freeBlocks)
    for (char *block : blocks)
      std::free(block);
  freeBlocks.clear();
}

void *lqc_graph_memory::allocate(size_t bytes) {
  bytes = (bytes + kBlockHeader - 1) / kBlockHeader * kBlockHeader;
  auto found = freeBlocks.find(bytes);
  if (found != freeBlocks.end() && !found->second.empty()) {
    char *block = found->second.back();
    found->second.pop_back();
    return block + kBlockHeader;
  }
  if (bytes > SIZE_MAX / 2)
    return nullptr;
  void *block = std::aligned_alloc(kBlockHeader, bytes + kBlockHeader);
  if (!block) {
    release(); // what other shapes have left behind
    block = std::aligned_alloc(kBlockHeader, bytes + kBlockHeader);
  }
  if (!block)
    return nullptr;
  std::memcpy(block, &bytes, sizeof(bytes));
  ++taken;
  return static_cast<char *>(block) + kBlockHeader;
}

void lqc_graph_memory::free(void *data) {
  char *block = static_cast<char *>(data) - kBlockHeader;
  size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof(bytes));
  freeBlocks[bytes].push_back(block);
}

//===----------------------------------------------------------------------===//
// What generated code calls
//===----------------------------------------------------------------------===//

void *lqc_graph_alloc(lqc_graph_memory *memory, int64_t elementBytes,
                      int64_t rank, const int64_t *dims) {
  int64_t bytes = elementBytes;
  bool fits = true, isEmpty = false;
  for (int64_t i = 0; i < rank; ++i) {
    isEmpty |= dims[i] == 0;
    fits &= dims[i] >= 0;
  }
  for (int64_t i = 0; i < rank && fits && !isEmpty; ++i)
    fits = !__builtin_mul_overflow(bytes, dims[i], &bytes);
  void *data = fits ? memory->allocate(isEmpty ? 0 : size_t(bytes)) : nullptr;
  if (data)
    return data;
  std::string shape = shapeText(std::vector<int64_t>(dims, dims + rank));
  lqc_graph_fail(
      ("there is no memory for a tensor of " + shape + " elements").c_str());
}

void lqc_graph_free(lqc_graph_memory *memory, void *data) {
  memory->free(data);
}

static std::string failureName = "model";

void lqc::runtime::nameFailures(const std::string &name) { failureName = name; }

void lqc_graph_fail(const char *message) {
  // Several threads may fail; the first one speaks.
  static std::atomic<bool> hasFailed{false};
  if (hasFailed.exchange(true))
    while (true)
      ::pause();
  reportFailure(failureName, message);
  // Threads are running; nothing is left to be written.
  ::_exit(1);
}
