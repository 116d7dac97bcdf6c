//===- EncodeTest.cpp - tokens as Hugging Face has them -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

#include <map>
#include <random>

using namespace lqc;
using namespace lqc::test;

using Ids = std::vector<int32_t>;

static std::string decode(const runtime::Tokenizer &tokenizer, const Ids &ids) {
  runtime::TextStream stream(tokenizer);
  std::string text;
  for (int32_t id : ids)
    text += stream.push(id);
  text += stream.flush();
  return text;
}

/// Compares with the lines of golden/NAME.jsonl; tools/dev/golden/tokenizer.py
/// says what they hold.
static void checkGolden(const OpenTokenizer &tokenizer,
                        const std::string &name) {
  ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
  std::istringstream lines(readFile(goldenDirectory() + "/" + name));
  std::string line;
  size_t count = 0;
  for (; std::getline(lines, line); ++count) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(line);
    ASSERT_TRUE(bool(value)) << llvm::toString(value.takeError());
    const llvm::json::Object &test = *value->getAsObject();
    std::string text = test.get("text") ? test.getString("text")->str()
                                        : llvm::fromHex(*test.getString("hex"));
    Ids wanted;
    for (const llvm::json::Value &id : *test.getArray("ids"))
      wanted.push_back(int32_t(*id.getAsInteger()));
    EXPECT_EQ(tokenizer->encode(text, true), wanted) << line;
    std::string decoded = test.getString("decoded").value_or(text).str();
    EXPECT_EQ(decode(*tokenizer, wanted), decoded) << line;
  }
  EXPECT_GT(count, 100u);
}

TEST(Encode, BardGolden) {
  checkGolden(openDirectory(bardDirectory()), "bard-llama.jsonl");
}

TEST(Encode, SmallLlama3Golden) {
  checkGolden(openDirectory(goldenDirectory() + "/small-llama3"),
              "small-llama3.jsonl");
}

TEST(Encode, AnswersAboutTokens) {
  SpecialTokens special;
  special.bos = 0;
  special.eos = {1, 5};
  OpenTokenizer bard = openDirectory(bardDirectory(), 1024, special);
  ASSERT_TRUE(bard.tokenizer) << bard.error;
  EXPECT_EQ(bard->tokenCount(), 1024);
  EXPECT_EQ(bard->bos(), 0);
  EXPECT_FALSE(bard->addsBos()); // its post-processor adds nothing
  EXPECT_TRUE(bard->isEos(1));
  EXPECT_TRUE(bard->isEos(5));
  EXPECT_FALSE(bard->isEos(0));
  EXPECT_TRUE(bard->isSpecial(1));
  EXPECT_FALSE(bard->isSpecial(2));
  EXPECT_EQ(bard->piece(0), "<|bos|>");
  for (int32_t id : {-1, 1024, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(bard->piece(id), "");
    EXPECT_FALSE(bard->isSpecial(id));
  }
}

TEST(Encode, BosComesFromThePostProcessorOnly) {
  SpecialTokens special;
  special.bos = 0;
  OpenTokenizer small =
      openDirectory(goldenDirectory() + "/small-llama3", 1 << 20, special);
  ASSERT_TRUE(small.tokenizer) << small.error;
  EXPECT_TRUE(small->addsBos());
  Ids with = small->encode("To be", true),
      without = small->encode("To be", false);
  with.erase(with.begin());
  EXPECT_EQ(with, without);
}

TEST(Encode, EmptyTextHasNoTokens) {
  OpenTokenizer bard = openDirectory(bardDirectory());
  ASSERT_TRUE(bard.tokenizer) << bard.error;
  EXPECT_TRUE(bard->encode("", true).empty());
  EXPECT_TRUE(bard->encode(std::string_view(), true).empty());
}

/// A tokenizer of letters `a` to `d` with a few merges, `fields` in its middle.
static std::string lettersJson(const std::string &fields) {
  return R"({"normalizer":null,"decoder":{"type":"ByteLevel"},)" + fields +
         R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2,"d":3,"ab":4,)"
         R"("abc":5,"aa":6,"aaa":7,"bc":8,"aaab":9,"Ġ":10,"Ġa":11},)"
         R"("merges":["a b","ab c",["a","a"],["aa","a"],"b c","aaa b","Ġ a"]}})";
}
static const std::string kWholePieces =
    R"("pre_tokenizer":{"type":"ByteLevel","use_regex":false},)";

/// The definition, word for word: merge the leftmost pair of lowest rank.
static Ids mergeByDefinition(const std::string &word) {
  static const std::map<std::pair<int, int>, std::pair<int, int>> merges = {
      {{0, 1}, {0, 4}}, {{4, 2}, {1, 5}}, {{0, 0}, {2, 6}},
      {{6, 0}, {3, 7}}, {{1, 2}, {4, 8}}, {{7, 1}, {5, 9}}};
  Ids ids;
  for (char c : word)
    ids.push_back(c - 'a');
  while (true) {
    size_t best = 0;
    std::pair<int, int> bestMerge = {INT_MAX, 0};
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      auto found = merges.find({ids[i], ids[i + 1]});
      if (found != merges.end() && found->second.first < bestMerge.first)
        best = i, bestMerge = found->second;
    }
    if (bestMerge.first == INT_MAX)
      return ids;
    ids[best] = bestMerge.second;
    ids.erase(ids.begin() + best + 1);
  }
}

TEST(Encode, MergesShortAndLongWordsByDefinition) {
  TemporaryModel model(lettersJson(kWholePieces));
  OpenTokenizer letters = openDirectory(model.path);
  ASSERT_TRUE(letters.tokenizer) << letters.error;
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    std::string word(random() % 160, 'a');
    for (char &c : word)
      c = char('a' + std::min<int>(random() % 7, 3) % (1 + round % 4));
    ASSERT_EQ(letters->encode(word, false), mergeByDefinition(word)) << word;
  }
}

TEST(Encode, DropsBytesWithoutToken) {
  TemporaryModel model(lettersJson(kWholePieces));
  OpenTokenizer letters = openDirectory(model.path);
  ASSERT_TRUE(letters.tokenizer) << letters.error;
  EXPECT_EQ(letters->encode("aXb", false), Ids({4}));
  EXPECT_EQ(letters->encode("XYZ", false), Ids());
}

TEST(Encode, PutsASpaceBeforeEachText) {
  TemporaryModel model(lettersJson(
      R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true},)"
      R"("added_tokens":[{"id":20,"content":"<x>","special":true}],)"));
  OpenTokenizer letters = openDirectory(model.path);
  ASSERT_TRUE(letters.tokenizer) << letters.error;
  EXPECT_EQ(letters->encode("a", false), Ids({11}));
  EXPECT_EQ(letters->encode(" a", false), Ids({11}));
  EXPECT_EQ(letters->encode("a<x>a", false), Ids({11, 20, 11}));
  EXPECT_EQ(letters->encode("<x>", false), Ids({20}));
}

TEST(Encode, GivesUpOnAnEndlessPattern) {
  TemporaryModel model(lettersJson(
      R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split",)"
      R"("pattern":{"Regex":"(?:a+)+[xy]"},"behavior":"Isolated"},)"
      R"({"type":"ByteLevel","use_regex":false}]},)"));
  OpenTokenizer letters = openDirectory(model.path);
  ASSERT_TRUE(letters.tokenizer) << letters.error;
  std::string word(90, 'a');
  EXPECT_EQ(letters->encode(word, false), mergeByDefinition(word));
}

TEST(Encode, RandomBytesStayText) {
  OpenTokenizer bard = openDirectory(bardDirectory());
  ASSERT_TRUE(bard.tokenizer) << bard.error;
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 60, 0), once;
    for (char &c : bytes)
      c = char(random());
    once = decode(*bard, bard->encode(bytes, true));
    // Broken bytes are U+FFFD now: a second time changes nothing.
    ASSERT_EQ(decode(*bard, bard->encode(once, true)), once);
  }
}

//===----------------------------------------------------------------------===//
// Real tokenizers beside the project
//===----------------------------------------------------------------------===//

TEST(Encode, Gpt2Vectors) {
  std::string models = sharedModels();
  if (models.empty())
    GTEST_SKIP() << "no folder of shared models (LQC_SHARED_MODELS)";
  OpenTokenizer gpt2 = openDirectory(models + "/tokenizers/gpt2", 50257);
  ASSERT_TRUE(gpt2.tokenizer) << gpt2.error;
  std::string vectors = models + "/tokenizers/vectors/gpt-2";
  std::string texts = readFile(vectors + ".inp");
  std::istringstream answers(readFile(vectors + ".out"));
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::string answer;
  size_t begin = 0, count = 0;
  for (; std::getline(answers, answer); ++count) {
    size_t end = std::min(texts.find(separator, begin), texts.size());
    std::istringstream numbers(answer);
    Ids wanted{std::istream_iterator<int32_t>(numbers), {}};
    std::string text = texts.substr(begin, end - begin);
    EXPECT_EQ(gpt2->encode(text, false), wanted) << text;
    begin = std::min(end + separator.size(), texts.size());
  }
  EXPECT_GT(count, 40u);
}

TEST(Encode, BardValidationText) {
  std::string models = sharedModels();
  if (models.empty())
    GTEST_SKIP() << "no folder of shared models (LQC_SHARED_MODELS)";
  OpenTokenizer bard = openDirectory(models + "/bard-llama", 1024);
  ASSERT_TRUE(bard.tokenizer) << bard.error;
  std::string bytes = readFile(models + "/bard-llama/valid.u16");
  Ids wanted;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2)
    wanted.push_back(uint8_t(bytes[i]) | uint8_t(bytes[i + 1]) << 8);
  std::string text = readFile(models + "/bard-llama/valid.txt");
  EXPECT_EQ(bard->encode(text, true), wanted);
}
