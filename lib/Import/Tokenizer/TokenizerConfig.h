//===- TokenizerConfig.h - tokenizer_config.json and its kin ----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_TOKENIZERCONFIG_H
#define LQC_LIB_IMPORT_TOKENIZER_TOKENIZERCONFIG_H

#include "lib/Import/Tokenizer/Vocabulary.h"

namespace lqc {

/// What stands beside a tokenizer that is not a tokenizer.json:
/// tokenizer_config.json and added_tokens.json. Both may be absent. Only the
/// fields that change tokens are read; the others configure other programs.
class TokenizerConfig {
public:
  static llvm::Expected<TokenizerConfig> read(llvm::StringRef directory);

  /// `tokenizer_class`, "" if there is none.
  llvm::StringRef tokenizerClass() const;

  /// tokenizer_config.json itself, and who reads its fields.
  const llvm::json::Object &object() const { return config; }
  const JsonFields &fields() const { return configFields; }

  /// The token that the field `key` names, `otherwise` if it names none.
  llvm::StringRef tokenNamed(llvm::StringRef key,
                             llvm::StringRef otherwise) const;

  /// Adds the tokens of added_tokens_decoder, then those of added_tokens.json
  /// that are not among them. `raw`: they are found before normalization,
  /// whatever the file says.
  llvm::Error addTokens(VocabularyBuilder &vocabulary, bool raw) const;

  /// What tokenizer_config.json says of the space before a text: none
  /// (add_prefix_space), or only where the text begins and not behind added
  /// tokens (legacy is false). Both keep their value if it says nothing.
  llvm::Error readPrefixSpace(bool &addsSpace, bool &isLegacy) const;

  /// Puts bos_token before a text and eos_token behind it if add_bos_token and
  /// add_eos_token say so. `bos` and `eos`: their ids where the file does not
  /// name them, -1: none; `addsBos`: what is done where it does not say.
  llvm::Error addEnds(const VocabularyBuilder &vocabulary, int32_t bos,
                      int32_t eos, bool addsBos,
                      TokenizerDescription &result) const;

private:
  explicit TokenizerConfig(std::string directory);
  llvm::Error addEnd(const VocabularyBuilder &vocabulary, llvm::StringRef name,
                     int32_t id, bool adds, std::vector<int32_t> &ids) const;

  JsonFields configFields, addedFields;
  llvm::json::Object config, added;
};

/// Reads a JSON file whose root is an object; an empty object if there is no
/// such file.
llvm::Expected<llvm::json::Object> readJsonObject(llvm::StringRef path);

/// `directory`/`name`.
std::string pathIn(llvm::StringRef directory, llvm::StringRef name);

/// True if something has this name, be it a link that leads nowhere: that is a
/// broken download, not a missing file.
bool isThere(llvm::StringRef path);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_TOKENIZERCONFIG_H
