//===- TextStreamTest.cpp - tokens become whole characters ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

#include <random>

using namespace lqc;
using namespace lqc::test;

namespace {
class TextStreamTest : public ::testing::Test {
protected:
  void SetUp() override {
    bard = openDirectory(bardDirectory());
    ASSERT_TRUE(bard.tokenizer) << bard.error;
    for (int32_t id = 0; id < bard->tokenCount(); ++id)
      if (bard->piece(id).size() == 1)
        byteIds[static_cast<unsigned char>(bard->piece(id)[0])] = id;
  }

  /// What comes out for each byte, and at the end.
  std::vector<std::string> pushBytes(std::string_view bytes) {
    runtime::TextStream stream(*bard);
    std::vector<std::string> result;
    for (unsigned char byte : bytes)
      result.emplace_back(stream.push(byteIds[byte]));
    result.emplace_back(stream.flush());
    return result;
  }

  OpenTokenizer bard;
  int32_t byteIds[256];
};
} // namespace

using Strings = std::vector<std::string>;
static const std::string kBad = "\xef\xbf\xbd"; // U+FFFD

TEST_F(TextStreamTest, HoldsAnIncompleteCharacterBack) {
  EXPECT_EQ(pushBytes("a\xc3\xa9"), Strings({"a", "", "é", ""}));
  EXPECT_EQ(pushBytes("\xf0\x9f\x99\x82!"),
            Strings({"", "", "", "\xf0\x9f\x99\x82", "!", ""}));
}

TEST_F(TextStreamTest, FlushEndsAnIncompleteCharacter) {
  EXPECT_EQ(pushBytes("\xe2\x82"), Strings({"", "", kBad}));
  EXPECT_EQ(pushBytes("x"), Strings({"x", ""}));
}

TEST_F(TextStreamTest, ReplacesMaximalSubparts) {
  EXPECT_EQ(pushBytes("\xff"), Strings({kBad, ""}));
  EXPECT_EQ(pushBytes("\xe2\x82z"), Strings({"", "", kBad + "z", ""}));
  EXPECT_EQ(pushBytes("\xf0\x9f\xc3\xa9"), Strings({"", "", kBad, "é", ""}));
  EXPECT_EQ(pushBytes("\xed\xa0\x80"), Strings({"", kBad + kBad, kBad, ""}));
  EXPECT_EQ(pushBytes("\xc0\xaf"), Strings({kBad, kBad, ""}));
}

TEST_F(TextStreamTest, LeavesControlTokensOut) {
  runtime::TextStream text(*bard), everything(*bard, /*keepSpecial=*/true);
  EXPECT_EQ(text.push(1), "");
  EXPECT_EQ(everything.push(1), "<|eos|>");
}

TEST_F(TextStreamTest, IgnoresIdsThatAreNoTokens) {
  runtime::TextStream stream(*bard);
  for (int32_t id : {-1, 1024, INT32_MAX, INT32_MIN})
    EXPECT_EQ(stream.push(id), "");
}

TEST_F(TextStreamTest, EveryPartIsUtf8) {
  std::mt19937 random(4);
  runtime::TextStream stream(*bard, /*keepSpecial=*/true);
  for (int round = 0; round < 20000; ++round) {
    // Half of the tokens from the bytes, where the broken characters are.
    int32_t id = round % 2 ? byteIds[random() % 256] : int32_t(random() % 1024);
    std::string_view part = stream.push(id);
    ASSERT_TRUE(llvm::json::isUTF8({part.data(), part.size()}));
  }
}

//===----------------------------------------------------------------------===//
// Tokenizers that put a space before a text
//===----------------------------------------------------------------------===//

TEST(TextStream, DropsTheFirstSpaceOfATextOnce) {
  OpenTokenizer small = openDirectory(goldenDirectory() + "/small-llama2");
  ASSERT_TRUE(small.tokenizer) << small.error;
  Ids ids = small->encode("the man", true);
  EXPECT_EQ(decode(*small, ids), "the man");
  // What continues a text keeps its space.
  runtime::TextStream stream(*small);
  for (int32_t id : ids)
    stream.push(id);
  std::string more;
  for (int32_t id : small->encode("the", false))
    more += stream.push(id);
  EXPECT_EQ(more, " the");
  EXPECT_EQ(decode(*small, small->encode("  a", true)), "  a");
}

TEST(TextStream, PutsBytesOfFallbackTokensTogether) {
  OpenTokenizer small = openDirectory(goldenDirectory() + "/small-llama2");
  ASSERT_TRUE(small.tokenizer) << small.error;
  Ids ids = small->encode("\xf0\x9f\x99\x82", false);
  ASSERT_GE(ids.size(), 4u);
  ids.pop_back();
  EXPECT_EQ(decode(*small, ids), kBad);
}

TEST(TextStream, SentencePieceDropsAllLeadingSpaces) {
  OpenTokenizer small =
      openDirectory(goldenDirectory() + "/small-sentencepiece");
  ASSERT_TRUE(small.tokenizer) << small.error;
  Ids ids = small->encode("   the  man ", true);
  EXPECT_EQ(decode(*small, ids), "the man");
}
