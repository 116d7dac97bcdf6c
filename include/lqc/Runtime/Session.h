//===- Session.h - sequences through a model --------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Holds the memory of a step: arena, cache of all slots, logits. All of it is
// taken at the start, as anonymous pages that cost nothing until touched, so a
// long context is free until it is used.
//
// A slot is one sequence. Tokens of several slots may share a step
// (feedBatch): each sequence gets the same bits as if it were alone, because no
// sum crosses rows and the order of a sum does not depend on their number.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_SESSION_H
#define LQC_RUNTIME_SESSION_H

#include "lqc/Runtime/Model.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lqc::runtime {

/// Anonymous zeroed pages; aligned to a page.
class Pages {
public:
  Pages() = default;
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  ~Pages();

  /// Reserves `bytes` bytes (0 is fine). False if the system refuses.
  bool reserve(size_t bytes);
  char *data() const { return base; }
  /// Asks for large pages, for memory that is read from end to end.
  void preferLargePages() const;

private:
  char *base = nullptr;
  size_t size = 0;
};

inline constexpr int64_t kMaxSlots = 1024;

class Session {
public:
  /// `weights`: the payload's section. `context`: positions that may be used, 1
  /// to model.context. `slots`: sequences, 1 to kMaxSlots. Returns null and
  /// says why in `error` if memory cannot be had.
  static std::unique_ptr<Session> create(const struct lqc_model &model,
                                         const char *weights, lqc_pool &pool,
                                         int64_t context, std::string &error,
                                         int64_t slots = 1);

  int64_t context() const { return contextLimit; }
  int64_t vocabulary() const { return model.vocabulary; }
  int32_t slotCount() const { return int32_t(filled.size()); }
  /// Tokens that feedBatch takes at most.
  int64_t batchLimit() const { return model.chunk; }
  /// Tokens fed so far.
  int64_t position(int32_t slot = 0) const { return filled[size_t(slot)]; }
  int64_t room(int32_t slot = 0) const { return contextLimit - position(slot); }
  /// Begins a new text, or goes back to an earlier position of this one.
  void rewind(int64_t position = 0, int32_t slot = 0) {
    filled[size_t(slot)] = next[size_t(slot)] = int32_t(position);
  }

  /// Feeds tokens (1 to room() of them, each < vocabulary). Returns the logits
  /// (vocabulary) after the last one, valid until the next call.
  float *feed(std::span<const int32_t> tokens, int32_t slot = 0);

  /// Feeds one step of tokens (1 to batchLimit() of them); tokens[i] goes to
  /// the next position of slots[i], which must have room. Returns the logits
  /// (tokens, vocabulary), valid until the next call.
  float *feedBatch(std::span<const int32_t> tokens,
                   std::span<const int32_t> slots);

  /// What `feedAll` gives for each token: its index and its logits
  /// (vocabulary). False stops.
  using RowSink = std::function<bool(size_t index, const float *logits)>;

  /// Feeds tokens to slot 0 and gives every row to `sink`. False if `sink` said
  /// so.
  bool feedAll(std::span<const int32_t> tokens, const RowSink &sink);

private:
  Session(const struct lqc_model &model, int64_t context, int64_t slots);
  bool reserve(std::string &error);
  void step(std::span<const int32_t> tokens, const int32_t *outputs,
            int64_t outputCount);

  const struct lqc_model &model;
  int64_t contextLimit;
  lqc_step arguments = {};
  Pages arena;                    // (arena_bytes)
  Pages cache;                    // (slotCount, cache_bytes)
  Pages logits;                   // float (chunk, vocabulary)
  std::vector<int32_t> positions; // (chunk)
  std::vector<int32_t> slots;     // (chunk) of the step's tokens
  std::vector<int32_t> allRows;   // (chunk): 0, 1, 2…
  std::vector<int32_t> filled;    // (slotCount) positions
  std::vector<int32_t> next;      // the same, with the running step's tokens
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_SESSION_H
