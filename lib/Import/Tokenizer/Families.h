//===- Families.h - what a bare vocabulary does not say ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_FAMILIES_H
#define LQC_LIB_IMPORT_TOKENIZER_FAMILIES_H

#include "lib/Import/Tokenizer/TokenizerConfig.h"

namespace lqc {

/// Tokenizers whose vocabulary stands in files without the other stages.
struct TokenizerFamily {
  llvm::StringLiteral name;
  llvm::StringLiteral files;   ///< for messages; the vocabulary is the first
  llvm::StringLiteral pattern; ///< of words; "": those of BertPreTokenizer
  bool composes;               ///< texts are brought into NFC first
  /// Added as a control token if no file names it; "": none.
  llvm::StringLiteral endOfText;
  /// `tokenizer_class` of tokenizer_config.json, without "Tokenizer" and
  /// "TokenizerFast" behind it.
  std::vector<llvm::StringRef> classes;
  std::vector<llvm::StringRef> models; ///< model_type of config.json
};

/// The family of the vocabulary `file` of `directory`: the one that --tokenizer
/// gives, "" if nothing; else the one that the directory's configuration tells.
llvm::Expected<const TokenizerFamily *>
findTokenizerFamily(llvm::StringRef directory, llvm::StringRef file,
                    llvm::StringRef given, const TokenizerConfig &config);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_FAMILIES_H
