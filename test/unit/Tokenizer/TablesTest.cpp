//===- TablesTest.cpp - whole tables, damaged tables ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include <random>

using namespace lqc;
using namespace lqc::test;
using namespace lqc::runtime;

/// The message for tables that `damage` has changed.
template <typename Damage>
static std::string errorWith(std::vector<char> tables, Damage damage) {
  damage(*reinterpret_cast<TokenizerHeader *>(tables.data()));
  std::string error;
  EXPECT_EQ(Tokenizer::open(tables.data(), tables.size(), error), nullptr);
  return error;
}

/// Uses everything that a damaged tokenizer has.
static void exercise(const Tokenizer &tokenizer, std::mt19937 &random) {
  std::string text = "The king's 42 men <|eos|> \xf0\x9f\x99\x82 said  so\n\n";
  text += std::string(100, 'a');
  for (int i = 0; i < 20; ++i)
    text += char(random());
  for (int32_t id : tokenizer.encode(text, true)) {
    ASSERT_GE(id, 0);
    ASSERT_LT(id, tokenizer.tokenCount());
  }
  TextStream stream(tokenizer, true);
  for (int i = 0; i < 50; ++i)
    stream.push(int32_t(random() % 1100) - 10);
  tokenizer.isEos(0), tokenizer.bos(), tokenizer.addsBos();
}

TEST(Tables, SameInputSameBytes) {
  std::string small = goldenDirectory() + "/small-llama3";
  EXPECT_EQ(openDirectory(small).tables, openDirectory(small).tables);
  EXPECT_EQ(openDirectory(bardDirectory()).tables,
            openDirectory(bardDirectory()).tables);
}

TEST(Tables, SaysWhatIsWrongWithTheHeader) {
  std::vector<char> good = openDirectory(bardDirectory()).tables;
  ASSERT_FALSE(good.empty());
  using Header = TokenizerHeader &;
  auto at = [](TokenizerTable table) { return uint32_t(table); };
  EXPECT_EQ(errorWith(good, [](Header h) { h.magic ^= 1; }),
            "tokenizer tables: wrong magic number");
  EXPECT_EQ(errorWith(good, [](Header h) { h.version = 9; }),
            "tokenizer tables: version 9, expected 3");
  EXPECT_EQ(errorWith(good, [](Header h) { h.model = 7; }),
            "tokenizer tables: unknown model 7");
  EXPECT_EQ(errorWith(good, [](Header h) { h.tokenCount = 3u << 30; }),
            "tokenizer tables: too many tokens");
  EXPECT_EQ(errorWith(good, [](Header h) { h.tokenCount += 1; }),
            "tokenizer tables: a table has the wrong length");
  EXPECT_EQ(errorWith(good, [](Header h) { h.mergeProbes = 1 << 30; }),
            "tokenizer tables: a hash table has the wrong length");
  EXPECT_EQ(errorWith(good, [](Header h) { h.rawAddedCount = 3; }),
            "tokenizer tables: too many added tokens");
  EXPECT_EQ(errorWith(good, [](Header h) { h.normalizerSteps = 9; }),
            "tokenizer tables: too many normalizers");
  EXPECT_EQ(errorWith(good, [](Header h) { h.longestWord = 513; }),
            "tokenizer tables: a word is too long");
  EXPECT_EQ(errorWith(good, [](Header h) { h.continuation.offset = 1u << 31; }),
            "tokenizer tables: the continuing prefix reaches beyond their end");
  for (TableRange range : {TableRange{~0ULL - 7, 1}, TableRange{8, ~0ULL},
                           TableRange{1 << 30, 0}, TableRange{4, 0}})
    EXPECT_EQ(errorWith(good,
                        [&](Header h) {
                          h.tables[at(TokenizerTable::Merges)] = range;
                        }),
              "tokenizer tables: a table reaches beyond their end");
  EXPECT_EQ(errorWith(good,
                      [&](Header h) {
                        h.tables[at(TokenizerTable::Merges)].count -= 1;
                      }),
            "tokenizer tables: a hash table has the wrong length");
}

/// The message for a first step that `damage` has changed.
template <typename Damage> static std::string errorWithStep(Damage damage) {
  std::vector<char> good = openDirectory(bardDirectory()).tables;
  return errorWith(good, [&](TokenizerHeader &header) {
    uint64_t offset = header.tables[uint32_t(TokenizerTable::Steps)].offset;
    damage(*reinterpret_cast<TextStepEntry *>(
        reinterpret_cast<char *>(&header) + offset));
  });
}

TEST(Tables, SaysWhatIsWrongWithAStep) {
  using Entry = TextStepEntry &;
  EXPECT_EQ(errorWithStep([](Entry e) { e.kind = 99; }),
            "tokenizer tables: step: unknown kind 99");
  EXPECT_EQ(errorWithStep([](Entry e) { e.pattern.offset = 1u << 31; }),
            "tokenizer tables: a step reaches beyond their end");
  EXPECT_EQ(errorWithStep([](Entry e) { e.content = e.pattern; }),
            "tokenizer tables: step: a content of more than 64 bytes");
  EXPECT_EQ(errorWithStep([](Entry e) {
              e.kind = uint32_t(TextStepKind::ReplaceText);
              e.pattern.size = 0;
            }),
            "tokenizer tables: step: an empty text to replace");
  EXPECT_EQ(errorWithStep([](Entry e) {
              e.pattern.size = 1;
              e.pattern.offset += 1; // behind the quotation mark
            }),
            "tokenizer tables: step: missing closing parenthesis at offset 1");
}

TEST(Tables, StepsCannotMakeTextsExplode) {
  std::string content(64, 'a');
  std::vector<TextStep> steps(20, {TextStepKind::ReplaceText, 0, "a", content});
  EXPECT_LE(applySteps(steps, "aaaa").size(), 64 * 4 + 4096u);
  EXPECT_EQ(applySteps({steps.data(), 1}, "ba").size(), 65u);
}

TEST(Tables, ShortOrMisplacedTablesAreErrors) {
  std::vector<char> good = openDirectory(bardDirectory()).tables;
  std::string error;
  EXPECT_EQ(Tokenizer::open(nullptr, 0, error), nullptr);
  EXPECT_EQ(error, "tokenizer tables: shorter than their header");
  EXPECT_EQ(Tokenizer::open(good.data(), good.size() - 1, error), nullptr);
  EXPECT_EQ(error, "tokenizer tables: they should be " +
                       std::to_string(good.size()) +
                       " bytes, got: " + std::to_string(good.size() - 1));
  EXPECT_EQ(Tokenizer::open(good.data() + 1, good.size() - 1, error), nullptr);
  EXPECT_EQ(error, "tokenizer tables: not at a multiple of 8 bytes");
}

TEST(Tables, RandomBytesAreNoTables) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<char> bytes(random() % 2000);
    for (char &byte : bytes)
      byte = char(random());
    if (bytes.size() >= sizeof(TokenizerHeader) && round % 2) {
      auto &header = *reinterpret_cast<TokenizerHeader *>(bytes.data());
      header.magic = kTokenizerMagic;
      header.version = kTokenizerVersion;
      header.model = 1 + round / 2 % 3;
      header.totalBytes = bytes.size();
      for (TableRange &table : header.tables)
        table.offset %= 2048, table.count %= 64;
    }
    std::string error;
    if (auto tokenizer = Tokenizer::open(bytes.data(), bytes.size(), error))
      exercise(*tokenizer, random);
    else
      EXPECT_FALSE(error.empty());
  }
}

TEST(Tables, DamagedTablesNeverCrash) {
  std::mt19937 random(2);
  for (std::string directory :
       {bardDirectory(), goldenDirectory() + "/small-llama3",
        goldenDirectory() + "/small-llama2", goldenDirectory() + "/small-qwen2",
        goldenDirectory() + "/small-sentencepiece",
        goldenDirectory() + "/small-wordpiece"}) {
    const std::vector<char> good = openDirectory(directory).tables;
    ASSERT_FALSE(good.empty());
    size_t opened = 0;
    for (int round = 0; round < 800; ++round) {
      std::vector<char> tables = good;
      size_t changes = size_t(1) << random() % 14;
      // In a third of the rounds the header too.
      size_t first = round % 3 ? sizeof(TokenizerHeader) : 0;
      for (size_t i = 0; i < changes; ++i)
        tables[first + random() % (tables.size() - first)] = char(random());
      std::string error;
      auto tokenizer = Tokenizer::open(tables.data(), tables.size(), error);
      if (!tokenizer)
        continue;
      ++opened;
      exercise(*tokenizer, random);
    }
    EXPECT_GT(opened, 100u);
  }
}
