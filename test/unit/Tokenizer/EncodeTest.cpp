//===- EncodeTest.cpp - texts become tokens -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/MemoryStats.h"
#include "test/unit/Tokenizer/Fixture.h"

#include <map>
#include <random>

using namespace lqc;
using namespace lqc::test;

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

/// A tokenizer of characters: letters, U+2581 as `_`, perhaps bytes.
static std::string charactersJson(const std::string &options) {
  return R"({"normalizer":{"type":"Replace","pattern":{"String":" "},)"
         R"("content":"_"},"pre_tokenizer":null,"decoder":{"type":"Sequence",)"
         R"("decoders":[{"type":"Replace","pattern":{"String":"_"},)"
         R"("content":" "},{"type":"Fuse"}]},"model":{"type":"BPE",)" +
         options +
         R"("vocab":{"?":0,"a":1,"b":2,"_":3,"_a":4,"ab":5,"é":6,"éa":7,)"
         R"("<0x78>":8,"_b":9,"b_b":10},)"
         R"("merges":["_ a","a b","é a","_ b","b _b"]}})";
}

TEST(Encode, UnknownCharacters) {
  const std::tuple<const char *, const char *, Ids> cases[] = {
      {"", "azzb", {5}},
      {R"("unk_token":"?",)", "azzb", {1, 0, 0, 2}},
      {R"("unk_token":"?","fuse_unk":true,)", "azzb", {1, 0, 2}},
      {R"("unk_token":"?","fuse_unk":true,)", "zz z", {0, 3, 0}},
      {R"("byte_fallback":true,)", "axzb", {1, 8, 2}},
      // An unknown character waits for the next known one, as in `tokenizers`.
      {R"("unk_token":"?","byte_fallback":true,)", "zxa", {8, 0, 1}},
      {"", "éaab é", {7, 5, 3, 6}},
      {"", "b b ab", {10, 4, 2}}};
  for (const auto &[options, text, wanted] : cases) {
    TemporaryModel model(charactersJson(options));
    OpenTokenizer tokenizer = openDirectory(model.path);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    EXPECT_EQ(tokenizer->encode(text, false), wanted) << options << text;
  }
}

/// Cutting words where no merge reaches across changes nothing.
TEST(Encode, CutWordsMergeAsWholeOnes) {
  OpenTokenizer cut = openDirectory(goldenDirectory() + "/small-llama2");
  ASSERT_TRUE(cut.tokenizer) << cut.error;
  OpenTokenizer whole = openDirectory(goldenDirectory() + "/small-llama2");
  auto &header =
      *reinterpret_cast<runtime::TokenizerHeader *>(whole.tables.data());
  auto &joins = header.tables[uint32_t(runtime::TokenizerTable::Joins)];
  ASSERT_EQ(joins.count, runtime::kJoinWords);
  joins.count = 0;
  whole.tokenizer = runtime::Tokenizer::open(whole.tables.data(),
                                             whole.tables.size(), whole.error);
  ASSERT_TRUE(whole.tokenizer) << whole.error;
  std::string text = readFile(bardDirectory() + "/valid-slice.txt");
  std::mt19937 random(6);
  for (int round = 0; round < 3000; ++round) {
    std::string line = text.substr(random() % text.size(), random() % 120);
    for (size_t i = 0; i < line.size(); ++i)
      if (random() % 8 == 0)
        line[i] = "  \n\x01zq'"[random() % 7];
    ASSERT_EQ(cut->encode(line, true), whole->encode(line, true)) << line;
  }
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

TEST(Encode, GivesUpOnAPatternThatTakesMemory) {
  // A step of the match keeps 200 groups: some KB for each character.
  std::string groups;
  for (int i = 0; i < 200; ++i)
    groups += "()";
  TemporaryModel model(lettersJson(
      R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split",)"
      R"("pattern":{"Regex":"(?:a|b)" +
      groups +
      R"(|c)+[xy]"},"behavior":"Isolated"},)"
      R"({"type":"ByteLevel","use_regex":false}]},)"));
  OpenTokenizer letters = openDirectory(model.path);
  ASSERT_TRUE(letters.tokenizer) << letters.error;
  const uint64_t before = anonymousMemoryBytes();
  PeakMemory peak;
  std::string word(200'000, 'a');
  std::vector<int32_t> tokens = letters->encode(word, false);
  EXPECT_FALSE(tokens.empty());
  EXPECT_LT(peak.bytes(), before + (uint64_t(200) << 20));
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
