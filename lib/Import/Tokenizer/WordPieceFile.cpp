//===- WordPieceFile.cpp - reads vocab.txt --------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A token on each line, whose id is the line's number from 0 on. What else
// there is to know stands in tokenizer_config.json, with the defaults of
// BertTokenizer (huggingface/transformers, models/bert/tokenization_bert.py).
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/BertStages.h"
#include "lib/Import/Tokenizer/Families.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/MappedFile.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

static constexpr llvm::StringLiteral kContinuation = "##";
static constexpr uint32_t kMaxWordCharacters = 100;

static Error readLines(StringRef rest, const JsonFields &fields,
                       VocabularyBuilder &vocabulary) {
  for (int64_t id = 0; !rest.empty(); ++id) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line.consume_back("\r");
    std::string field = "line " + std::to_string(id + 1);
    if (!llvm::json::isUTF8(line))
      return fields.fail(field, "must be UTF-8");
    if (line.empty()) // an id that nothing becomes
      continue;
    if (vocabulary.find(line) >= 0)
      return fields.fail(field, "must be there once, got: " + quote(line));
    if (Error error = vocabulary.checkId(id, field))
      return error;
    if (Error error = vocabulary.addWord(line, int32_t(id), field))
      return error;
  }
  return Error::success();
}

static Error readNormalizer(const TokenizerConfig &config,
                            BertNormalizer &options) {
  const JsonFields &fields = config.fields();
  bool isBasic = true;
  const std::pair<StringRef, bool *> flags[] = {
      {"do_lower_case", &options.lowercase},
      {"tokenize_chinese_chars", &options.spaceIdeographs},
      {"do_basic_tokenize", &isBasic}};
  for (auto [key, flag] : flags)
    if (Error error = fields.readFlag(config.object(), key, "the file", *flag))
      return error;
  if (!isBasic)
    return fields.fail("do_basic_tokenize", "must be true, got: false");
  const Value *kept = config.object().get("never_split");
  const Array *list = kept ? kept->getAsArray() : nullptr;
  if (!isNull(kept) && !(list && list->empty()))
    return fields.failGot("never_split", "must be null", kept);
  options.stripAccents = options.lowercase;
  return fields.readFlag(config.object(), "strip_accents", "the file",
                         options.stripAccents);
}

/// The control tokens: those that a text needs must be there.
static Error addControlTokens(const TokenizerConfig &config,
                              const JsonFields &fields,
                              VocabularyBuilder &vocabulary,
                              TokenizerDescription &result) {
  struct ControlToken {
    StringRef key, name;
    bool isNeeded;
    int32_t id = -1;
  };
  ControlToken tokens[] = {{"unk_token", "[UNK]", true},
                           {"cls_token", "[CLS]", true},
                           {"sep_token", "[SEP]", true},
                           {"pad_token", "[PAD]", false},
                           {"mask_token", "[MASK]", false}};
  for (ControlToken &token : tokens) {
    StringRef name = config.tokenNamed(token.key, token.name);
    token.id = vocabulary.find(name);
    if (token.id < 0 && token.isNeeded)
      return fields.fail(token.key,
                         "must be a token of the file, got: " + quote(name));
    if (token.id < 0 || vocabulary.isAdded(name))
      continue;
    if (Error error = vocabulary.addToken({name.str(), token.id, false, 0},
                                          /*special=*/true, token.key))
      return error;
  }
  result.unknown = tokens[0].id;
  result.prefix = {tokens[1].id};
  result.suffix = {tokens[2].id};
  return Error::success();
}

llvm::Expected<TokenizerDescription>
lqc::readWordPieceFile(StringRef directory, StringRef given,
                       int64_t vocabularySize) {
  llvm::Expected<TokenizerConfig> config = TokenizerConfig::read(directory);
  if (!config)
    return config.takeError();
  llvm::Expected<const TokenizerFamily *> family =
      findTokenizerFamily(directory, "vocab.txt", given, *config);
  if (!family)
    return family.takeError();
  std::string path = pathIn(directory, "vocab.txt");
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();

  TokenizerDescription result;
  result.model = runtime::TokenizerModel::WordPiece;
  result.continuation = kContinuation;
  result.maxWordCharacters = kMaxWordCharacters;
  JsonFields fields(path);
  VocabularyBuilder vocabulary(fields, vocabularySize, result);
  if (Error error = readLines(file->text(), fields, vocabulary))
    return std::move(error);
  if (Error error = config->addTokens(vocabulary, /*raw=*/false))
    return std::move(error);
  vocabulary.setFields(fields);
  if (Error error = addControlTokens(*config, fields, vocabulary, result))
    return std::move(error);
  BertNormalizer options;
  if (Error error = readNormalizer(*config, options))
    return std::move(error);
  result.normalizer = bertNormalizerSteps(options);
  result.preTokenizer = bertPreTokenizerSteps();
  result.leadingSpaces = 1;
  TokenDecoding decoding;
  decoding.continuation = kContinuation;
  decoding.cleansUp = true;
  vocabulary.finish(decoding);
  return std::move(result);
}
