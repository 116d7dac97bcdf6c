//===- ModelConfig.cpp - config.json --------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/ModelConfig.h"
#include "test/fuzz/Fuzz.h"

using namespace lqc;
using namespace lqc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<ModelConfig> config = parseModelConfig(text, "config.json");
  if (!config) {
    requireOneLine(config.takeError());
    return 0;
  }
  require(config->heads % config->kvHeads == 0, "heads share keys evenly");
  require(ropeFrequencies(*config).size() == size_t(config->headDim / 2),
          "a frequency for each pair");
  for (int64_t token : config->eosTokens)
    require(token >= 0 && token < config->vocabulary, "a token exists");
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  std::vector<std::string> seeds = {
      repositoryFile("examples/bard-llama/config.json")};
  for (const char *name :
       {"biases", "linear-rope", "llama3-rope", "odd-sizes", "transformers5"})
    seeds.push_back(repositoryFile(std::string("test/golden/tiny-") + name +
                                   "/config.json"));
  return seeds;
}
