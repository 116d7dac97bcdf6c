//===- TokenizerModel.cpp - tokenizer.model, to tables and text -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"
#include "test/fuzz/Exercise.h"

using namespace lqc;
using namespace lqc::test;

/// Of the model: ids in the seed are below it.
static constexpr int64_t kVocabulary = 1 << 12;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(data), size);
  // A folder that is not there has no tokenizer_config.json.
  llvm::Expected<TokenizerDescription> description = readSentencePiece(
      bytes, "tokenizer.model", "/no-such-folder", kVocabulary);
  if (description)
    exerciseTables(*description);
  else
    requireOneLine(description.takeError());
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  return {repositoryFile(
      "test/unit/Tokenizer/golden/small-sentencepiece/tokenizer.model")};
}
