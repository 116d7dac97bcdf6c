//===- OperationsTest.cpp - the list of known operations ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include "llvm/Support/MemoryBuffer.h"

#include <map>

using namespace lqc;

/// "tensor: `cast`, `dim`" for every dialect, in lines of at most 100
/// characters.
static std::string listOf(const std::vector<std::string> &names) {
  std::map<std::string, std::vector<std::string>> dialects;
  for (llvm::StringRef name : names) {
    auto [dialect, op] = name.split('.');
    dialects[dialect.str()].push_back(op.str());
  }
  std::string text;
  for (const auto &[dialect, ops] : dialects) {
    std::string line = "* `" + dialect + "`:";
    for (const std::string &op : ops) {
      if (line.size() + op.size() > 97) {
        text += line + "\n";
        line = " ";
      }
      line += " " + op + (&op == &ops.back() ? "" : ",");
    }
    text += line + "\n";
  }
  return text;
}

TEST(OperationsTest, TheListIsTrue) {
  auto file = llvm::MemoryBuffer::getFile(LQC_SOURCE_DIR
                                          "/lib/Interpreter/Operations.md");
  ASSERT_TRUE(bool(file));
  llvm::StringRef text = (*file)->getBuffer();
  size_t start = text.find("* `");
  ASSERT_NE(start, llvm::StringRef::npos);
  EXPECT_EQ(text.substr(start).str(), listOf(interpretedOperations()));
}
