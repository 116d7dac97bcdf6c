//===- VocabularyFilesTest.cpp - vocab.json and merges.txt ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

using namespace lqc;
using namespace lqc::test;

namespace {
/// A small vocabulary; tests add the files around it.
struct VocabularyModel : TemporaryModel {
  VocabularyModel() {
    add("vocab.json",
        R"({"a":0,"b":1,"1":2,"2":3,"Ġ":4,"12":5,"ab":6,"Ã":7,"¥":8})");
    add("merges.txt", "#version: 0.2\n1 2\r\na b\n");
  }
  OpenTokenizer open(const std::string &family = "", int64_t size = 100) const {
    return openDirectory(path, size, {}, family);
  }
};
} // namespace

TEST(VocabularyFiles, TheFamilySaysThePattern) {
  VocabularyModel model;
  OpenTokenizer gpt2 = model.open("gpt2"), qwen2 = model.open("qwen2");
  ASSERT_TRUE(gpt2.tokenizer) << gpt2.error;
  ASSERT_TRUE(qwen2.tokenizer) << qwen2.error;
  EXPECT_EQ(gpt2->encode("ab12", false), Ids({6, 5}));
  EXPECT_EQ(qwen2->encode("ab12", false), Ids({6, 2, 3})); // digit by digit
  // Only qwen2 composes a and the ring to U+00E5, bytes C3 A5.
  EXPECT_EQ(gpt2->encode("a\xcc\x8a", false), Ids({0}));
  EXPECT_EQ(qwen2->encode("a\xcc\x8a", false), Ids({7, 8}));
  EXPECT_EQ(decode(*qwen2, {7, 8}), "\xc3\xa5");
  // The end of a text gets the first free id.
  EXPECT_EQ(qwen2->encode("a<|endoftext|>", false), Ids({0, 9}));
  EXPECT_TRUE(qwen2->isSpecial(9));
  EXPECT_EQ(model.open("qwen2", 9)->tokenCount(), 9);
}

TEST(VocabularyFiles, TheConfigurationTellsTheFamily) {
  VocabularyModel model;
  model.add("config.json", R"({"model_type":"qwen2"})");
  EXPECT_EQ(model.open()->encode("12", false), Ids({2, 3}));
  // The class is nearer to the truth than the type.
  model.add("tokenizer_config.json",
            R"({"tokenizer_class":"GPT2TokenizerFast","chat_template":"…"})");
  EXPECT_EQ(model.open()->encode("12", false), Ids({5}));
  // And the option is what the user says.
  EXPECT_EQ(model.open("qwen2")->encode("12", false), Ids({2, 3}));
}

TEST(VocabularyFiles, AddedTokensOfBothFiles) {
  VocabularyModel model;
  model.add(
      "tokenizer_config.json",
      R"({"tokenizer_class":"GPT2Tokenizer","bos_token":{"content":"<s>"},)"
      R"("add_bos_token":true,"added_tokens_decoder":{"9":{"content":)"
      R"("<s>","special":true},"10":{"content":"<|endoftext|>",)"
      R"("special":true}}})");
  model.add("added_tokens.json", R"({"<s>":9,"<x>":12})");
  OpenTokenizer open = model.open();
  ASSERT_TRUE(open.tokenizer) << open.error;
  EXPECT_EQ(open->encode("a<x><|endoftext|>", true), Ids({9, 0, 12, 10}));
  EXPECT_TRUE(open->isSpecial(10));
  EXPECT_FALSE(open->isSpecial(12));
}

TEST(VocabularyFiles, WithoutMergesThereIsNoTokenizer) {
  VocabularyModel model;
  std::filesystem::remove(model.path / "merges.txt");
  EXPECT_EQ(model.open("gpt2").error, "no tokenizer");
}

TEST(VocabularyFiles, SaysWhatIsWrong) {
  const std::tuple<const char *, const char *, const char *> cases[] = {
      {"vocab.json", "[]", "the file: must be an object, got: an array"},
      {"vocab.json", R"({"a":100})",
       "vocab['a']: token id must be below the model's vocabulary size 100, "
       "got: 100"},
      {"vocab.json", R"({"a":1,"b":1})", "vocab: two tokens have the id 1"},
      {"merges.txt", "a b\nab\n",
       "line 2: must be two tokens with a space between, got: 'ab'"},
      {"merges.txt", "a b\n\na b\n",
       "line 2: must be two tokens with a space between, got: ''"},
      {"merges.txt", "a c\n",
       "line 1: must be made of tokens of model.vocab, got: 'c'"},
      {"tokenizer_config.json", R"({"added_tokens_decoder":[]})",
       "added_tokens_decoder: must be an object, got: an array"},
      {"tokenizer_config.json",
       R"({"added_tokens_decoder":{"x":{"content":"y"}}})",
       "added_tokens_decoder['x'].id: must be a token id, got: 'x'"},
      {"tokenizer_config.json",
       R"({"added_tokens_decoder":{"3":{"content":"y"}}})",
       "added_tokens_decoder['3'].id: must not be another token's, got: 3"},
      {"tokenizer_config.json", R"({"add_bos_token":true})",
       "bos_token: must be a token, because add_bos_token is true, got: "
       "nothing"},
      {"tokenizer_config.json", R"({"add_eos_token":true,"eos_token":"<e>"})",
       "eos_token: must be a token, because add_eos_token is true, got: "
       "'<e>'"},
      {"tokenizer_config.json", R"({"add_bos_token":1})",
       "the file.add_bos_token: must be true or false, got: 1"},
      {"added_tokens.json", R"({"y":"z"})",
       "['y'].id: must be a token id, got: 'z'"},
  };
  for (const auto &[name, text, why] : cases) {
    VocabularyModel model;
    model.add(name, text);
    EXPECT_EQ(model.open("gpt2").error,
              (model.path / name).string() + ": " + why);
  }
}

TEST(VocabularyFiles, AnUnknownFamilyIsAnError) {
  VocabularyModel model;
  EXPECT_EQ(model.open().error,
            model.path.string() +
                ": vocab.json needs a tokenizer_class or model_type of a known "
                "family (gpt2, qwen2), or --tokenizer=FAMILY, got: '' and ''");
  EXPECT_EQ(model.open("bert").error,
            "the tokenizer's family must be gpt2 or qwen2, got: 'bert'");
  model.add("config.json", R"({"model_type":"bert"})");
  EXPECT_EQ(model.open().error,
            model.path.string() +
                ": vocab.json needs a tokenizer_class or model_type of a known "
                "family (gpt2, qwen2), or --tokenizer=FAMILY, got: '' and "
                "'bert'");
  model.add("tokenizer_config.json", R"({"tokenizer_class":"CLIPTokenizer"})");
  model.add("config.json", R"({"model_type":"gpt2"})");
  EXPECT_EQ(model.open().error,
            model.path.string() +
                ": vocab.json needs a tokenizer_class or model_type of a known "
                "family (gpt2, qwen2), or --tokenizer=FAMILY, got: "
                "'CLIPTokenizer' and 'gpt2'");
}
