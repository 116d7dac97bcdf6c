//===- LoadedModel.h - code and payload, ready to run -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the executable's main() and the C API have in common: how a model is
// brought to life, step by step.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_LOADEDMODEL_H
#define LQC_RUNTIME_LOADEDMODEL_H

#include "lqc/Runtime/PayloadFile.h"
#include "lqc/Runtime/Pool.h"
#include "lqc/Runtime/Sampler.h"
#include "lqc/Runtime/Session.h"
#include "lqc/Runtime/Tokenizer.h"

#include <functional>
#include <memory>
#include <string>

namespace lqc::runtime {

struct LoadedModel {
  explicit LoadedModel(const struct lqc_model &model) : model(model) {}

  const struct lqc_model &model;
  PayloadFile payload;
  GenerationDefaults defaults;          ///< the model's own, after openPayload
  std::unique_ptr<Tokenizer> tokenizer; ///< null: the model takes token ids
  std::unique_ptr<lqc_pool> pool;
  std::unique_ptr<Session> session;

  /// Maps the payload of the file `path` and checks that it fits the code. Each
  /// of these returns false and says why in `error`.
  bool openPayload(const char *path, std::string &error);
  /// After openPayload.
  bool openTokenizer(std::string &error);
  /// Takes all memory and threads that steps need. `threads`: 0 for one for
  /// each processor. `context`: 1 to model.context.
  bool start(int threads, int64_t context, int64_t slots, std::string &error);
};

/// Why a text is over.
enum class Stop { Count, EndOfText, ContextFull, NotFinite, Refused };

struct DecodeResult {
  Stop stop = Stop::Count;
  int64_t sampled = 0; ///< tokens given to the sink
  int64_t fed = 0;     ///< of these, tokens fed to the session
};

/// Takes a token; `ends`: it ends the text. False stops.
using TokenSink = std::function<bool(int32_t token, bool ends)>;

/// Samples up to `count` tokens of a slot, the first from `logits`, and feeds
/// each but the last.
DecodeResult decode(LoadedModel &loaded, int32_t slot, float *logits,
                    Sampler &sampler, int64_t count, const TokenSink &sink);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_LOADEDMODEL_H
