//===- TextStages.h - normalizers and pre-tokenizers ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_TEXTSTAGES_H
#define LQC_LIB_IMPORT_TOKENIZER_TEXTSTAGES_H

#include "lib/Import/Tokenizer/Description.h"
#include "lib/Import/Tokenizer/JsonFields.h"

namespace lqc {

/// Reads the stages of a tokenizer.json that work on text, as steps.
class TextStageReader {
public:
  TextStageReader(const JsonFields &fields, TokenizerDescription &result)
      : fields(fields), result(result) {}

  llvm::Error readNormalizer(const llvm::json::Value *value,
                             const std::string &field);
  llvm::Error readPreTokenizer(const llvm::json::Value *value,
                               const std::string &field);

  /// True if a ByteLevel pre-tokenizer was read: the tokenizer is byte-level.
  bool isByteLevel() const { return sawByteLevel; }

private:
  using Step = TokenizerDescription::Step;

  llvm::Error readChange(llvm::StringRef type, const llvm::json::Object &step,
                         const std::string &field);
  llvm::Error readReplace(const llvm::json::Object &step,
                          const std::string &field);
  llvm::Error readBertNormalizer(const llvm::json::Object &step,
                                 const std::string &field);
  llvm::Error readByteLevel(const llvm::json::Object &step,
                            const std::string &field);
  llvm::Error readMetaspace(const llvm::json::Object &step,
                            const std::string &field);
  llvm::Error readScheme(const llvm::json::Object &step,
                         const std::string &field, llvm::StringRef &scheme);
  llvm::Error readSplit(const llvm::json::Object &step,
                        const std::string &field);
  llvm::Error readSimpleSplit(llvm::StringRef type,
                              const llvm::json::Object &step,
                              const std::string &field);
  llvm::Error readBehavior(const llvm::json::Value *value,
                           const std::string &field,
                           runtime::TextStepKind &kind);
  llvm::Error
  readSequence(const llvm::json::Object &step, llvm::StringRef key,
               const std::string &field,
               llvm::Error (TextStageReader::*read)(const llvm::json::Value *,
                                                    const std::string &));
  llvm::Error readPattern(const llvm::json::Value *value,
                          const std::string &field, std::string &pattern,
                          bool &isText);
  llvm::Error addStep(std::vector<Step> &steps, Step step,
                      const llvm::Twine &field);
  llvm::Error addSteps(std::vector<Step> &steps, std::vector<Step> more,
                       const llvm::Twine &field);
  llvm::Error addSplit(runtime::TextStepKind kind, llvm::StringRef regex,
                       bool invert, const llvm::Twine &field);

  const JsonFields &fields;
  TokenizerDescription &result;
  bool sawByteLevel = false;
};

/// The words of GPT-2 (openai/gpt-2, src/encoder.py), as `tokenizers` has them:
/// what a ByteLevel pre-tokenizer with use_regex cuts by.
inline constexpr llvm::StringLiteral kGpt2Pattern =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A split that keeps everything, by a pattern of Hugging Face tokenizers.
llvm::Expected<TokenizerDescription::Step> makeSplit(llvm::StringRef regex);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_TEXTSTAGES_H
