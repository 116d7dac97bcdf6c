//===- CorpusTest.cpp - a fuzz target as an ordinary test -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Fuzz.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

using namespace lqc::test;

/// Damaged copies of all seeds of a target together.
static constexpr size_t kDamagedCopies = 600;

static void run(const std::string &input) {
  // A copy of exactly this size: a sanitizer sees a byte that is read behind
  // it.
  std::vector<uint8_t> bytes(input.begin(), input.end());
  EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);
}

/// Flips, cuts, repeats or overwrites a few pieces of `input`.
static std::string damaged(std::string input, std::mt19937 &random) {
  for (size_t changes = random() % 4 + 1; changes && !input.empty();
       --changes) {
    const size_t at = random() % input.size();
    const size_t length = std::min<size_t>(random() % 16, input.size() - at);
    switch (random() % 6) {
    case 0:
      input[at] = char(input[at] ^ 1 << random() % 8);
      break;
    case 1:
      input[at] = "{}[]\",:0-9e.\\\xff"[random() % 15];
      break;
    case 2:
      input.resize(at);
      break;
    case 3:
      input.erase(at, length);
      break;
    case 4:
      input.insert(at, input.substr(at, length));
      break;
    default:
      input.replace(at, length, std::string(length, char(random())));
      break;
    }
  }
  return input;
}

TEST(Corpus, Seeds) {
  std::vector<std::string> seeds = fuzzSeeds();
  ASSERT_FALSE(seeds.empty());
  for (const std::string &seed : seeds)
    run(seed);
  run("");
}

TEST(Corpus, DamagedSeeds) {
  std::mt19937 random(1);
  std::vector<std::string> seeds = fuzzSeeds();
  for (size_t i = 0; i < kDamagedCopies; ++i)
    run(damaged(seeds[i % seeds.size()], random));
}

/// test/fuzz/regressions/TARGET: what made the target fail once.
TEST(Corpus, Regressions) {
  namespace fs = std::filesystem;
  const fs::path folder = LQC_SOURCE_DIR "/test/fuzz/regressions/" LQC_TARGET;
  if (!fs::is_directory(folder))
    return;
  for (const auto &entry : fs::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream stream(entry.path(), std::ios::binary);
    run({std::istreambuf_iterator<char>(stream), {}});
  }
}
