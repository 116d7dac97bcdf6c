//===- TokenizerConfig.cpp - tokenizer_config.json and its kin ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/TokenizerConfig.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"
#include "lqc/Support/MappedFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::json::Object;
using llvm::json::Value;

std::string lqc::pathIn(StringRef directory, StringRef name) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

bool lqc::isThere(StringRef path) {
  llvm::sys::fs::file_status status;
  return llvm::sys::fs::status(path, status, /*Follow=*/false) !=
         std::errc::no_such_file_or_directory;
}

llvm::Expected<Object> lqc::readJsonObject(StringRef path) {
  if (!isThere(path))
    return Object();
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<Value> value = parseJson(file->text(), path);
  if (!value)
    return value.takeError();
  const Object *object;
  if (Error error = JsonFields(path).asObject(&*value, "the file", object))
    return std::move(error);
  return std::move(*value->getAsObject());
}

TokenizerConfig::TokenizerConfig(std::string directory)
    : configFields(pathIn(directory, "tokenizer_config.json")),
      addedFields(pathIn(directory, "added_tokens.json")) {}

llvm::Expected<TokenizerConfig> TokenizerConfig::read(StringRef directory) {
  TokenizerConfig result(directory.str());
  for (auto [name, object] :
       {std::pair("tokenizer_config.json", &result.config),
        std::pair("added_tokens.json", &result.added)}) {
    llvm::Expected<Object> file = readJsonObject(pathIn(directory, name));
    if (!file)
      return file.takeError();
    *object = std::move(*file);
  }
  return std::move(result);
}

StringRef TokenizerConfig::tokenizerClass() const {
  return config.getString("tokenizer_class").value_or("");
}

Error TokenizerConfig::addTokens(VocabularyBuilder &vocabulary,
                                 bool raw) const {
  const Value *decoder = config.get("added_tokens_decoder");
  const Object *tokens = nullptr;
  if (!isNull(decoder))
    if (Error error =
            configFields.asObject(decoder, "added_tokens_decoder", tokens))
      return error;
  vocabulary.setFields(configFields);
  for (const auto &[key, value] : tokens ? *tokens : Object()) {
    std::string field = "added_tokens_decoder[" + quote(key) + "]";
    const Object *token;
    if (Error error = configFields.asObject(&value, field, token))
      return error;
    if (vocabulary.isAdded(token->getString("content").value_or("")))
      continue;
    int64_t number = 0;
    Value id(StringRef(key).getAsInteger(10, number) ? Value(StringRef(key))
                                                     : Value(number));
    Object copy = *token;
    if (raw)
      copy["normalized"] = false;
    if (Error error = vocabulary.readAddedToken(copy, &id, field))
      return error;
  }
  vocabulary.setFields(addedFields);
  for (const auto &[key, value] : added) {
    if (vocabulary.isAdded(key))
      continue;
    Object token{{"content", StringRef(key)}};
    if (Error error =
            vocabulary.readAddedToken(token, &value, "[" + quote(key) + "]"))
      return error;
  }
  return Error::success();
}

Error TokenizerConfig::readPrefixSpace(bool &addsSpace, bool &isLegacy) const {
  if (Error error = configFields.readFlag(config, "add_prefix_space",
                                          "the file", addsSpace))
    return error;
  return configFields.readFlag(config, "legacy", "the file", isLegacy);
}

/// A token is named by a text, or by an object with its `content`.
static StringRef contentOf(const Value *token) {
  const Object *object = token ? token->getAsObject() : nullptr;
  if (object)
    token = object->get("content");
  return (token ? token->getAsString() : std::nullopt).value_or("");
}

StringRef TokenizerConfig::tokenNamed(StringRef key,
                                      StringRef otherwise) const {
  const Value *token = config.get(key);
  return isNull(token) ? otherwise : contentOf(token);
}

Error TokenizerConfig::addEnd(const VocabularyBuilder &vocabulary,
                              StringRef name, int32_t id, bool adds,
                              std::vector<int32_t> &ids) const {
  std::string flag = ("add_" + name).str();
  if (Error error = configFields.readFlag(config, flag, "the file", adds))
    return error;
  if (!adds)
    return Error::success();
  const Value *token = config.get(name);
  if (!isNull(token))
    id = vocabulary.idOf(contentOf(token));
  if (id < 0)
    return configFields.failGot(
        name, "must be a token, because " + flag + " is true", token);
  ids.push_back(id);
  return Error::success();
}

Error TokenizerConfig::addEnds(const VocabularyBuilder &vocabulary, int32_t bos,
                               int32_t eos, bool addsBos,
                               TokenizerDescription &result) const {
  if (Error error = addEnd(vocabulary, "bos_token", bos, addsBos && bos >= 0,
                           result.prefix))
    return error;
  return addEnd(vocabulary, "eos_token", eos, false, result.suffix);
}
