//===- TokenFile.h - the tokens of a file -----------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_TOKENFILE_H
#define LQC_RUNTIME_TOKENFILE_H

#include "lqc/Runtime/Tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lqc::runtime {

/// True if the file holds token ids: its name ends in .u16 or .u32.
bool isTokenFile(std::string_view path);

/// Reads the tokens of a file to be measured on: little-endian ids of 16 or 32
/// bits if isTokenFile, else its text through `tokenizer`, which may be null.
/// False and "PATH: rule, got: value" in `error` unless there are at least two,
/// each below the vocabulary.
bool readTokenFile(const std::string &path, const Tokenizer *tokenizer,
                   int64_t vocabulary, std::vector<int32_t> &tokens,
                   std::string &error);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_TOKENFILE_H
