//===- GoldenTest.cpp - tokens as other implementations have them ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace lqc;
using namespace lqc::test;

static Ids idsOf(const llvm::json::Array &array) {
  Ids ids;
  for (const llvm::json::Value &id : array)
    ids.push_back(int32_t(*id.getAsInteger()));
  return ids;
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
    Ids wanted = idsOf(*test.getArray("ids"));
    EXPECT_EQ(tokenizer->encode(text, true), wanted) << line;
    std::string decoded = test.getString("decoded").value_or(text).str();
    EXPECT_EQ(decode(*tokenizer, wanted), decoded) << line;
  }
  EXPECT_GT(count, 100u);
}

TEST(Golden, BardLlama) {
  checkGolden(openDirectory(bardDirectory()), "bard-llama.jsonl");
}

TEST(Golden, SmallOnes) {
  for (std::string name :
       {"small-llama3", "small-llama2", "small-mistral", "small-qwen2",
        "small-sentencepiece", "small-wordpiece", "small-bert"})
    checkGolden(openDirectory(goldenDirectory() + "/" + name), name + ".jsonl");
}

/// Each line replaces stages of small-llama2 and says what comes out.
TEST(Golden, Stages) {
  llvm::Expected<llvm::json::Value> base = llvm::json::parse(
      readFile(goldenDirectory() + "/small-llama2/tokenizer.json"));
  ASSERT_TRUE(bool(base)) << llvm::toString(base.takeError());
  std::istringstream lines(readFile(goldenDirectory() + "/stages.jsonl"));
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    llvm::Expected<llvm::json::Value> test = llvm::json::parse(line);
    ASSERT_TRUE(bool(test)) << llvm::toString(test.takeError());
    llvm::json::Object file = *base->getAsObject();
    file["added_tokens"] = llvm::json::Array();
    file["post_processor"] = nullptr;
    for (llvm::StringRef stage : {"normalizer", "pre_tokenizer"})
      file[stage] = *test->getAsObject()->get(stage);
    TemporaryModel model(
        llvm::formatv("{0}", llvm::json::Value(std::move(file))).str());
    OpenTokenizer tokenizer = openDirectory(model.path);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    for (const llvm::json::Value &value :
         *test->getAsObject()->getArray("cases")) {
      const llvm::json::Array &pair = *value.getAsArray();
      EXPECT_EQ(tokenizer->encode(*pair[0].getAsString(), true),
                idsOf(*pair[1].getAsArray()))
          << line.substr(0, 300) << "\n"
          << pair[0].getAsString()->str();
    }
  }
  EXPECT_GT(count, 40u);
}

/// Each line puts another post-processor around small-wordpiece, and cuts texts
/// to a length (0: to none).
TEST(Golden, Ends) {
  llvm::Expected<llvm::json::Value> base = llvm::json::parse(
      readFile(goldenDirectory() + "/small-wordpiece/tokenizer.json"));
  ASSERT_TRUE(bool(base)) << llvm::toString(base.takeError());
  std::istringstream lines(readFile(goldenDirectory() + "/ends.jsonl"));
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    llvm::Expected<llvm::json::Value> test = llvm::json::parse(line);
    ASSERT_TRUE(bool(test)) << llvm::toString(test.takeError());
    llvm::json::Object file = *base->getAsObject();
    file["post_processor"] = *test->getAsObject()->get("post_processor");
    TemporaryModel model(
        llvm::formatv("{0}", llvm::json::Value(std::move(file))).str());
    OpenTokenizer tokenizer = openDirectory(model.path);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    for (const llvm::json::Value &value :
         *test->getAsObject()->getArray("cases")) {
      const llvm::json::Array &part = *value.getAsArray();
      const int64_t limit = *part[0].getAsInteger();
      EXPECT_EQ(tokenizer->encode(*part[1].getAsString(), true,
                                  limit ? size_t(limit) : SIZE_MAX),
                idsOf(*part[2].getAsArray()))
          << line.substr(0, 300) << "\n"
          << limit << " tokens of " << part[1].getAsString()->str();
      ++count;
    }
  }
  EXPECT_GT(count, 150u);
}

//===----------------------------------------------------------------------===//
// Real tokenizers beside the project
//===----------------------------------------------------------------------===//

namespace {
/// A tokenizer, and the vectors that belong to it.
struct Vectors {
  const char *directory, *vectors;
  int64_t tokens; ///< of the model
  const char *family = "";
};
} // namespace

/// Ids without special tokens, and the same text back.
TEST(Golden, Vectors) {
  std::string models = sharedModels();
  if (models.empty())
    GTEST_SKIP() << "no folder of shared models (LQC_SHARED_MODELS)";
  for (Vectors test :
       {Vectors{"gpt2", "gpt-2", 50257}, Vectors{"llama2", "llama-spm", 32000},
        Vectors{"phi-3-mini", "phi-3", 32064},
        Vectors{"qwen2", "qwen2", 151936, "qwen2"}}) {
    OpenTokenizer tokenizer = openDirectory(
        models + "/tokenizers/" + test.directory, test.tokens, {}, test.family);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    std::string vectors = models + "/tokenizers/vectors/" + test.vectors;
    std::string texts = readFile(vectors + ".inp");
    std::istringstream answers(readFile(vectors + ".out"));
    const std::string separator = "\n__ggml_vocab_test__\n";
    size_t begin = 0, count = 0;
    for (std::string answer; std::getline(answers, answer); ++count) {
      size_t end = std::min(texts.find(separator, begin), texts.size());
      std::istringstream numbers(answer);
      Ids wanted{std::istream_iterator<int32_t>(numbers), {}};
      std::string text = texts.substr(begin, end - begin);
      EXPECT_EQ(tokenizer->encode(text, false), wanted)
          << test.directory << ": " << text;
      EXPECT_EQ(decode(*tokenizer, wanted), text) << test.directory;
      begin = std::min(end + separator.size(), texts.size());
    }
    EXPECT_GT(count, 40u);
  }
}

TEST(Golden, BardValidationText) {
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
