//===- TokenFile.cpp - the tokens of a file -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/TokenFile.h"

#include "lqc/Runtime/Executable.h"

namespace lqc::runtime {

/// Bytes of an id in the file, or 0 if it holds text.
static size_t idBytes(std::string_view path) {
  return path.ends_with(".u16") ? 2 : path.ends_with(".u32") ? 4 : 0;
}

bool isTokenFile(std::string_view path) { return idBytes(path) != 0; }

/// Returns what is wrong with the bytes, or "".
static std::string parseIds(const std::string &bytes, size_t width,
                            std::vector<int32_t> &tokens) {
  if (bytes.size() % width)
    return "file of " + std::to_string(8 * width) +
           "-bit token ids must have " +
           (width == 2 ? "an even size" : "a size that is a multiple of 4") +
           ", got: " + std::to_string(bytes.size());
  tokens.resize(bytes.size() / width);
  for (size_t i = 0; i < tokens.size(); ++i) {
    uint32_t id = 0;
    for (size_t byte = 0; byte < width; ++byte)
      id |= uint32_t(uint8_t(bytes[width * i + byte])) << 8 * byte;
    tokens[i] = int32_t(id);
  }
  return {};
}

bool readTokenFile(const std::string &path, const Tokenizer *tokenizer,
                   int64_t vocabulary, std::vector<int32_t> &tokens,
                   std::string &error) {
  std::string bytes;
  if (!readWholeFile(path, bytes, error))
    return false;
  std::string problem;
  if (const size_t width = idBytes(path)) {
    problem = parseIds(bytes, width, tokens);
  } else if (tokenizer) {
    tokens = tokenizer->encode(bytes, true);
  } else {
    error = "this model has no tokenizer: give token ids in a .u16 or .u32 "
            "file";
    return false;
  }
  if (problem.empty())
    problem = tokenProblem(tokens, vocabulary);
  if (problem.empty() && tokens.size() < 2)
    problem = "text must have at least 2 tokens, got: " +
              std::to_string(tokens.size());
  if (problem.empty())
    return true;
  error = path + ": " + problem;
  return false;
}

} // namespace lqc::runtime
