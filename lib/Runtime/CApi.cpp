//===- CApi.cpp - a compiled model as a library ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a caller hands in is checked here: what lies below trusts its
// arguments.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/CApi.h"

#include "lqc/Runtime/CpuFeatures.h"
#include "lqc/Runtime/LoadedModel.h"
#include "lqc/Runtime/PayloadCheck.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

using namespace lqc::runtime;

struct lqc_instance : LoadedModel {
  using LoadedModel::LoadedModel;
};

struct lqc_sampler : Sampler {
  using Sampler::Sampler;
};

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// Of fixed size: a thread may end after the library is gone.
static thread_local char lastError[512];

static void setError(const std::string &message) {
  const size_t bytes = std::min(message.size(), sizeof(lastError) - 1);
  std::memcpy(lastError, message.data(), bytes);
  lastError[bytes] = 0;
}

static int64_t fail(const std::string &message) {
  setError(message);
  return -1;
}

const char *lqc_last_error(void) { return lastError; }

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// The file that this code was loaded from, or "".
static std::string ownFile() {
  Dl_info found = {};
  if (!::dladdr(&::lqc_model, &found) || !found.dli_fname)
    return {};
  return found.dli_fname;
}

static bool isWithin(const char *what, int64_t value, int64_t most,
                     std::string &error) {
  if (value >= 1 && value <= most)
    return true;
  error = std::string(what) + " must be 1 to " + std::to_string(most) +
          ", got: " + std::to_string(value);
  return false;
}

static bool openInstance(lqc_instance &instance,
                         const lqc_open_options &options, std::string &error) {
  const int64_t limit = instance.model.context;
  const int64_t context = options.context ? options.context : limit;
  const int64_t slots = options.slots ? options.slots : 1;
  if (!isWithin("context", context, limit, error) ||
      !isWithin("slots", slots, kMaxSlots, error) ||
      (options.threads &&
       !isWithin("threads", options.threads, kMaxThreads, error)))
    return false;
  const std::string path = options.payload ? options.payload : ownFile();
  if (!instance.openPayload(path.c_str(), error) ||
      !instance.openTokenizer(error)) {
    error = path + ": " + error;
    return false;
  }
  return instance.start(options.threads, context, slots, error);
}

lqc_instance *lqc_open(const lqc_open_options *options) {
  const std::string_view missing = missingCpuFeature(::lqc_model.features);
  if (!missing.empty()) {
    setError("this library needs the CPU feature " + std::string(missing) +
             ", which this machine lacks; compile with --cpu=native here");
    return nullptr;
  }
  auto instance = std::make_unique<lqc_instance>(::lqc_model);
  std::string error;
  if (openInstance(*instance, options ? *options : lqc_open_options{}, error))
    return instance.release();
  setError(error);
  return nullptr;
}

void lqc_close(lqc_instance *instance) { delete instance; }

//===----------------------------------------------------------------------===//
// What it is
//===----------------------------------------------------------------------===//

int64_t lqc_vocabulary(const lqc_instance *instance) {
  return instance->model.vocabulary;
}

int64_t lqc_context(const lqc_instance *instance) {
  return instance->session->context();
}

int lqc_slots(const lqc_instance *instance) {
  return instance->session->slotCount();
}

int64_t lqc_batch_limit(const lqc_instance *instance) {
  return instance->session->batchLimit();
}

const char *lqc_info(const lqc_instance *instance, size_t *bytes) {
  const std::string_view text = instance->payload.text(Section::Info);
  *bytes = text.size();
  return text.data();
}

//===----------------------------------------------------------------------===//
// Text and tokens
//===----------------------------------------------------------------------===//

static const char *const kNoTokenizer =
    "this model has no tokenizer: it takes token ids";

int64_t lqc_tokenize(const lqc_instance *instance, const char *text,
                     size_t bytes, int add_special, int32_t *tokens,
                     int64_t capacity) {
  if (!instance->tokenizer)
    return fail(kNoTokenizer);
  const std::vector<int32_t> found =
      instance->tokenizer->encode({text, bytes}, add_special != 0);
  const int64_t written =
      std::clamp<int64_t>(capacity, 0, int64_t(found.size()));
  std::copy_n(found.begin(), written, tokens);
  return int64_t(found.size());
}

int64_t lqc_token_text(const lqc_instance *instance, int32_t token, char *text,
                       size_t capacity) {
  if (!instance->tokenizer)
    return fail(kNoTokenizer);
  if (instance->tokenizer->isSpecial(token))
    return 0;
  const std::string_view piece = instance->tokenizer->piece(token);
  std::copy_n(piece.begin(), std::min(capacity, piece.size()), text);
  return int64_t(piece.size());
}

int lqc_is_end(const lqc_instance *instance, int32_t token) {
  return instance->tokenizer && instance->tokenizer->isEos(token);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static bool isSlot(const Session &session, int64_t slot) {
  if (slot >= 0 && slot < session.slotCount())
    return true;
  setError("slot must be 0 to " + std::to_string(session.slotCount() - 1) +
           ", got: " + std::to_string(slot));
  return false;
}

static bool areTokens(const Session &session, const int32_t *tokens,
                      int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (tokens[i] >= 0 && tokens[i] < session.vocabulary())
      continue;
    setError("token id must be 0 to " +
             std::to_string(session.vocabulary() - 1) +
             ", got: " + std::to_string(tokens[i]));
    return false;
  }
  return true;
}

static bool hasRoom(const Session &session, int32_t slot, int64_t count) {
  if (count <= session.room(slot))
    return true;
  setError("tokens must fit into the context of " +
           std::to_string(session.context()) +
           ", got: " + std::to_string(session.position(slot)) + " + " +
           std::to_string(count) + " in slot " + std::to_string(slot));
  return false;
}

int64_t lqc_position(const lqc_instance *instance, int slot) {
  return isSlot(*instance->session, slot) ? instance->session->position(slot)
                                          : -1;
}

int lqc_rewind(lqc_instance *instance, int slot, int64_t position) {
  Session &session = *instance->session;
  if (!isSlot(session, slot))
    return -1;
  if (position < 0 || position > session.position(slot))
    return int(fail("position must be 0 to " +
                    std::to_string(session.position(slot)) +
                    ", got: " + std::to_string(position)));
  session.rewind(position, slot);
  return 0;
}

float *lqc_feed(lqc_instance *instance, int slot, const int32_t *tokens,
                int64_t count) {
  Session &session = *instance->session;
  if (count < 1) {
    setError("tokens must be 1 or more, got: " + std::to_string(count));
    return nullptr;
  }
  if (!isSlot(session, slot) || !areTokens(session, tokens, count) ||
      !hasRoom(session, slot, count))
    return nullptr;
  return session.feed({tokens, size_t(count)}, slot);
}

float *lqc_feed_batch(lqc_instance *instance, const int32_t *tokens,
                      const int32_t *slots, int64_t count) {
  Session &session = *instance->session;
  if (count < 1 || count > session.batchLimit()) {
    setError("tokens of a step must be 1 to " +
             std::to_string(session.batchLimit()) +
             ", got: " + std::to_string(count));
    return nullptr;
  }
  if (!areTokens(session, tokens, count))
    return nullptr;
  for (int64_t i = 0; i < count; ++i)
    if (!isSlot(session, slots[i]) ||
        !hasRoom(session, slots[i], std::count(slots, slots + count, slots[i])))
      return nullptr;
  return session.feedBatch({tokens, size_t(count)}, {slots, size_t(count)});
}

//===----------------------------------------------------------------------===//
// Choosing tokens
//===----------------------------------------------------------------------===//

void lqc_default_sampling(const lqc_instance *instance,
                          lqc_sampling *sampling) {
  const GenerationDefaults &defaults = instance->defaults;
  *sampling = {defaults.temperature, defaults.topK,          defaults.topP,
               defaults.minP,        defaults.repeatPenalty, /*seed=*/0};
}

lqc_sampler *lqc_sampler_new(const lqc_instance *instance,
                             const lqc_sampling *sampling) {
  lqc_sampling chosen;
  lqc_default_sampling(instance, &chosen);
  if (sampling)
    chosen = *sampling;
  const std::string problem =
      generationProblem({chosen.temperature, chosen.top_p, chosen.min_p,
                         chosen.repeat_penalty, chosen.top_k, /*count=*/0});
  if (!problem.empty()) {
    setError(problem);
    return nullptr;
  }
  const SamplerOptions options = {chosen.temperature,    chosen.top_k,
                                  chosen.top_p,          chosen.min_p,
                                  chosen.repeat_penalty, chosen.seed};
  return new lqc_sampler(options, instance->model.vocabulary);
}

void lqc_sampler_free(lqc_sampler *sampler) { delete sampler; }

void lqc_sampler_accept(lqc_sampler *sampler, int32_t token) {
  sampler->accept(token);
}

int32_t lqc_sample(lqc_sampler *sampler, float *logits) {
  const int32_t token = sampler->sample(logits);
  if (token < 0)
    setError("no logit is a finite number");
  return token;
}

int64_t lqc_generate(lqc_instance *instance, int slot, const int32_t *prompt,
                     int64_t prompt_count, const lqc_sampling *sampling,
                     int32_t *tokens, int64_t capacity,
                     lqc_token_callback *callback, void *user) {
  std::unique_ptr<lqc_sampler> sampler(lqc_sampler_new(instance, sampling));
  if (!sampler)
    return -1;
  float *logits = lqc_feed(instance, slot, prompt, prompt_count);
  if (!logits)
    return -1;
  for (int64_t i = 0; i < prompt_count; ++i)
    sampler->accept(prompt[i]);
  int64_t written = 0;
  auto sink = [&](int32_t token, bool) {
    tokens[written++] = token;
    return !callback || callback(user, token) == 0;
  };
  const DecodeResult result =
      decode(*instance, slot, logits, *sampler, capacity, sink);
  if (result.stop == Stop::NotFinite)
    return fail("no logit is a finite number after " +
                std::to_string(instance->session->position(slot)) + " tokens");
  return written;
}
