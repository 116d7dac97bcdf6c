//===- PatternTest.cpp - regular expressions for PCRE2 --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

#include <gtest/gtest.h>

using namespace lqc;

/// The translation, or the message.
static std::string translated(llvm::StringRef pattern) {
  llvm::Expected<std::string> result = translatePattern(pattern);
  return result ? *result : llvm::toString(result.takeError());
}

TEST(Pattern, KeepsWhatMeansTheSame) {
  for (llvm::StringRef same :
       {R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|a{2}b{2,}?)",
        R"((?:a)(?=b)(?!c)(?<=d)(?<!e)(?>f)(g)\d\D\n\t\[\-\]\x{1F600}\x41)",
        "[一-龥]+"})
    EXPECT_EQ(translated(same), same);
}

TEST(Pattern, TranslatesWhatDiffers) {
  EXPECT_EQ(translated(R"(\s+(?!\S)|[^\s\S])"),
            R"(\p{WSpace}+(?!\P{WSpace})|[^\p{WSpace}\P{WSpace}])");
  EXPECT_EQ(translated(R"(\p{Han}\P{Hiragana})"),
            R"(\p{sc:Han}\P{sc:Hiragana})");
  EXPECT_EQ(translated(R"([\u4e00-\u9fa5])"), R"([\x{4e00}-\x{9fa5}])");
  EXPECT_EQ(translated("a{,3}"), "a{0,3}");
  EXPECT_EQ(translated(R"(\v)"), R"(\x0b)");
}

TEST(Pattern, RefusesTheRest) {
  const std::pair<const char *, const char *> cases[] = {
      {"^a", "'^' is not supported"},
      {"a$", "'$' is not supported"},
      {"\\w+", "'\\w' is not supported"},
      {"\\h", "'\\h' is not supported"},
      {"\\b", "'\\b' is not supported"},
      {"\\1", "'\\1' is not supported"},
      {"(?i)a", "'(?i' is not supported"},
      {"(*UTF)a", "'(*U' is not supported"},
      {"(?R)", "'(?R' is not supported"},
      {"[a[b]]", "a class inside a class is not supported"},
      {"[a&&b]", "'&&' in a class is not supported"},
      {"[]a]", "an empty class is not supported"},
      {"[a", "a class is not closed"},
      {"a{", "'{' without a count is not supported"},
      {"a{1,2}+", "'+' behind a count is not supported"},
      {"\\pL", "'\\p' without a name in braces is not supported"},
      {"\\p{^L}", "property '^L' is not supported"},
      {"\\u12", "'\\u' without four digits is not supported"},
      {"\\xe9", "'\\x' without two digits below 80 is not supported"},
      {"\\x{zz}", "'\\x{' without digits is not supported"},
      {"a\\", "it ends in a backslash"},
      {"(a", "missing closing parenthesis at offset 2"},
      {"*", "quantifier does not follow a repeatable item at offset 0"},
      {"\\p{Klingon}", "unknown property after \\P or \\p at offset 14"},
  };
  for (auto [pattern, why] : cases)
    EXPECT_EQ(translated(pattern), std::string("regular expression: ") + why);
  EXPECT_EQ(translated(std::string(70000, 'a')),
            "regular expression: longer than 65536 bytes");
  EXPECT_NE(translated(std::string(5000, '(')), "");
}
