//===- Tokenizer.cpp - a model's tokenizer becomes tables -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Tokenizer/Tokenizer.h"

#include "lib/Import/Tokenizer/Description.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/MappedFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lqc;

static constexpr size_t kMaxEosTokens = 256;

/// Checks an id of config.json against the model's vocabulary.
static llvm::Error checkSpecial(llvm::StringRef directory, llvm::StringRef name,
                                int64_t id, int64_t vocabularySize) {
  if (id >= 0 && id < vocabularySize && id <= INT32_MAX)
    return llvm::Error::success();
  return makeError("{0}: {1} must be below the vocabulary size {2}, got: {3}",
                   directory, name, vocabularySize, id);
}

static llvm::Error addSpecialTokens(llvm::StringRef directory,
                                    int64_t vocabularySize,
                                    const SpecialTokens &tokens,
                                    TokenizerDescription &description) {
  if (tokens.bos) {
    if (llvm::Error error = checkSpecial(directory, "bos_token_id", *tokens.bos,
                                         vocabularySize))
      return error;
    description.bos = int32_t(*tokens.bos);
  }
  if (tokens.eos.size() > kMaxEosTokens)
    return makeError("{0}: eos_token_id must be at most {1} tokens, got: {2}",
                     directory, kMaxEosTokens, tokens.eos.size());
  for (int64_t id : tokens.eos) {
    if (llvm::Error error =
            checkSpecial(directory, "eos_token_id", id, vocabularySize))
      return error;
    description.eos.push_back(int32_t(id));
  }
  return llvm::Error::success();
}

llvm::Expected<std::optional<std::vector<char>>>
lqc::buildTokenizerTables(llvm::StringRef modelDirectory,
                          int64_t vocabularySize,
                          const SpecialTokens &specialTokens) {
  llvm::SmallString<128> path(modelDirectory);
  llvm::sys::path::append(path, "tokenizer.json");
  // A link that leads nowhere is a broken download, not a missing tokenizer.
  llvm::sys::fs::file_status status;
  std::error_code missing =
      llvm::sys::fs::status(path, status, /*Follow=*/false);
  if (missing == std::errc::no_such_file_or_directory)
    return std::nullopt;
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<TokenizerDescription> description =
      readTokenizerJson(file->text(), path, vocabularySize);
  if (!description)
    return description.takeError();
  if (llvm::Error error = addSpecialTokens(modelDirectory, vocabularySize,
                                           specialTokens, *description))
    return std::move(error);
  return writeTokenizerTables(*description);
}
