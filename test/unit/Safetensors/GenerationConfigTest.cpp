//===- GenerationConfigTest.cpp - what generation_config.json says --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/GenerationConfig.h"

#include <gtest/gtest.h>

using namespace lqc;

static GenerationConfig parsed(llvm::StringRef text) {
  llvm::Expected<GenerationConfig> config =
      parseGenerationConfig(text, "g.json", 100);
  if (config)
    return *config;
  ADD_FAILURE() << llvm::toString(config.takeError());
  return {};
}

static std::string problemOf(llvm::StringRef text) {
  llvm::Expected<GenerationConfig> config =
      parseGenerationConfig(text, "g.json", 100);
  return config ? "fine" : llvm::toString(config.takeError());
}

TEST(GenerationConfigTest, withoutSamplingTextIsGreedy) {
  for (const char *text : {"{}", R"({"do_sample": false, "temperature": 0.6})",
                           R"({"temperature": 0.6, "bos_token_id": null})"}) {
    GenerationConfig config = parsed(text);
    EXPECT_EQ(config.defaults.temperature, 0) << text;
    EXPECT_EQ(config.defaults.topK, 40);
    EXPECT_EQ(config.defaults.topP, 0.95);
    EXPECT_EQ(config.defaults.minP, 0.05);
    EXPECT_EQ(config.defaults.repeatPenalty, 1);
    EXPECT_EQ(config.defaults.count, 256);
    EXPECT_FALSE(config.bosToken || config.eosTokens);
  }
  EXPECT_EQ(parsed(R"({"top_k": 7})").defaults.topK, 7);
}

TEST(GenerationConfigTest, withSamplingTheLibrarysDefaultsCount) {
  GenerationConfig config = parsed(R"({"do_sample": true})");
  EXPECT_EQ(config.defaults.temperature, 1);
  EXPECT_EQ(config.defaults.topK, 50);
  EXPECT_EQ(config.defaults.topP, 1);
  EXPECT_EQ(config.defaults.minP, 0);
}

TEST(GenerationConfigTest, everyKey) {
  GenerationConfig config = parsed(
      R"({"do_sample": true, "temperature": 0.6, "top_k": 0, "top_p": 0.9,
          "min_p": 0.1, "repetition_penalty": 1.2, "max_new_tokens": 17,
          "bos_token_id": 3, "eos_token_id": [4, 99], "num_beams": 1})");
  EXPECT_EQ(config.defaults.temperature, 0.6);
  EXPECT_EQ(config.defaults.topK, 0);
  EXPECT_EQ(config.defaults.topP, 0.9);
  EXPECT_EQ(config.defaults.minP, 0.1);
  EXPECT_EQ(config.defaults.repeatPenalty, 1.2);
  EXPECT_EQ(config.defaults.count, 17);
  EXPECT_EQ(config.bosToken, 3);
  EXPECT_EQ(*config.eosTokens, (llvm::SmallVector<int64_t, 2>{4, 99}));
  EXPECT_TRUE(config.ignored.empty());
  EXPECT_EQ(*parsed(R"({"eos_token_id": 5})").eosTokens,
            (llvm::SmallVector<int64_t, 2>{5}));
}

TEST(GenerationConfigTest, whatIsNotDoneIsKnown) {
  EXPECT_EQ(parsed(R"({"num_beams": 4, "no_repeat_ngram_size": 2})").ignored,
            (std::vector<std::string>{"num_beams", "no_repeat_ngram_size"}));
}

TEST(GenerationConfigTest, problemsAreOneLine) {
  EXPECT_EQ(problemOf("[]"),
            "g.json: configuration must be an object, got: []");
  EXPECT_EQ(problemOf("{"), "g.json:1:2: not valid JSON: expected object key");
  EXPECT_EQ(problemOf(R"({"temperature": "hot"})"),
            "g.json: temperature: must be a number from 0 to 100, got: "
            "\"hot\"");
  EXPECT_EQ(problemOf(R"({"top_p": 1.5})"),
            "g.json: top_p: must be a number from 0 to 1, got: 1.5");
  EXPECT_EQ(problemOf(R"({"min_p": -1})"),
            "g.json: min_p: must be a number from 0 to 1, got: -1");
  EXPECT_EQ(problemOf(R"({"repetition_penalty": 0})"),
            "g.json: repetition_penalty: must be a number from 0.01 to 100, "
            "got: 0");
  EXPECT_EQ(problemOf(R"({"top_k": -1})"),
            "g.json: top_k: must be an integer from 0 to 2147483647, got: -1");
  EXPECT_EQ(problemOf(R"({"do_sample": 1})"),
            "g.json: do_sample: must be true or false, got: 1");
  EXPECT_EQ(problemOf(R"({"eos_token_id": [100]})"),
            "g.json: eos_token_id: must hold integers from 0 to 99, got: "
            "[100]");
  EXPECT_EQ(problemOf(R"({"bos_token_id": 100})"),
            "g.json: bos_token_id: must be an integer from 0 to 99, got: 100");
}
