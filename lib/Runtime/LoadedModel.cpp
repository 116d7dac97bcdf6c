//===- LoadedModel.cpp - code and payload, ready to run -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/LoadedModel.h"

#include "lqc/Runtime/PayloadCheck.h"

#include <cstring>

namespace lqc::runtime {

/// What does not fit between the code and the payload, or "".
static std::string modelProblem(const LoadedModel &loaded) {
  const struct lqc_model &model = loaded.model;
  if (model.version != LQC_MODEL_VERSION)
    return "code of the model: version must be " +
           std::to_string(LQC_MODEL_VERSION) +
           ", got: " + std::to_string(model.version);
  const uint64_t found = loaded.payload.bytes(Section::Weights);
  if (found != uint64_t(model.weights_bytes))
    return "payload section weights: size must be " +
           std::to_string(model.weights_bytes) +
           ", got: " + std::to_string(found);
  return {};
}

/// Takes the model's defaults from the payload. Returns what is wrong with
/// them, or "".
static std::string readDefaults(LoadedModel &loaded) {
  const uint64_t bytes = loaded.payload.bytes(Section::Generation);
  if (!bytes)
    return {};
  const std::string where = "payload section generation: ";
  if (bytes != sizeof(GenerationDefaults))
    return where + "size must be " +
           std::to_string(sizeof(GenerationDefaults)) +
           ", got: " + std::to_string(bytes);
  std::memcpy(&loaded.defaults, loaded.payload.data(Section::Generation),
              sizeof(GenerationDefaults));
  const std::string problem = generationProblem(loaded.defaults);
  return problem.empty() ? problem : where + problem;
}

bool LoadedModel::openPayload(const char *path, std::string &error) {
  if (!payload.open(path, error))
    return false;
  error = modelProblem(*this);
  if (error.empty())
    error = readDefaults(*this);
  return error.empty();
}

bool LoadedModel::openTokenizer(std::string &error) {
  if (!payload.bytes(Section::TokenizerTables))
    return true;
  tokenizer = Tokenizer::open(payload.data(Section::TokenizerTables),
                              payload.bytes(Section::TokenizerTables), error);
  if (!tokenizer)
    error = "payload section tokenizer: " + error;
  return tokenizer != nullptr;
}

bool LoadedModel::start(int threads, int64_t context, int64_t slots,
                        std::string &error) {
  pool = lqc_pool::create(threads ? threads : availableProcessors(), error);
  if (!pool)
    return false;
  payload.readAhead();
  session = Session::create(model, payload.data(Section::Weights), *pool,
                            context, error, slots);
  return session != nullptr;
}

DecodeResult decode(LoadedModel &loaded, int32_t slot, float *logits,
                    Sampler &sampler, int64_t count, const TokenSink &sink) {
  Session &session = *loaded.session;
  DecodeResult result;
  auto stopped = [&](Stop why) {
    result.stop = why;
    return result;
  };
  while (result.sampled < count) {
    const int32_t token = sampler.sample(logits);
    if (token < 0)
      return stopped(Stop::NotFinite);
    const bool ends = loaded.tokenizer && loaded.tokenizer->isEos(token);
    ++result.sampled;
    if (!sink(token, ends))
      return stopped(Stop::Refused);
    if (ends)
      return stopped(Stop::EndOfText);
    if (result.sampled == count)
      break;
    if (!session.room(slot))
      return stopped(Stop::ContextFull);
    sampler.accept(token);
    logits = session.feed({&token, 1}, slot);
    ++result.fed;
  }
  return result;
}

} // namespace lqc::runtime
