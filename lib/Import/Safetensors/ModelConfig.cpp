//===- ModelConfig.cpp - what config.json says ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/ModelConfig.h"

#include "lib/Import/Safetensors/FieldReader.h"
#include "lqc/Support/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace lqc;

static constexpr int64_t kMaxSize = INT32_MAX;
static constexpr int64_t kMaxHeadDim = 1 << 16;

llvm::StringRef lqc::modelFamilyName(ModelFamily family) {
  switch (family) {
  case ModelFamily::Llama:
    return "llama";
  }
  llvm_unreachable("every family has a name");
}

//===----------------------------------------------------------------------===//
// The parts of a configuration
//===----------------------------------------------------------------------===//

static bool namesLlama(const llvm::json::Object &root) {
  if (root.getString("model_type") == "llama")
    return true;
  const llvm::json::Array *architectures = root.getArray("architectures");
  return architectures && llvm::any_of(*architectures, [](const auto &value) {
           return value.getAsString() == "LlamaForCausalLM";
         });
}

static void readSizes(FieldReader &fields, ModelConfig &config) {
  config.hiddenSize = fields.integer("hidden_size", std::nullopt);
  config.intermediateSize = fields.integer("intermediate_size", std::nullopt);
  config.layers =
      fields.integer("num_hidden_layers", std::nullopt, 1, /*high=*/100'000);
  config.heads = fields.integer("num_attention_heads", std::nullopt);
  config.kvHeads = fields.integer("num_key_value_heads", config.heads);
  config.vocabulary = fields.integer("vocab_size", std::nullopt);
  config.maxPositions = fields.integer("max_position_embeddings", 2048);
  if (!fields.get("head_dim") && config.hiddenSize % config.heads != 0)
    fields.fail("hidden_size",
                "must be a multiple of num_attention_heads where head_dim is "
                "not given",
                llvm::formatv("{0} and {1}", config.hiddenSize, config.heads));
  config.headDim = fields.integer("head_dim", config.hiddenSize / config.heads);
  if (config.heads % config.kvHeads != 0)
    fields.fail("num_key_value_heads", "must divide num_attention_heads",
                llvm::formatv("{0} and {1}", config.kvHeads, config.heads));
  if (config.headDim % 2 != 0 || config.headDim > kMaxHeadDim)
    fields.fail("head_dim",
                "must be even and at most " + llvm::Twine(kMaxHeadDim),
                std::to_string(config.headDim));
  if (config.heads * config.headDim > kMaxSize)
    fields.fail("head_dim", "times num_attention_heads must be less than 2^31",
                llvm::formatv("{0} and {1}", config.headDim, config.heads));
}

static void readArithmetic(FieldReader &fields, ModelConfig &config) {
  config.rmsNormEpsilon = fields.positive("rms_norm_eps", 1e-6);
  config.tiedEmbeddings = fields.boolean("tie_word_embeddings", false);
  config.attentionBias = fields.boolean("attention_bias", false);
  config.mlpBias = fields.boolean("mlp_bias", false);
  std::string name = fields.string("hidden_act", "silu");
  std::optional<Activation> activation =
      llvm::StringSwitch<std::optional<Activation>>(name)
          .Cases({"silu", "swish"}, Activation::Silu)
          .Cases({"gelu_pytorch_tanh", "gelu_new"}, Activation::GeluTanh)
          .Default(std::nullopt);
  if (!activation)
    fields.fail("hidden_act", "must be silu, gelu_pytorch_tanh or gelu_new",
                quote(name));
  config.activation = activation.value_or(Activation::Silu);
}

/// `scaling`: the object `rope_scaling`, or `rope_parameters` of newer files.
static void readRopeScaling(FieldReader &scaling, ModelConfig &config) {
  config.ropeTheta = scaling.positive("rope_theta", config.ropeTheta);
  // Old files call it `type`.
  std::string type =
      scaling.string("rope_type", scaling.string("type", "default"));
  if (scaling.get("partial_rotary_factor") &&
      scaling.positive("partial_rotary_factor", 1) != 1)
    scaling.fail("partial_rotary_factor", "must be 1",
                 scaling.get("partial_rotary_factor"));
  if (type == "default")
    return;
  if (type == "linear") {
    config.ropeScaling = RopeScaling::Linear;
    config.ropeFactor = scaling.positive("factor", std::nullopt);
    return;
  }
  if (type != "llama3") {
    scaling.fail("rope_type", "must be default, linear or llama3", quote(type));
    return;
  }
  config.ropeScaling = RopeScaling::Llama3;
  config.ropeFactor = scaling.positive("factor", std::nullopt);
  config.ropeLowFrequencyFactor =
      scaling.positive("low_freq_factor", std::nullopt);
  config.ropeHighFrequencyFactor =
      scaling.positive("high_freq_factor", std::nullopt);
  config.ropeOriginalPositions =
      scaling.integer("original_max_position_embeddings", std::nullopt);
  if (config.ropeHighFrequencyFactor <= config.ropeLowFrequencyFactor)
    scaling.fail("high_freq_factor", "must be above low_freq_factor",
                 scaling.get("high_freq_factor"));
}

static llvm::Error readRope(FieldReader &fields, llvm::StringRef path,
                            ModelConfig &config) {
  config.ropeTheta = fields.positive("rope_theta", 10000);
  for (llvm::StringRef key : {"rope_scaling", "rope_parameters"}) {
    const llvm::json::Object *object = fields.child(key);
    if (!object)
      continue;
    FieldReader scaling(*object, path, (key + ".").str());
    readRopeScaling(scaling, config);
    if (llvm::Error error = scaling.takeError())
      return error;
  }
  return llvm::Error::success();
}

static void readTokens(FieldReader &fields, const llvm::json::Object &root,
                       ModelConfig &config) {
  int64_t last = config.vocabulary - 1;
  // A key that says null means that there is no such token; a key that is not
  // there means the family's default.
  if (fields.get("bos_token_id"))
    config.bosToken = fields.integer("bos_token_id", std::nullopt, 0, last);
  else if (!root.get("bos_token_id") && last >= 1)
    config.bosToken = 1;
  const llvm::json::Value *eos = fields.get("eos_token_id");
  if (!eos) {
    if (!root.get("eos_token_id") && last >= 2)
      config.eosTokens.push_back(2);
    return;
  }
  const llvm::json::Array *list = eos->getAsArray();
  if (!list) {
    config.eosTokens.push_back(
        fields.integer("eos_token_id", std::nullopt, 0, last));
    return;
  }
  for (const llvm::json::Value &value : *list) {
    std::optional<int64_t> token = value.getAsInteger();
    if (!token || *token < 0 || *token > last)
      return fields.fail("eos_token_id",
                         "must hold integers from 0 to " + llvm::Twine(last),
                         eos);
    config.eosTokens.push_back(*token);
  }
}

static llvm::Error checkFamily(const llvm::json::Object &root,
                               llvm::StringRef path) {
  FieldReader fields(root, path);
  if (const llvm::json::Value *architectures = fields.get("architectures"))
    if (!architectures->getAsArray())
      fields.fail("architectures", "must be a list", architectures);
  if (!namesLlama(root))
    fields.fail("model_type", "must be one of the supported families (llama)",
                fields.get("model_type"));
  if (const llvm::json::Value *quantization = fields.get("quantization_config"))
    fields.fail("quantization_config",
                "must be absent: only checkpoints of floats are read",
                quantization);
  return fields.takeError();
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

llvm::Expected<ModelConfig> lqc::parseModelConfig(llvm::StringRef text,
                                                  llvm::StringRef path) {
  llvm::Expected<llvm::json::Value> json = parseJson(text, path);
  if (!json)
    return json.takeError();
  const llvm::json::Object *root = json->getAsObject();
  if (!root)
    return makeError("{0}: configuration must be an object, got: {1}", path,
                     describeJson(&*json));
  if (llvm::Error error = checkFamily(*root, path))
    return std::move(error);
  ModelConfig config;
  FieldReader fields(*root, path);
  readSizes(fields, config);
  readArithmetic(fields, config);
  readTokens(fields, *root, config);
  llvm::Error ropeError = readRope(fields, path, config);
  if (llvm::Error error = fields.takeError()) {
    llvm::consumeError(std::move(ropeError));
    return std::move(error);
  }
  if (ropeError)
    return std::move(ropeError);
  return config;
}

llvm::Expected<ModelConfig> lqc::readModelConfig(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseModelConfig(file->text(), path);
}

//===----------------------------------------------------------------------===//
// Rotary frequencies
//===----------------------------------------------------------------------===//

/// The rule of Llama 3.1: wavelengths (positions a turn) over
/// original / low factor are stretched by `factor`, those under original / high
/// factor stay, and between them the two are mixed.
static float scaleLlama3(float frequency, const ModelConfig &config) {
  constexpr double kPi = 3.14159265358979323846;
  double original = static_cast<double>(config.ropeOriginalPositions);
  double low = config.ropeLowFrequencyFactor;
  double high = config.ropeHighFrequencyFactor;
  float factor = static_cast<float>(config.ropeFactor);
  // `scalar / tensor` is reciprocal(tensor) * scalar in PyTorch.
  float wavelength = 1.0f / frequency * static_cast<float>(2 * kPi);
  if (wavelength > static_cast<float>(original / low))
    return frequency / factor;
  if (wavelength < static_cast<float>(original / high))
    return frequency;
  float turns = 1.0f / wavelength * static_cast<float>(original);
  float smooth =
      (turns - static_cast<float>(low)) / static_cast<float>(high - low);
  return (1.0f - smooth) * frequency / factor + smooth * frequency;
}

std::vector<float> lqc::ropeFrequencies(const ModelConfig &config) {
  std::vector<float> frequencies(config.headDim / 2);
  float theta = static_cast<float>(config.ropeTheta);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    float exponent =
        static_cast<float>(2 * i) / static_cast<float>(config.headDim);
    // In double, then rounded: within half a unit of the last place of what
    // any good float32 pow gives.
    float power = static_cast<float>(
        std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
    float frequency = 1.0f / power;
    if (config.ropeScaling == RopeScaling::Linear)
      frequency /= static_cast<float>(config.ropeFactor);
    if (config.ropeScaling == RopeScaling::Llama3)
      frequency = scaleLlama3(frequency, config);
    frequencies[i] = frequency;
  }
  return frequencies;
}
