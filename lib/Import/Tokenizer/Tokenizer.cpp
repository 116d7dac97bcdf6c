//===- Tokenizer.cpp - a model's tokenizer becomes tables -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Tokenizer/Tokenizer.h"

#include "lib/Import/Tokenizer/Description.h"
#include "lib/Import/Tokenizer/TokenizerConfig.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/MappedFile.h"

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

std::vector<llvm::StringRef>
lqc::tokenizerFiles(llvm::StringRef modelDirectory) {
  auto has = [&](llvm::StringRef name) {
    return isThere(pathIn(modelDirectory, name));
  };
  if (has("tokenizer.json"))
    return {"tokenizer.json"};
  if (has("tokenizer.model"))
    return {"tokenizer.model", "tokenizer_config.json", "added_tokens.json"};
  if (has("vocab.json") && has("merges.txt"))
    return {"vocab.json", "merges.txt", "tokenizer_config.json",
            "added_tokens.json"};
  if (has("vocab.txt"))
    return {"vocab.txt", "tokenizer_config.json", "added_tokens.json"};
  return {};
}

static llvm::Expected<TokenizerDescription>
readTokenizer(llvm::StringRef directory, llvm::StringRef name,
              int64_t vocabularySize, llvm::StringRef family) {
  if (name == "vocab.json")
    return readVocabularyFiles(directory, family, vocabularySize);
  if (name == "vocab.txt")
    return readWordPieceFile(directory, family, vocabularySize);
  std::string path = pathIn(directory, name);
  if (!family.empty())
    return makeError("{0}: --tokenizer={1} is for {2}", path, family,
                     filesOfTokenizerFamily(family));
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return name == "tokenizer.json"
             ? readTokenizerJson(file->text(), path, vocabularySize)
             : readSentencePiece(file->bytes(), path, directory,
                                 vocabularySize);
}

llvm::Expected<std::optional<std::vector<char>>> lqc::buildTokenizerTables(
    llvm::StringRef modelDirectory, int64_t vocabularySize,
    const SpecialTokens &specialTokens, llvm::StringRef family) {
  std::vector<llvm::StringRef> files = tokenizerFiles(modelDirectory);
  if (files.empty())
    return std::nullopt;
  llvm::Expected<TokenizerDescription> description =
      readTokenizer(modelDirectory, files.front(), vocabularySize, family);
  if (!description)
    return description.takeError();
  if (llvm::Error error = addSpecialTokens(modelDirectory, vocabularySize,
                                           specialTokens, *description))
    return std::move(error);
  return writeTokenizerTables(*description);
}
