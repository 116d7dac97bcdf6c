//===- Prompt.cpp - from the command line to tokens -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include <algorithm>

namespace lqc::runtime {

std::string tokenProblem(std::span<const int32_t> tokens, int64_t vocabulary) {
  for (int32_t token : tokens)
    if (token < 0 || token >= vocabulary)
      return "token id must be 0 to " + std::to_string(vocabulary - 1) +
             ", got: " + std::to_string(token);
  return {};
}

static std::string textOf(const Tokenizer &tokenizer,
                          std::span<const int32_t> tokens) {
  TextStream stream(tokenizer);
  std::string text;
  for (int32_t token : tokens)
    text += stream.push(token);
  text += stream.flush();
  return text;
}

/// Tokens of a text prompt; an empty one begins with the beginning of a text.
static bool encodePrompt(const Executable &executable, Prompt &prompt,
                         std::string &error) {
  const Options &options = executable.options;
  if (!executable.tokenizer) {
    error = "this model has no tokenizer: give token ids with --tokens";
    return false;
  }
  if (options.prompt == "-") {
    if (!readWholeFile("-", prompt.text, error))
      return false;
    if (prompt.text.ends_with('\n')) // as `echo` writes it
      prompt.text.pop_back();
  } else {
    prompt.text = options.prompt;
  }
  prompt.tokens = executable.tokenizer->encode(prompt.text, true);
  if (prompt.tokens.empty())
    if (auto bos = executable.tokenizer->bos())
      prompt.tokens.push_back(*bos);
  return true;
}

bool readPrompt(const Executable &executable, Prompt &prompt,
                std::string &error) {
  const Options &options = executable.options;
  if (options.tokens) {
    prompt.tokens = *options.tokens;
    if (executable.tokenizer && !options.printTokens)
      prompt.text = textOf(*executable.tokenizer, prompt.tokens);
  } else if (!encodePrompt(executable, prompt, error)) {
    return false;
  }
  error = tokenProblem(prompt.tokens, executable.model.vocabulary);
  if (!error.empty())
    return false;
  if (prompt.tokens.empty()) {
    error = "the prompt is empty, and this model has no token that begins a "
            "text";
    return false;
  }
  const int64_t context = executable.session->context();
  if (int64_t(prompt.tokens.size()) <= context)
    return true;
  error = "the prompt must fit into the context of " + std::to_string(context) +
          " tokens, got: " + std::to_string(prompt.tokens.size());
  return false;
}

} // namespace lqc::runtime
