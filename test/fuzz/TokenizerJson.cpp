//===- TokenizerJson.cpp - tokenizer.json, to tables and text -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"
#include "test/fuzz/Exercise.h"

using namespace lqc;
using namespace lqc::test;

/// Of the model: ids in the seeds are below it.
static constexpr int64_t kVocabulary = 1 << 12;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<TokenizerDescription> description =
      readTokenizerJson(text, "tokenizer.json", kVocabulary);
  if (description)
    exerciseTables(*description);
  else
    requireOneLine(description.takeError());
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  return {
      repositoryFile("test/unit/Tokenizer/golden/small-llama3/tokenizer.json"),
      repositoryFile("test/unit/Tokenizer/golden/small-llama2/tokenizer.json"),
      repositoryFile(
          "test/unit/Tokenizer/golden/small-wordpiece/tokenizer.json"),
      repositoryFile("examples/bard-llama/tokenizer.json"),
      R"({"normalizer":null,"pre_tokenizer":{"type":"ByteLevel"},)"
      R"("decoder":{"type":"ByteLevel"},"post_processor":null,)"
      R"("added_tokens":[],"model":{"type":"BPE",)"
      R"("vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})",
      R"({"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":)"
      R"({"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece",)"
      R"("prefix":"##","cleanup":true},"post_processor":)"
      R"({"type":"BertProcessing","cls":["a",0],"sep":["##b",1]},)"
      R"("added_tokens":[],"model":{"type":"WordPiece","unk_token":"a",)"
      R"("continuing_subword_prefix":"##","max_input_chars_per_word":9,)"
      R"("vocab":{"a":0,"##b":1,"##a":2}}})"};
}
