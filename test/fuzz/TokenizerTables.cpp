//===- TokenizerTables.cpp - an executable's tokenizer --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"
#include "test/fuzz/Exercise.h"

#include <algorithm>

using namespace lqc;
using namespace lqc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // At a multiple of 8 bytes, as in an executable.
  std::unique_ptr<uint64_t[]> tables(new uint64_t[size / 8 + 1]);
  std::copy_n(data, size, reinterpret_cast<uint8_t *>(tables.get()));
  if (size >= sizeof(runtime::TokenizerHeader))
    reinterpret_cast<runtime::TokenizerHeader *>(tables.get())->totalBytes =
        size; // most changes of the input would stop at a wrong size
  std::string error;
  auto tokenizer = runtime::Tokenizer::open(tables.get(), size, error);
  if (!tokenizer)
    requireOneLine(error);
  else
    exercise(*tokenizer);
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char *name :
       {"test/unit/Tokenizer/golden/small-llama3/tokenizer.json",
        "test/unit/Tokenizer/golden/small-llama2/tokenizer.json",
        "test/unit/Tokenizer/golden/small-wordpiece/tokenizer.json",
        "examples/bard-llama/tokenizer.json"}) {
    const std::vector<char> tables = writeTokenizerTables(
        llvm::cantFail(readTokenizerJson(repositoryFile(name), name, 1 << 20)));
    seeds.emplace_back(tables.begin(), tables.end());
  }
  return seeds;
}
