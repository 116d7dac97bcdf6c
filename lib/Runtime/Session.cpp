//===- Session.cpp - sequences through a model ----------------------------===//
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

Session::Session(const struct lqc_model &model, int64_t context,
                 int64_t slotCount)
    : model(model), contextLimit(context), positions(size_t(model.chunk)),
      slots(size_t(model.chunk), 0), allRows(size_t(model.chunk)),
      filled(size_t(slotCount), 0), next(size_t(slotCount), 0) {
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
      {cache, filled.size() * uint64_t(model.cache_bytes), "the cache"},
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
                                         int64_t context, std::string &error,
                                         int64_t slots) {
  std::unique_ptr<Session> session(new Session(model, context, slots));
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

/// Feeds 1 to `chunk` tokens, whose slots are set, and computes the logits of
/// the rows `outputs`.
void Session::step(std::span<const int32_t> tokens, const int32_t *outputs,
                   int64_t outputCount) {
  for (size_t i = 0; i < tokens.size(); ++i)
    positions[i] = next[size_t(slots[i])]++;
  arguments.tokens = tokens.data();
  arguments.outputs = outputs;
  arguments.count = int64_t(tokens.size());
  arguments.output_count = outputCount;
  (tokens.size() == 1 ? model.decode : model.prefill)(&arguments);
  for (size_t i = 0; i < tokens.size(); ++i)
    filled[size_t(slots[i])] = next[size_t(slots[i])];
}

float *Session::feedBatch(std::span<const int32_t> tokens,
                          std::span<const int32_t> tokenSlots) {
  std::copy(tokenSlots.begin(), tokenSlots.end(), slots.begin());
  step(tokens, allRows.data(), int64_t(tokens.size()));
  return arguments.logits;
}

float *Session::feed(std::span<const int32_t> tokens, int32_t slot) {
  std::fill(slots.begin(), slots.end(), slot);
  while (!tokens.empty()) {
    const size_t count = std::min(tokens.size(), size_t(model.chunk));
    const bool last = count == tokens.size();
    step(tokens.first(count), &allRows[count - 1], last ? 1 : 0);
    tokens = tokens.subspan(count);
  }
  return arguments.logits;
}

bool Session::feedAll(std::span<const int32_t> tokens, const RowSink &sink) {
  std::fill(slots.begin(), slots.end(), 0);
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
