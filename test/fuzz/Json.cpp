//===- Json.cpp - JSON of any kind ----------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Json.h"
#include "lqc/Support/Error.h"
#include "test/fuzz/Fuzz.h"

using namespace lqc;
using namespace lqc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  requireOneLine(quote(text));
  llvm::Expected<llvm::json::Value> value = parseJson(text, "f.json");
  if (!value) {
    requireOneLine(value.takeError());
    return 0;
  }
  requireOneLine(describeJson(&*value));
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  return {
      repositoryFile("examples/bard-llama/config.json"),
      repositoryFile("test/golden/tiny-llama3-rope/config.json"),
      repositoryFile("test/golden/tiny-llama3-rope/"
                     "model.safetensors.index.json"),
      repositoryFile("test/unit/Tokenizer/golden/small-llama3/tokenizer.json"),
      R"({"a": [1, -2.5e300, true, null, "\u0061\ud83d\ude42\n"], "b": {}})"};
}
