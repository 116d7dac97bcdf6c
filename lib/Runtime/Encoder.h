//===- Encoder.h - lines of text become embeddings --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_ENCODER_H
#define LQC_LIB_RUNTIME_ENCODER_H

#include "lib/Runtime/Graph.h"
#include "lqc/Runtime/Tokenizer.h"

#include <span>

namespace lqc::runtime {

/// A text as the model takes it, special tokens included.
using TokenLine = std::vector<int32_t>;

/// Runs an encoder graph on texts, some at a time. What is wrong with them is
/// one line that names the text.
class LineEncoder {
public:
  /// The executable is open and has a tokenizer's tables.
  LineEncoder(GraphExecutable &executable, const Tokenizer &tokenizer);

  /// What does not fit between the options, the graph and the tokenizer, or "".
  std::string problem() const;
  /// Texts that go into one run; the last run may have fewer.
  int64_t batch() const;
  /// Tokens of a text, at most --max-length. What is wrong, or "".
  std::string tokenize(std::string_view text, TokenLine &tokens) const;
  /// Appends an embedding for each of 1 to batch() lines. What is wrong, or "":
  /// `first` is the number of the first line, for the message.
  std::string embed(std::span<const TokenLine> lines, int64_t first,
                    std::vector<float> &rows);
  /// Numbers of an embedding; after embed().
  int64_t width() const { return outputWidth; }

private:
  int64_t outputIndex() const;
  int64_t longest() const;
  std::string fillInputs(std::span<const TokenLine> lines,
                         std::vector<Tensor> &inputs) const;
  std::string outputProblem(const Tensor &output, int64_t rows,
                            int64_t tokens) const;
  /// The embedding of line `line` of a run, as output index `output` gives it.
  void pool(const Tensor &output, int64_t line, int64_t tokens,
            std::vector<float> &rows) const;

  GraphExecutable &executable;
  const Tokenizer &tokenizer;
  const EncoderDefaults &encoder;
  const TextOptions &options;
  int64_t outputWidth = 0;
};

/// The mode of an encoder that is given text.
int embedTexts(GraphExecutable &executable);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_ENCODER_H
