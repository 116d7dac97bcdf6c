//===- VocabularyFiles.cpp - reads vocab.json and merges.txt --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Families.h"
#include "lib/Import/Tokenizer/TextStages.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/MappedFile.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::json::Object;
using runtime::TextStepKind;

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
      findTokenizerFamily(directory, "vocab.json", given, *config);
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
