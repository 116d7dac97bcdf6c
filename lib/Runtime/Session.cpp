//===- Session.cpp - one sequence through a model -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace lqc::runtime {

Pages::~Pages() {
  if (base)
    ::munmap(base, size);
}

bool Pages::reserve(size_t bytes) {
  size = std::max<size_t>(bytes, 1);
  void *mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    return false;
  base = static_cast<char *>(mapped);
  return true;
}

void Pages::preferLargePages() const { ::madvise(base, size, MADV_HUGEPAGE); }

Session::Session(const struct lqc_model &model, int64_t context)
    : model(model), contextLimit(context), positions(size_t(model.chunk)),
      slots(size_t(model.chunk), 0), allRows(size_t(model.chunk)) {
  for (int64_t i = 0; i < model.chunk; ++i)
    allRows[size_t(i)] = int32_t(i);
}

bool Session::reserve(std::string &error) {
  const struct {
    Pages &pages;
    uint64_t bytes;
    const char *name;
  } parts[] = {
      {arena, uint64_t(model.arena_bytes), "scratch memory"},
      {cache, uint64_t(model.cache_bytes), "the cache"},
      {logits, uint64_t(model.chunk) * uint64_t(model.vocabulary) * 4,
       "the logits"},
  };
  for (const auto &part : parts) {
    if (part.pages.reserve(part.bytes))
      continue;
    error = "cannot reserve " + std::to_string(part.bytes) + " bytes for " +
            part.name + ": " + std::strerror(errno);
    return false;
  }
  return true;
}

std::unique_ptr<Session> Session::create(const struct lqc_model &model,
                                         const char *weights, lqc_pool &pool,
                                         int64_t context, std::string &error) {
  std::unique_ptr<Session> session(new Session(model, context));
  if (!session->reserve(error))
    return nullptr;
  lqc_step &step = session->arguments;
  step.positions = session->positions.data();
  step.slots = session->slots.data();
  step.logits = reinterpret_cast<float *>(session->logits.data());
  step.arena = session->arena.data();
  step.weights = weights;
  step.cache = session->cache.data();
  step.pool = &pool;
  return session;
}

/// Feeds 1 to `chunk` tokens and computes the logits of the rows `outputs`.
void Session::step(std::span<const int32_t> tokens, const int32_t *outputs,
                   int64_t outputCount) {
  for (size_t i = 0; i < tokens.size(); ++i)
    positions[i] = int32_t(filled + int64_t(i));
  arguments.tokens = tokens.data();
  arguments.outputs = outputs;
  arguments.count = int64_t(tokens.size());
  arguments.output_count = outputCount;
  (tokens.size() == 1 ? model.decode : model.prefill)(&arguments);
  filled += int64_t(tokens.size());
}

float *Session::feed(std::span<const int32_t> tokens) {
  while (!tokens.empty()) {
    const size_t count = std::min(tokens.size(), size_t(model.chunk));
    const bool last = count == tokens.size();
    step(tokens.first(count), &allRows[count - 1], last ? 1 : 0);
    tokens = tokens.subspan(count);
  }
  return arguments.logits;
}

bool Session::feedAll(std::span<const int32_t> tokens, const RowSink &sink) {
  for (size_t begin = 0; begin < tokens.size();) {
    const size_t count = std::min(tokens.size() - begin, size_t(model.chunk));
    step(tokens.subspan(begin, count), allRows.data(), int64_t(count));
    for (size_t i = 0; i < count; ++i)
      if (!sink(begin + i, arguments.logits + i * size_t(model.vocabulary)))
        return false;
    begin += count;
  }
  return true;
}

} // namespace lqc::runtime
