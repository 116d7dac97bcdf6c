//===- ModelConfigTest.cpp - what config.json says ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/ModelConfig.h"

#include "llvm/Support/JSON.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace lqc;

namespace json = llvm::json;

/// A small configuration in which every size differs.
static json::Object smallConfig() {
  return json::Object{
      {"architectures", json::Array{"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"hidden_size", 48},
      {"intermediate_size", 100},
      {"num_hidden_layers", 3},
      {"num_attention_heads", 4},
      {"num_key_value_heads", 2},
      {"vocab_size", 512},
  };
}

static llvm::Expected<ModelConfig> parse(json::Object object) {
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(object));
  return parseModelConfig(text, "config.json");
}

static ModelConfig parsed(json::Object object) {
  llvm::Expected<ModelConfig> config = parse(std::move(object));
  if (config)
    return *config;
  ADD_FAILURE() << llvm::toString(config.takeError());
  return {};
}

/// The message for the small configuration with one value changed, without the
/// path.
static std::string errorWith(llvm::StringRef key, json::Value value) {
  json::Object object = smallConfig();
  object[key] = std::move(value);
  llvm::Expected<ModelConfig> config = parse(std::move(object));
  if (config)
    return "";
  std::string message = llvm::toString(config.takeError());
  llvm::StringRef rest = message;
  EXPECT_TRUE(rest.consume_front("config.json: ")) << message;
  return rest.str();
}

static ModelConfig parsedWith(llvm::StringRef key, json::Value value) {
  json::Object object = smallConfig();
  object[key] = std::move(value);
  return parsed(std::move(object));
}

TEST(ModelConfig, DefaultsAreThoseOfTheFamily) {
  ModelConfig config = parsed(smallConfig());
  EXPECT_EQ(config.family, ModelFamily::Llama);
  EXPECT_EQ(modelFamilyName(config.family), "llama");
  EXPECT_EQ(config.hiddenSize, 48);
  EXPECT_EQ(config.intermediateSize, 100);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kvHeads, 2);
  EXPECT_EQ(config.headDim, 12);
  EXPECT_EQ(config.vocabulary, 512);
  EXPECT_EQ(config.maxPositions, 2048);
  EXPECT_EQ(config.rmsNormEpsilon, 1e-6);
  EXPECT_EQ(config.ropeTheta, 10000.0);
  EXPECT_EQ(config.ropeScaling, RopeScaling::None);
  EXPECT_EQ(config.activation, Activation::Silu);
  EXPECT_FALSE(config.tiedEmbeddings);
  EXPECT_FALSE(config.attentionBias);
  EXPECT_FALSE(config.mlpBias);
  EXPECT_EQ(config.bosToken, 1);
  EXPECT_EQ(config.eosTokens, (llvm::SmallVector<int64_t, 2>{2}));
}

TEST(ModelConfig, ReadsEveryField) {
  json::Object object = smallConfig();
  object["head_dim"] = 32;
  object["max_position_embeddings"] = 131072;
  object["rms_norm_eps"] = 1e-5;
  object["rope_theta"] = 500000.0;
  object["hidden_act"] = "gelu_pytorch_tanh";
  object["tie_word_embeddings"] = true;
  object["attention_bias"] = true;
  object["mlp_bias"] = true;
  object["bos_token_id"] = 0;
  object["eos_token_id"] = json::Array{7, 9};
  ModelConfig config = parsed(std::move(object));
  EXPECT_EQ(config.headDim, 32);
  EXPECT_EQ(config.maxPositions, 131072);
  EXPECT_EQ(config.rmsNormEpsilon, 1e-5);
  EXPECT_EQ(config.ropeTheta, 500000.0);
  EXPECT_EQ(config.activation, Activation::GeluTanh);
  EXPECT_TRUE(config.tiedEmbeddings);
  EXPECT_TRUE(config.attentionBias);
  EXPECT_TRUE(config.mlpBias);
  EXPECT_EQ(config.bosToken, 0);
  EXPECT_EQ(config.eosTokens, (llvm::SmallVector<int64_t, 2>{7, 9}));
}

TEST(ModelConfig, KeyValueHeadsDefaultToHeads) {
  EXPECT_EQ(parsedWith("num_key_value_heads", nullptr).kvHeads, 4);
}

TEST(ModelConfig, Activations) {
  EXPECT_EQ(parsedWith("hidden_act", "silu").activation, Activation::Silu);
  EXPECT_EQ(parsedWith("hidden_act", "gelu_new").activation,
            Activation::GeluTanh);
  EXPECT_EQ(errorWith("hidden_act", "relu"),
            "hidden_act: must be silu, gelu_pytorch_tanh or gelu_new, got: "
            "'relu'");
}

TEST(ModelConfig, Tokens) {
  EXPECT_EQ(parsedWith("bos_token_id", nullptr).bosToken, std::nullopt);
  EXPECT_TRUE(parsedWith("eos_token_id", nullptr).eosTokens.empty());
  EXPECT_EQ(parsedWith("eos_token_id", 511).eosTokens[0], 511);
  EXPECT_EQ(errorWith("eos_token_id", 512),
            "eos_token_id: must be an integer from 0 to 511, got: 512");
  EXPECT_EQ(errorWith("bos_token_id", -1),
            "bos_token_id: must be an integer from 0 to 511, got: -1");
  EXPECT_EQ(errorWith("eos_token_id", (json::Array{1, 512})),
            "eos_token_id: must hold integers from 0 to 511, got: [1,512]");
}

TEST(ModelConfig, Family) {
  json::Object other = smallConfig();
  other["model_type"] = "my_llama"; // the architecture says what it is
  parsed(std::move(other));
  other = smallConfig();
  other.erase("architectures");
  parsed(std::move(other));
  other = smallConfig();
  other["model_type"] = "mixtral";
  other["architectures"] = json::Array{"MixtralForCausalLM"};
  llvm::Expected<ModelConfig> config = parse(std::move(other));
  ASSERT_FALSE(bool(config));
  EXPECT_EQ(llvm::toString(config.takeError()),
            "config.json: model_type: must be one of the supported families "
            "(llama), got: \"mixtral\"");
  EXPECT_EQ(errorWith("architectures", "LlamaForCausalLM"),
            "architectures: must be a list, got: \"LlamaForCausalLM\"");
  EXPECT_EQ(errorWith("quantization_config",
                      (json::Object{{"quant_method", "gptq"}})),
            "quantization_config: must be absent: only checkpoints of floats "
            "are read, got: {\"quant_method\":\"gptq\"}");
}

TEST(ModelConfig, Sizes) {
  for (const char *key :
       {"hidden_size", "intermediate_size", "num_attention_heads", "vocab_size",
        "num_key_value_heads", "max_position_embeddings"}) {
    std::string rule =
        std::string(key) + ": must be an integer from 1 to 2147483647, got: ";
    EXPECT_EQ(errorWith(key, 0), rule + "0");
    EXPECT_EQ(errorWith(key, -4), rule + "-4");
    EXPECT_EQ(errorWith(key, int64_t(1) << 31), rule + "2147483648");
    EXPECT_EQ(errorWith(key, uint64_t(1) << 63), rule + "9223372036854775808");
    EXPECT_EQ(errorWith(key, 1.5), rule + "1.5");
    EXPECT_EQ(errorWith(key, "48"), rule + "\"48\"");
  }
  EXPECT_EQ(errorWith("num_hidden_layers", 100001),
            "num_hidden_layers: must be an integer from 1 to 100000, got: "
            "100001");
  EXPECT_EQ(errorWith("hidden_size", nullptr),
            "hidden_size: must be an integer from 1 to 2147483647, got: "
            "nothing");
}

TEST(ModelConfig, SizesAgree) {
  EXPECT_EQ(errorWith("hidden_size", 50),
            "hidden_size: must be a multiple of num_attention_heads where "
            "head_dim is not given, got: 50 and 4");
  EXPECT_EQ(errorWith("num_key_value_heads", 3),
            "num_key_value_heads: must divide num_attention_heads, got: 3 and "
            "4");
  EXPECT_EQ(errorWith("num_key_value_heads", 8),
            "num_key_value_heads: must divide num_attention_heads, got: 8 and "
            "4");
  EXPECT_EQ(errorWith("hidden_size", 52),
            "head_dim: must be even and at most 65536, got: 13");
  EXPECT_EQ(errorWith("head_dim", 65538),
            "head_dim: must be even and at most 65536, got: 65538");
  json::Object wide = smallConfig();
  wide["head_dim"] = 4;
  wide["num_attention_heads"] = 1 << 30;
  llvm::Expected<ModelConfig> config = parse(std::move(wide));
  ASSERT_FALSE(bool(config));
  EXPECT_EQ(llvm::toString(config.takeError()),
            "config.json: head_dim: times num_attention_heads must be less "
            "than 2^31, got: 4 and 1073741824");
}

TEST(ModelConfig, TypesOfOtherFields) {
  EXPECT_EQ(errorWith("rms_norm_eps", 0),
            "rms_norm_eps: must be a positive number, got: 0");
  EXPECT_EQ(errorWith("rms_norm_eps", "1e-5"),
            "rms_norm_eps: must be a positive number, got: \"1e-5\"");
  EXPECT_EQ(
      errorWith("rope_theta", 1e300),
      "rope_theta: must be a positive number, got: 1.0000000000000001e+300");
  EXPECT_EQ(errorWith("tie_word_embeddings", 1),
            "tie_word_embeddings: must be true or false, got: 1");
  EXPECT_EQ(errorWith("hidden_act", 3), "hidden_act: must be a string, got: 3");
}

TEST(ModelConfig, BrokenText) {
  auto errorOf = [](llvm::StringRef text) {
    llvm::Expected<ModelConfig> config = parseModelConfig(text, "config.json");
    return config ? "" : llvm::toString(config.takeError());
  };
  EXPECT_EQ(errorOf("{").rfind("config.json:1:", 0), 0u);
  EXPECT_EQ(errorOf("[]"),
            "config.json: configuration must be an object, got: []");
  llvm::Expected<ModelConfig> none =
      readModelConfig("/nonexistent/config.json");
  ASSERT_FALSE(bool(none));
  EXPECT_EQ(llvm::toString(none.takeError()),
            "/nonexistent/config.json: no such file or directory");
}

TEST(ModelConfig, DamagedTextNeverCrashes) {
  json::Object object = smallConfig();
  object["eos_token_id"] = json::Array{7, 9};
  object["rope_scaling"] = json::Object{{"rope_type", "linear"}, {"factor", 2}};
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(object));
  std::mt19937 engine(1);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = text;
    for (int flips = engine() % 3 + 1; flips > 0; --flips) {
      size_t at = engine() % damaged.size();
      // Other pieces of JSON do more harm than random bytes.
      damaged[at] = "{}[],:\"\\0-9.eE n"[engine() % 17];
    }
    llvm::Expected<ModelConfig> config =
        parseModelConfig(damaged, "config.json");
    if (config) {
      ropeFrequencies(*config);
      continue;
    }
    std::string message = llvm::toString(config.takeError());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

//===----------------------------------------------------------------------===//
// Rotary embeddings
//===----------------------------------------------------------------------===//

static json::Object llama3Scaling() {
  return json::Object{{"rope_type", "llama3"},
                      {"factor", 8.0},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 8192}};
}

TEST(ModelConfig, RopeScalingOfEachType) {
  EXPECT_EQ(parsedWith("rope_scaling", nullptr).ropeScaling, RopeScaling::None);
  EXPECT_EQ(parsedWith("rope_scaling", json::Object{{"rope_type", "default"}})
                .ropeScaling,
            RopeScaling::None);
  for (const char *key : {"type", "rope_type"}) {
    ModelConfig config = parsedWith(
        "rope_scaling", json::Object{{key, "linear"}, {"factor", 2}});
    EXPECT_EQ(config.ropeScaling, RopeScaling::Linear);
    EXPECT_EQ(config.ropeFactor, 2.0);
  }
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    json::Object scaling = llama3Scaling();
    scaling["rope_theta"] = 500000.0;
    ModelConfig config = parsedWith(key, std::move(scaling));
    EXPECT_EQ(config.ropeScaling, RopeScaling::Llama3);
    EXPECT_EQ(config.ropeTheta, 500000.0);
    EXPECT_EQ(config.ropeFactor, 8.0);
    EXPECT_EQ(config.ropeLowFrequencyFactor, 1.0);
    EXPECT_EQ(config.ropeHighFrequencyFactor, 4.0);
    EXPECT_EQ(config.ropeOriginalPositions, 8192);
  }
}

TEST(ModelConfig, RopeScalingErrors) {
  EXPECT_EQ(errorWith("rope_scaling", json::Object{{"rope_type", "yarn"}}),
            "rope_scaling.rope_type: must be default, linear or llama3, got: "
            "'yarn'");
  EXPECT_EQ(errorWith("rope_scaling", json::Object{{"type", "linear"}}),
            "rope_scaling.factor: must be a positive number, got: nothing");
  EXPECT_EQ(errorWith("rope_scaling", "linear"),
            "rope_scaling: must be an object or null, got: \"linear\"");
  json::Object scaling = llama3Scaling();
  scaling["high_freq_factor"] = 1.0;
  EXPECT_EQ(errorWith("rope_parameters", std::move(scaling)),
            "rope_parameters.high_freq_factor: must be above low_freq_factor, "
            "got: 1");
  scaling = llama3Scaling();
  scaling.erase("original_max_position_embeddings");
  EXPECT_EQ(errorWith("rope_scaling", std::move(scaling)),
            "rope_scaling.original_max_position_embeddings: must be an integer "
            "from 1 to 2147483647, got: nothing");
  EXPECT_EQ(errorWith("rope_parameters",
                      json::Object{{"partial_rotary_factor", 0.5}}),
            "rope_parameters.partial_rotary_factor: must be 1, got: 0.5");
}

TEST(RopeFrequencies, Plain) {
  ModelConfig config;
  config.headDim = 8;
  config.ropeTheta = 10000;
  EXPECT_EQ(ropeFrequencies(config),
            std::vector<float>({1.0f, 0.1f, 0.01f, 0.001f}));
}

TEST(RopeFrequencies, Linear) {
  ModelConfig config;
  config.headDim = 4;
  config.ropeTheta = 100;
  config.ropeScaling = RopeScaling::Linear;
  config.ropeFactor = 4;
  EXPECT_EQ(ropeFrequencies(config), std::vector<float>({0.25f, 0.1f / 4.0f}));
}

TEST(RopeFrequencies, Llama3) {
  // Llama 3.1: wavelengths under 8192 / 4 stay, over 8192 are stretched by 8.
  ModelConfig config;
  config.headDim = 128;
  config.ropeTheta = 500000;
  std::vector<float> plain = ropeFrequencies(config);
  config.ropeScaling = RopeScaling::Llama3;
  config.ropeFactor = 8;
  config.ropeLowFrequencyFactor = 1;
  config.ropeHighFrequencyFactor = 4;
  config.ropeOriginalPositions = 8192;
  std::vector<float> scaled = ropeFrequencies(config);
  ASSERT_EQ(scaled.size(), 64u);
  int kept = 0, stretched = 0, mixed = 0;
  for (int i = 0; i < 64; ++i) {
    double wavelength = 2 * M_PI / plain[i];
    if (wavelength < 2048) {
      EXPECT_EQ(scaled[i], plain[i]);
      ++kept;
    } else if (wavelength > 8192) {
      EXPECT_EQ(scaled[i], plain[i] / 8);
      ++stretched;
    } else {
      double smooth = (8192 / wavelength - 1) / 3;
      double expected = (1 - smooth) * plain[i] / 8 + smooth * plain[i];
      EXPECT_NEAR(scaled[i], expected, expected * 1e-5);
      ++mixed;
    }
  }
  EXPECT_EQ(kept, 29);
  EXPECT_EQ(mixed, 6);
  EXPECT_EQ(stretched, 29);
}
