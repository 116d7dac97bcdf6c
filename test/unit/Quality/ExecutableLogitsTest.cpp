//===- ExecutableLogitsTest.cpp - logits of a running program -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shell scripts stand for executables.
//
//===----------------------------------------------------------------------===//

#include "lqc/Quality/LogitSource.h"
#include "test/unit/Link/RunProgram.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace lqc;
using namespace lqc::test;

namespace {
struct ExecutableLogitsTest : testing::Test {
  /// Starts a script; its logits are known as "model".
  std::unique_ptr<ExecutableLogits> start(const std::string &script) {
    writeFile(folder / "script", "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder / "script",
                                 std::filesystem::perms::owner_all);
    auto source = ExecutableLogits::start(folder / "script", "model",
                                          "tokens.u32", windows, 3);
    EXPECT_TRUE(bool(source)) << llvm::toString(source.takeError());
    return std::move(*source);
  }
  /// Reads two numbers, then the end. The message of the first error, or "".
  static std::string problemOf(ExecutableLogits &source) {
    std::vector<float> row(2);
    if (llvm::Error error = source.read(row))
      return llvm::toString(std::move(error));
    return llvm::toString(source.finish());
  }

  TemporaryFolder folder;
  runtime::Windows windows{9, 32, 8, 4};
};

/// The bytes of 0.0 and 2.0.
const char *const kRow = "printf '\\0\\0\\0\\0\\0\\0\\0\\100'\n";
} // namespace

TEST_F(ExecutableLogitsTest, readsRows) {
  auto source = start(kRow);
  std::vector<float> row(2);
  EXPECT_FALSE(bool(source->read(row)));
  EXPECT_EQ(row, (std::vector<float>{0, 2}));
  EXPECT_FALSE(bool(source->finish()));
}

TEST_F(ExecutableLogitsTest, asksForTheWindowsOfTheFile) {
  auto source =
      start("echo \"$@\" > " + (folder / "words") + "\n" + std::string(kRow));
  EXPECT_EQ(problemOf(*source), "");
  EXPECT_EQ(readFile(folder / "words"),
            "--logits --perplexity tokens.u32 --window 8 --stride 4 "
            "--threads 3\n");
}

TEST_F(ExecutableLogitsTest, itsMessageBecomesTheError) {
  EXPECT_EQ(problemOf(*start("echo 'script: token id must be 0 to 7, got: 9' "
                             ">&2; exit 1")),
            "model: token id must be 0 to 7, got: 9");
  EXPECT_EQ(problemOf(*start("exit 3")),
            "model: the executable failed without a message");
  EXPECT_EQ(problemOf(*start(std::string(kRow) + "exit 3")),
            "model: the executable failed without a message");
  EXPECT_EQ(problemOf(*start("kill -9 $$")),
            "model: the executable was ended by signal 9");
}

TEST_F(ExecutableLogitsTest, rowsMustBeAsManyAsAskedFor) {
  EXPECT_EQ(problemOf(*start("printf abcd")),
            "model: the executable must write a row of logits for each token, "
            "got: an early end");
  EXPECT_EQ(problemOf(*start(std::string(kRow) + kRow)),
            "model: the executable must write a row of logits for each token, "
            "got: more");
}

TEST_F(ExecutableLogitsTest, whatCannotRunIsNamed) {
  auto source = ExecutableLogits::start(folder / "none", "model", "tokens.u32",
                                        windows, 1);
  EXPECT_EQ(llvm::toString(source.takeError()),
            "model: No such file or directory");
  writeFile(folder / "text", "no program");
  source = ExecutableLogits::start(folder / "text", "model", "tokens.u32",
                                   windows, 1);
  EXPECT_EQ(llvm::toString(source.takeError()), "model: Permission denied");
}

TEST_F(ExecutableLogitsTest, isStoppedWithTheObject) {
  auto begin = std::chrono::steady_clock::now();
  start("exec sleep 60").reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}
