//===- SentencePieceTest.cpp - tokenizer.model, good and bad --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include "lib/Import/Tokenizer/Description.h"

#include <cstring>
#include <random>

using namespace lqc;
using namespace lqc::test;

//===----------------------------------------------------------------------===//
// A writer of such files
//===----------------------------------------------------------------------===//

static std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes += char(value | 0x80);
  return bytes + char(value);
}
static std::string number(int field, uint64_t value) {
  return varint(field << 3) + varint(value);
}
static std::string bytes(int field, const std::string &value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}
static std::string real(int field, float value) {
  std::string four(4, 0);
  std::memcpy(four.data(), &value, 4);
  return varint(field << 3 | 5) + four;
}
static std::string piece(const std::string &text, float score, int type = 1) {
  return bytes(1, bytes(1, text) + real(2, score) + number(3, type));
}
static std::string bytePieces(int count = 256) {
  std::string result;
  for (int byte = 0; byte < count; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    result += piece(name, 0, 6);
  }
  return result;
}
static const std::string kSpace = "\xe2\x96\x81";
static const std::string kUnknown = piece("<unk>", 0, 2);
static const std::string kBpe = bytes(2, number(3, 2));
/// Ids 0 to 5: <unk> <s> </s> a b c.
static const std::string kLetters = kUnknown + piece("<s>", 0, 3) +
                                    piece("</s>", 0, 3) + piece("a", -9) +
                                    piece("b", -9) + piece("c", -9);
/// No space before a text, no space taken away.
static const std::string kPlain = bytes(3, number(3, 0) + number(4, 0));

static std::string errorOf(const std::string &model) {
  llvm::Expected<TokenizerDescription> result = readSentencePiece(
      {model.data(), model.size()}, "t.model", "/nowhere", 400);
  return result ? "" : llvm::toString(result.takeError());
}

static OpenTokenizer openModel(const std::string &model) {
  TemporaryModel folder;
  folder.add("tokenizer.model", model);
  return openDirectory(folder.path);
}

//===----------------------------------------------------------------------===//
// Good files
//===----------------------------------------------------------------------===//

TEST(SentencePiece, MergesByScoreThenFromTheLeft) {
  // bc is better than ab; abc can be made of a and bc only then.
  OpenTokenizer model =
      openModel(kBpe + kPlain + kLetters + piece("ab", -2) + piece("bc", -1) +
                piece("aa", -3) + piece("abc", -4));
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("abc", false), Ids({9}));
  EXPECT_EQ(model->encode("abb", false), Ids({6, 4}));
  EXPECT_EQ(model->encode("aaa", false), Ids({8, 3}));
  // Equal scores: the leftmost pair goes first, whichever it is.
  model =
      openModel(kBpe + kPlain + kLetters + piece("bc", -1) + piece("ab", -1));
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("abc", false), Ids({7, 5}));
}

TEST(SentencePiece, UnknownCharactersAreFusedOrBytes) {
  OpenTokenizer model = openModel(kBpe + kPlain + kLetters);
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("axyb", false), Ids({3, 0, 4}));
  EXPECT_EQ(decode(*model, {3, 0, 4}), "a \xe2\x81\x87 b");
  EXPECT_EQ(decode(*model, {0, 4}), " \xe2\x81\x87 b");
  model = openModel(bytes(2, number(3, 2) + number(35, 1)) + kPlain + kLetters +
                    bytePieces());
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("a\xc3\xa9", false), Ids({3, 6 + 0xc3, 6 + 0xa9}));
  EXPECT_EQ(decode(*model, {3, 6 + 0xc3, 6 + 0xa9}), "a\xc3\xa9");
}

TEST(SentencePiece, BeginsWithBosAndKnowsItsSymbols) {
  OpenTokenizer model = openModel(kBpe + kPlain + kLetters +
                                  piece("<x>", 0, 4) + piece("<xb", 0, 4));
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("a", true), Ids({1, 3}));
  EXPECT_EQ(model->encode("a<x>b<xb", false), Ids({3, 6, 4, 7}));
  EXPECT_TRUE(model->isSpecial(1));
  EXPECT_FALSE(model->isSpecial(6));
  // A control symbol in a text is text.
  EXPECT_EQ(model->encode("<s>", false), Ids({0}));
}

TEST(SentencePiece, SpacesByTheNormalizerSpec) {
  auto with = [](const std::string &spec) {
    return openModel(kBpe + bytes(3, spec) + kLetters + piece(kSpace, -9) +
                     piece(" ", -9));
  };
  OpenTokenizer all = with("");
  ASSERT_TRUE(all.tokenizer) << all.error;
  EXPECT_EQ(all->encode("  a   b ", false), Ids({6, 3, 6, 4}));
  EXPECT_EQ(all->encode("   ", false), Ids());
  OpenTokenizer keeps = with(number(4, 0));
  EXPECT_EQ(keeps->encode(" a  ", false), Ids({6, 6, 3, 6, 6}));
  OpenTokenizer plain = with(number(3, 0) + number(4, 0) + number(5, 0));
  EXPECT_EQ(plain->encode(" a", false), Ids({7, 3}));
}

TEST(SentencePiece, ConfigurationAddsTokens) {
  TemporaryModel folder;
  folder.add("tokenizer.model", kBpe + kPlain + kLetters);
  folder.add("tokenizer_config.json",
             R"({"add_bos_token":false,"add_eos_token":true,"added_tokens_)"
             R"(decoder":{"1":{"content":"<s>","special":true},)"
             R"("9":{"content":"<|user|>","special":true,"rstrip":true}}})");
  folder.add("added_tokens.json", R"({"<s>":1,"<pad>":8})");
  OpenTokenizer model = openDirectory(folder.path);
  ASSERT_TRUE(model.tokenizer) << model.error;
  EXPECT_EQ(model->encode("<s>a<|user|>  b<pad>", true),
            Ids({1, 3, 9, 4, 8, 2}));
  EXPECT_TRUE(model->isSpecial(9));
}

TEST(SentencePiece, ConfigurationSaysWhereASpaceIsAdded) {
  const std::pair<const char *, Ids> cases[] = {
      {"", {6, 3, 9, 6, 4}},
      {R"("legacy":true,)", {6, 3, 9, 6, 4}},
      {R"("legacy":false,)", {6, 3, 9, 4}},
      {R"("add_prefix_space":false,)", {3, 9, 4}}};
  for (const auto &[option, wanted] : cases) {
    TemporaryModel folder;
    folder.add("tokenizer.model",
               kBpe + bytes(3, number(4, 0)) + kLetters + piece(kSpace, -9));
    folder.add("tokenizer_config.json",
               std::string("{") + option +
                   R"("added_tokens_decoder":{"9":{"content":"<x>"}}})");
    OpenTokenizer model = openDirectory(folder.path);
    ASSERT_TRUE(model.tokenizer) << model.error;
    EXPECT_EQ(model->encode("a<x>b", false), wanted) << option;
  }
  TemporaryModel folder;
  folder.add("tokenizer.model", kBpe + kPlain + kLetters);
  folder.add("tokenizer_config.json", R"({"legacy":"no"})");
  EXPECT_EQ(openDirectory(folder.path).error,
            (folder.path / "tokenizer_config.json").string() +
                ": the file.legacy: must be true or false, got: 'no'");
}

TEST(SentencePiece, TokenizerJsonComesFirst) {
  TemporaryModel folder("{");
  folder.add("tokenizer.model", kBpe + kPlain + kLetters);
  EXPECT_NE(openDirectory(folder.path).error.find("tokenizer.json"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Bad files
//===----------------------------------------------------------------------===//

TEST(SentencePiece, SaysWhatIsWrong) {
  const std::string scoreless = bytes(1, bytes(1, "z") + real(2, NAN));
  const std::pair<std::string, const char *> cases[] = {
      {"", "pieces: must not be empty"},
      {kLetters, "trainer_spec.model_type: must be BPE, got: unigram"},
      {kLetters + bytes(2, number(3, 3)),
       "trainer_spec.model_type: must be BPE, got: word"},
      {kLetters + bytes(2, number(3, 9)),
       "trainer_spec.model_type: must be BPE, got: 9"},
      {kLetters + bytes(2, number(3, 2) + number(24, 1)),
       "trainer_spec.treat_whitespace_as_suffix: must be false, got: true"},
      {kBpe + piece("a", 0), "pieces: one must be of type unknown"},
      {kBpe + kUnknown + piece("x", 0, 2),
       "pieces[1]: only one piece may be of type unknown"},
      {kBpe + kUnknown + piece("", 0), "pieces[1]: must not be empty"},
      {kBpe + kUnknown + piece("\xff", 0),
       "pieces[1]: must be UTF-8, got: '\\xff'"},
      {kBpe + kUnknown + piece("a", 0) + piece("a", 0),
       "pieces[2]: must be there once, got: 'a'"},
      {kBpe + kUnknown + piece(std::string(513, 'a'), 0),
       "pieces[1]: must be at most 512 bytes, got: 513"},
      {kBpe + kUnknown + scoreless, "pieces[1]: score must be a finite number"},
      {kBpe + kUnknown + piece("a", 0, 5),
       "pieces[1]: unused pieces are not supported"},
      {kBpe + kUnknown + piece("a  b", 0, 4),
       "pieces[1]: must not hold spaces side by side when "
       "remove_extra_whitespaces is true"},
      {kBpe + kUnknown + piece("a", 0, 7),
       "pieces[1]: type must be 1 to 6, got: 7"},
      {kBpe + kUnknown + piece("a", 0, 6),
       "pieces[1]: must be a byte as <0x0A>, got: 'a'"},
      {kBpe + kUnknown + piece("a", 0) + piece("ax", 0),
       "pieces[2]: every character must be a piece, got: 'x'"},
      {bytes(2, number(3, 2) + number(35, 1)) + kLetters + bytePieces(255),
       "pieces: every byte must have one when byte_fallback is true"},
      {kBpe + kLetters + bytes(3, bytes(2, "abc")),
       "normalizer_spec.precompiled_charsmap: must hold its double array"},
      {kBpe + kLetters + bytes(3, bytes(2, std::string("\x08\0\0\0abcd", 8))),
       "normalizer_spec.precompiled_charsmap: must hold its double array"},
      {kBpe + kLetters + bytes(3, bytes(2, std::string("\0\0\0\0\xff", 5))),
       "normalizer_spec.precompiled_charsmap: replacements must be UTF-8"},
      {kBpe + kLetters +
           bytes(3, bytes(2, std::string(4, 0) + std::string(65, 'a'))),
       "normalizer_spec.precompiled_charsmap: replacements must be at most 64 "
       "bytes, got: 65"}};
  for (const auto &[model, why] : cases)
    EXPECT_EQ(errorOf(model), std::string("t.model: ") + why);
}

TEST(SentencePiece, SaysWhereTheMessageIsBroken) {
  const std::pair<std::string, const char *> cases[] = {
      {"\xff", "byte 0: must be a field of a protobuf message"},
      {std::string(1, 0), "byte 0: must be a field of a protobuf message"},
      {std::string(11, '\xff'),
       "byte 0: must be a field of a protobuf message"},
      {"\x0b", "byte 0: wire type must be 0, 1, 2 or 5, got: 3"},
      {"\x0a\x05xyz", "byte 0: field 1 must end within its message"},
      {number(9, 1) + "\x0d\x01",
       "byte 2: field 1 must end within its message"},
      {number(1, 1), "byte 0: field 1 must be a message"},
      {bytes(1, "\x0a\x7f"), "byte 2: field 1 must end within its message"}};
  for (const auto &[model, why] : cases)
    EXPECT_EQ(errorOf(model), std::string("t.model: ") + why);
}

TEST(SentencePiece, MorePiecesThanTheModelHasRows) {
  EXPECT_EQ(errorOf(kBpe + kLetters + bytePieces() + bytePieces()),
            "t.model: pieces: token id must be below the model's vocabulary "
            "size 400, got: 400");
}

TEST(SentencePiece, DamagedFilesNeverCrash) {
  const std::string good =
      readFile(goldenDirectory() + "/small-sentencepiece/tokenizer.model");
  ASSERT_FALSE(good.empty());
  std::mt19937 random(8);
  size_t opened = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string model =
        good.substr(0, round % 5 ? good.size() : 1 + random() % good.size());
    // In half of the rounds where the specifications are.
    size_t from = round % 2 ? model.size() * 3 / 5 : 0;
    for (size_t i = 0; i <= random() % 4; ++i)
      model[from + random() % (model.size() - from)] = char(random());
    llvm::Expected<TokenizerDescription> result = readSentencePiece(
        {model.data(), model.size()}, "t.model", "/nowhere", 1000);
    if (!result) {
      llvm::consumeError(result.takeError());
      continue;
    }
    ++opened;
    std::vector<char> tables = writeTokenizerTables(*result);
    std::string error;
    auto tokenizer =
        runtime::Tokenizer::open(tables.data(), tables.size(), error);
    ASSERT_TRUE(tokenizer) << error;
    tokenizer->encode("To be,  or not \xe2\x91\xa0\xe3\x80\x80[SYM] A\xcc\x8a",
                      true);
  }
  EXPECT_GT(opened, 100u);
}
