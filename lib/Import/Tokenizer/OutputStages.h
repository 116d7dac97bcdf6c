//===- OutputStages.h - post-processors and decoders ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_OUTPUTSTAGES_H
#define LQC_LIB_IMPORT_TOKENIZER_OUTPUTSTAGES_H

#include "lib/Import/Tokenizer/Vocabulary.h"

namespace lqc {

/// Reads the stages of a tokenizer.json that work on tokens.
class OutputStageReader {
public:
  OutputStageReader(const JsonFields &fields, TokenizerDescription &result)
      : fields(fields), result(result) {}

  /// After the vocabulary and the added tokens, which it names.
  llvm::Error readPostProcessor(const llvm::json::Value *value,
                                const std::string &field,
                                const VocabularyBuilder &vocabulary);
  llvm::Error readDecoder(const llvm::json::Value *value,
                          const std::string &field, TokenDecoding &decoding);

private:
  llvm::Error readTemplate(const llvm::json::Object &processor,
                           const std::string &field,
                           const VocabularyBuilder &vocabulary);
  llvm::Error readTemplateToken(const llvm::json::Object &processor,
                                const llvm::json::Value *item,
                                const std::string &field,
                                const VocabularyBuilder &vocabulary,
                                std::vector<int32_t> &ids);
  llvm::Error readEnds(const llvm::json::Object &processor,
                       const std::string &field,
                       const VocabularyBuilder &vocabulary);
  llvm::Error readEnd(const llvm::json::Value *value, const std::string &field,
                      const VocabularyBuilder &vocabulary,
                      std::vector<int32_t> &ids);
  llvm::Error addEnds(llvm::ArrayRef<int32_t> before,
                      llvm::ArrayRef<int32_t> behind, const std::string &field);
  llvm::Error readDecoderWordPiece(const llvm::json::Object &decoder,
                                   const std::string &field,
                                   TokenDecoding &decoding);
  llvm::Error readDecoderReplace(const llvm::json::Object &decoder,
                                 const std::string &field,
                                 TokenDecoding &decoding);
  llvm::Error readDecoderStrip(const llvm::json::Object &decoder,
                               const std::string &field);

  const JsonFields &fields;
  TokenizerDescription &result;
  bool isFused = false;      ///< a decoder has made one text of the tokens
  bool isInSequence = false; ///< a decoder is one of several
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_OUTPUTSTAGES_H
