//===- Families.cpp - what a bare vocabulary does not say -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Families.h"

#include "lib/Import/Tokenizer/TextStages.h"
#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Support/Error.h"
#include "llvm/ADT/StringExtras.h"

using namespace lqc;
using llvm::StringLiteral;
using llvm::StringRef;

static constexpr StringLiteral kByteLevelFiles = "vocab.json and merges.txt";

static const std::vector<TokenizerFamily> &families() {
  static const std::vector<TokenizerFamily> table = {
      {"gpt2",
       kByteLevelFiles,
       kGpt2Pattern,
       false,
       "<|endoftext|>",
       {"GPT2"},
       {"gpt2"}},
      {"qwen2",
       kByteLevelFiles,
       R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
       R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       true,
       "<|endoftext|>",
       {"Qwen2"},
       {"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"}},
      {"bert",
       "vocab.txt",
       "",
       false,
       "",
       {"Bert", "DistilBert", "Electra", "MobileBert"},
       {"bert", "distilbert", "electra", "mobilebert"}}};
  return table;
}

std::vector<StringRef> lqc::tokenizerFamilies() {
  std::vector<StringRef> names;
  for (const TokenizerFamily &family : families())
    names.push_back(family.name);
  return names;
}

StringRef lqc::filesOfTokenizerFamily(StringRef name) {
  for (const TokenizerFamily &family : families())
    if (name == family.name)
      return family.files;
  return "";
}

/// The tokenizer's class is nearer to the truth than the model's type.
static bool isToldBy(const TokenizerFamily &family, StringRef className,
                     StringRef type) {
  if (className.empty())
    return llvm::is_contained(family.models, type);
  className.consume_back("Fast");
  return className.consume_back("Tokenizer") &&
         llvm::is_contained(family.classes, className);
}

llvm::Expected<const TokenizerFamily *>
lqc::findTokenizerFamily(StringRef directory, StringRef file, StringRef given,
                         const TokenizerConfig &config) {
  llvm::Expected<llvm::json::Object> model =
      readJsonObject(pathIn(directory, "config.json"));
  if (!model)
    return model.takeError();
  StringRef type = model->getString("model_type").value_or("");
  StringRef className = config.tokenizerClass();
  std::vector<StringRef> names;
  for (const TokenizerFamily &family : families()) {
    if (!family.files.starts_with(file))
      continue;
    if (given.empty() ? isToldBy(family, className, type)
                      : given == family.name)
      return &family;
    names.push_back(family.name);
  }
  if (!given.empty())
    return makeError("the tokenizer's family must be {0}, got: {1}",
                     llvm::join(names, " or "), quote(given));
  return makeError("{0}: {1} needs a tokenizer_class or model_type of a known "
                   "family ({2}), or --tokenizer=FAMILY, got: {3} and {4}",
                   directory, file, llvm::join(names, ", "), quote(className),
                   quote(type));
}
