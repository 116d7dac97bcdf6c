//===- GenerationConfig.cpp - what generation_config.json says ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/GenerationConfig.h"

#include "lib/Import/Safetensors/FieldReader.h"

using namespace lqc;

static void readSampling(FieldReader &fields,
                         runtime::GenerationDefaults &defaults) {
  const bool samples = fields.boolean("do_sample", false);
  if (samples) { // what `transformers` takes where the file is silent
    defaults.temperature = 1;
    defaults.topK = 50;
    defaults.topP = 1;
    defaults.minP = 0;
  }
  std::optional<double> temperature =
      fields.optionalNumber("temperature", 0, 100);
  if (samples && temperature)
    defaults.temperature = *temperature;
  defaults.topK = fields.integer("top_k", defaults.topK, 0);
  defaults.topP = fields.optionalNumber("top_p", 0, 1).value_or(defaults.topP);
  defaults.minP = fields.optionalNumber("min_p", 0, 1).value_or(defaults.minP);
  defaults.repeatPenalty =
      fields.optionalNumber("repetition_penalty", 0.01, 100)
          .value_or(defaults.repeatPenalty);
  defaults.count = fields.integer("max_new_tokens", defaults.count, 0);
}

static void readTokens(FieldReader &fields, int64_t vocabulary,
                       GenerationConfig &config) {
  if (fields.get("bos_token_id"))
    config.bosToken =
        fields.integer("bos_token_id", std::nullopt, 0, vocabulary - 1);
  const llvm::json::Value *eos = fields.get("eos_token_id");
  if (!eos)
    return;
  config.eosTokens.emplace();
  const llvm::json::Array *list = eos->getAsArray();
  if (!list) {
    config.eosTokens->push_back(
        fields.integer("eos_token_id", std::nullopt, 0, vocabulary - 1));
    return;
  }
  for (const llvm::json::Value &value : *list) {
    std::optional<int64_t> token = value.getAsInteger();
    if (!token || *token < 0 || *token >= vocabulary)
      return fields.fail(
          "eos_token_id",
          "must hold integers from 0 to " + llvm::Twine(vocabulary - 1), eos);
    config.eosTokens->push_back(*token);
  }
}

/// Keys whose value differs from the one that changes nothing.
static std::vector<std::string> ignoredKeys(const FieldReader &fields) {
  const std::pair<llvm::StringRef, llvm::json::Value> harmless[] = {
      {"num_beams", 1},           {"no_repeat_ngram_size", 0},
      {"typical_p", 1.0},         {"epsilon_cutoff", 0.0},
      {"eta_cutoff", 0.0},        {"penalty_alpha", 0.0},
      {"bad_words_ids", nullptr}, {"suppress_tokens", nullptr}};
  std::vector<std::string> result;
  for (const auto &[key, value] : harmless)
    if (const llvm::json::Value *found = fields.get(key))
      if (*found != value)
        result.push_back(key.str());
  return result;
}

llvm::Expected<GenerationConfig>
lqc::parseGenerationConfig(llvm::StringRef text, llvm::StringRef path,
                           int64_t vocabulary) {
  llvm::Expected<llvm::json::Value> json = parseJson(text, path);
  if (!json)
    return json.takeError();
  const llvm::json::Object *root = json->getAsObject();
  if (!root)
    return makeError("{0}: configuration must be an object, got: {1}", path,
                     describeJson(&*json));
  GenerationConfig config;
  FieldReader fields(*root, path);
  readSampling(fields, config.defaults);
  readTokens(fields, vocabulary, config);
  config.ignored = ignoredKeys(fields);
  if (llvm::Error error = fields.takeError())
    return std::move(error);
  return config;
}
