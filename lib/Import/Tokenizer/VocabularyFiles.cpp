//===- VocabularyFiles.cpp - reads vocab.json and merges.txt --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/TextStages.h"
#include "lib/Import/Tokenizer/TokenizerConfig.h"

#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/MappedFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace lqc;
using llvm::Error;
using llvm::StringLiteral;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Object;
using runtime::TextStepKind;

//===----------------------------------------------------------------------===//
// Families
//===----------------------------------------------------------------------===//

namespace {
/// What the two files do not say.
struct TokenizerFamily {
  StringLiteral name;
  StringLiteral pattern;
  bool composes; ///< texts are brought into NFC first
  /// Added as a control token if no file names it.
  StringLiteral endOfText;
  std::vector<StringRef> classes; ///< tokenizer_class of tokenizer_config.json
  std::vector<StringRef> models;  ///< model_type of config.json
};
} // namespace

static const std::vector<TokenizerFamily> &families() {
  static const std::vector<TokenizerFamily> table = {
      {"gpt2",
       kGpt2Pattern,
       false,
       "<|endoftext|>",
       {"GPT2Tokenizer", "GPT2TokenizerFast"},
       {"gpt2"}},
      {"qwen2",
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
       R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       true,
       "<|endoftext|>",
       {"Qwen2Tokenizer", "Qwen2TokenizerFast"},
       {"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"}}};
  return table;
}

std::vector<StringRef> lqc::tokenizerFamilies() {
  std::vector<StringRef> names;
  for (const TokenizerFamily &family : families())
    names.push_back(family.name);
  return names;
}

/// The tokenizer's class is nearer to the truth than the model's type.
static llvm::Expected<const TokenizerFamily *>
findFamily(StringRef directory, StringRef given,
           const TokenizerConfig &config) {
  llvm::Expected<Object> model =
      readJsonObject(pathIn(directory, "config.json"));
  if (!model)
    return model.takeError();
  StringRef type = model->getString("model_type").value_or("");
  StringRef name = config.tokenizerClass();
  for (const TokenizerFamily &family : families())
    if (given == family.name)
      return &family;
  for (const TokenizerFamily &family : families())
    if (given.empty() && llvm::is_contained(family.classes, name))
      return &family;
  for (const TokenizerFamily &family : families())
    if (given.empty() && name.empty() &&
        llvm::is_contained(family.models, type))
      return &family;
  if (!given.empty())
    return makeError("the tokenizer's family must be {0}, got: {1}",
                     llvm::join(tokenizerFamilies(), " or "), quote(given));
  return makeError("{0}: vocab.json needs a tokenizer_class or model_type of a "
                   "known family ({1}), or --tokenizer=FAMILY, got: {2} and "
                   "{3}",
                   directory, llvm::join(tokenizerFamilies(), ", "),
                   quote(name), quote(type));
}

//===----------------------------------------------------------------------===//
// The files
//===----------------------------------------------------------------------===//

/// Two tokens with a space between on each line, best first.
static Error readMerges(StringRef path, const JsonFields &fields,
                        VocabularyBuilder &vocabulary) {
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  vocabulary.setFields(fields);
  StringRef rest = file->text();
  int32_t rank = 0;
  for (size_t number = 1; !rest.empty(); ++number) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line.consume_back("\r");
    if (line.starts_with("#version") || (line.empty() && rest.empty()))
      continue;
    auto [left, right] = line.split(' ');
    std::string field = "line " + std::to_string(number);
    if (left.empty() || right.empty() || right.contains(' '))
      return fields.fail(field, "must be two tokens with a space between, "
                                "got: " +
                                    quote(line));
    if (Error error = vocabulary.addMerge(left, right, rank++, field))
      return error;
  }
  return Error::success();
}

static Error addEndOfText(const TokenizerFamily &family, int64_t vocabularySize,
                          VocabularyBuilder &vocabulary,
                          const TokenizerDescription &result) {
  if (vocabulary.isAdded(family.endOfText))
    return Error::success();
  int32_t id = vocabulary.find(family.endOfText);
  if (id < 0)
    id = int32_t(result.pieces.size());
  if (id >= vocabularySize)
    return Error::success();
  return vocabulary.addToken({family.endOfText.str(), id, false, 0},
                             /*special=*/true, "end of text");
}

llvm::Expected<TokenizerDescription>
lqc::readVocabularyFiles(StringRef directory, StringRef given,
                         int64_t vocabularySize) {
  llvm::Expected<TokenizerConfig> config = TokenizerConfig::read(directory);
  if (!config)
    return config.takeError();
  llvm::Expected<const TokenizerFamily *> family =
      findFamily(directory, given, *config);
  if (!family)
    return family.takeError();
  std::string path = pathIn(directory, "vocab.json");
  llvm::Expected<Object> words = readJsonObject(path);
  if (!words)
    return words.takeError();

  TokenizerDescription result;
  std::string merges = pathIn(directory, "merges.txt");
  JsonFields fields(path), mergeFields(merges);
  VocabularyBuilder vocabulary(fields, vocabularySize, result);
  if (Error error = vocabulary.readWords(*words, "vocab"))
    return std::move(error);
  if (Error error = vocabulary.findByteLevelIds(/*needsAll=*/false, "vocab"))
    return std::move(error);
  if (Error error = readMerges(merges, mergeFields, vocabulary))
    return std::move(error);
  if (Error error = config->addTokens(vocabulary, /*raw=*/false))
    return std::move(error);
  if (Error error = addEndOfText(**family, vocabularySize, vocabulary, result))
    return std::move(error);
  if (Error error = config->addEnds(vocabulary, -1, -1, false, result))
    return std::move(error);
  if ((*family)->composes)
    result.normalizer.push_back({TextStepKind::Nfc});
  llvm::Expected<TokenizerDescription::Step> split =
      makeSplit((*family)->pattern);
  if (!split)
    return split.takeError();
  result.preTokenizer.push_back(std::move(*split));
  TokenDecoding decoding;
  decoding.byteLevel = true;
  vocabulary.finish(decoding);
  return std::move(result);
}
