//===- Fixture.h - tokenizers for tests -------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_TOKENIZER_FIXTURE_H
#define LQC_TEST_UNIT_TOKENIZER_FIXTURE_H

#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Runtime/Tokenizer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace lqc::test {

/// A tokenizer and the tables under it.
struct OpenTokenizer {
  std::vector<char> tables;
  std::unique_ptr<runtime::Tokenizer> tokenizer;
  std::string error; ///< why there is no tokenizer

  const runtime::Tokenizer *operator->() const { return tokenizer.get(); }
  const runtime::Tokenizer &operator*() const { return *tokenizer; }
};

inline OpenTokenizer openDirectory(const std::string &directory,
                                   int64_t vocabularySize = 1 << 20,
                                   const SpecialTokens &special = {},
                                   const std::string &family = "") {
  OpenTokenizer result;
  llvm::Expected<std::optional<std::vector<char>>> tables =
      buildTokenizerTables(directory, vocabularySize, special, family);
  if (!tables) {
    result.error = llvm::toString(tables.takeError());
    return result;
  }
  if (!*tables) {
    result.error = "no tokenizer";
    return result;
  }
  result.tables = std::move(**tables);
  result.tokenizer = runtime::Tokenizer::open(
      result.tables.data(), result.tables.size(), result.error);
  return result;
}

inline std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A directory that is gone with this object.
class TemporaryModel {
public:
  TemporaryModel() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lqc-tokenizer-XXXXXX");
    path = mkdtemp(pattern.data());
  }
  /// With `json` as its tokenizer.json.
  explicit TemporaryModel(const std::string &json) : TemporaryModel() {
    add("tokenizer.json", json);
  }
  TemporaryModel(const TemporaryModel &) = delete;
  void add(const std::string &name, const std::string &bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
  }
  ~TemporaryModel() { std::filesystem::remove_all(path); }

  std::filesystem::path path;
};

using Ids = std::vector<int32_t>;

inline std::string decode(const runtime::Tokenizer &tokenizer, const Ids &ids) {
  runtime::TextStream stream(tokenizer);
  std::string text;
  for (int32_t id : ids)
    text += stream.push(id);
  text += stream.flush();
  return text;
}

inline std::string sourcePath(const std::string &relative) {
  return std::string(LQC_SOURCE_DIR) + "/" + relative;
}
inline std::string bardDirectory() { return sourcePath("examples/bard-llama"); }
inline std::string goldenDirectory() {
  return sourcePath("test/unit/Tokenizer/golden");
}

/// The folder of real models beside the project, "" if there is none.
inline std::string sharedModels() {
  const char *given = std::getenv("LQC_SHARED_MODELS");
  std::string path = given ? given : sourcePath("../shared/models");
  return std::filesystem::is_directory(path) ? path : "";
}

} // namespace lqc::test

#endif // LQC_TEST_UNIT_TOKENIZER_FIXTURE_H
