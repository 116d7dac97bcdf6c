//===- EvalModel.h - a model that is to be measured -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_EVALMODEL_H
#define LQC_LIB_DRIVER_EVALMODEL_H

#include "lqc/Driver/Driver.h"
#include "lqc/Quality/LogitSource.h"
#include "lqc/Runtime/Tokenizer.h"

namespace lqc {

/// The hint of an error about a tokenizer, from compile().
inline constexpr llvm::StringLiteral kNoTextHint =
    "--tokenizer=none, for an executable that takes tensors";
inline constexpr llvm::StringLiteral kNoTokenizerHint =
    "--tokenizer=none, for an executable that takes token ids";

/// A text as tokens, and how it is cut.
struct EvalText {
  std::vector<int32_t> tokens;
  runtime::Windows windows;
  std::string tokenFile; ///< the same tokens, for executables; "": not needed
};

/// A model, ready to give logits.
class EvalModel {
public:
  virtual ~EvalModel() = default;

  int64_t vocabulary() const { return vocabularySize; }
  int64_t context() const { return contextLength; }
  /// Null if the model has none.
  const runtime::Tokenizer *tokenizer() const { return modelTokenizer.get(); }
  /// True if the model runs as a process of its own and wants a token file.
  virtual bool isProcess() const = 0;

  /// Starts on a text, which must outlive the result. `threads`: of a process.
  virtual llvm::Expected<std::unique_ptr<LogitSource>>
  logits(const EvalText &text, unsigned threads) = 0;

protected:
  int64_t vocabularySize = 0, contextLength = 0;
  std::unique_ptr<runtime::Tokenizer> modelTokenizer;
};

/// An executable made by lqc. `name`: what messages call it.
llvm::Expected<std::unique_ptr<EvalModel>> openExecutable(llvm::StringRef path,
                                                          llvm::StringRef name);

/// Compiles a model to an executable that lives as long as the result. The
/// output and the tokenizer of `options` are ignored: there is a tokenizer if
/// `wantsTokenizer` and the model has one.
llvm::Expected<std::unique_ptr<EvalModel>>
compileForEval(CompileOptions options, bool wantsTokenizer);

/// The same in the reference interpreter.
llvm::Expected<std::unique_ptr<EvalModel>>
interpretForEval(const ModelOptions &options, bool wantsTokenizer);

} // namespace lqc

#endif // LQC_LIB_DRIVER_EVALMODEL_H
