//===- Exercise.h - uses all of a tokenizer ---------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_FUZZ_EXERCISE_H
#define LQC_TEST_FUZZ_EXERCISE_H

#include "lib/Import/Tokenizer/Description.h"
#include "lqc/Runtime/Tokenizer.h"
#include "test/fuzz/Fuzz.h"

#include <algorithm>

namespace lqc::test {

/// Encodes and decodes; damaged tables may give wrong tokens, but only ids that
/// exist, and text that is UTF-8.
inline void exercise(const runtime::Tokenizer &tokenizer) {
  // Words of each kind that a pattern tells apart, bytes that are not UTF-8,
  // and a word that is long for the merger.
  const std::string text =
      "The king's 42 men <|eos|> \xf0\x9f\x99\x82 said  so\n\n\xff\xc3 " +
      std::string(60, 'a');
  const std::vector<int32_t> tokens = tokenizer.encode(text, true);
  for (int32_t id : tokens)
    require(id >= 0 && id < tokenizer.tokenCount(), "a token exists");
  runtime::TextStream stream(tokenizer, /*keepSpecial=*/true);
  for (int32_t id : tokens)
    stream.push(id);
  for (int32_t id = -1; id <= std::min(tokenizer.tokenCount(), 300); ++id)
    stream.push(id);
  stream.flush();
  (void)(tokenizer.isEos(0) || tokenizer.addsBos());
}

/// What a reader accepted becomes tables, which can be opened.
inline void exerciseTables(const TokenizerDescription &description) {
  const std::vector<char> tables = writeTokenizerTables(description);
  std::string error;
  auto tokenizer =
      runtime::Tokenizer::open(tables.data(), tables.size(), error);
  require(tokenizer != nullptr, "tables that LQC wrote can be opened");
  exercise(*tokenizer);
}

} // namespace lqc::test

#endif // LQC_TEST_FUZZ_EXERCISE_H
