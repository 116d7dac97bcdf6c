//===- Json.h - reading JSON that may be hostile ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parser of llvm/Support/JSON recurses once a level and keeps one of two
// equal keys. A file with 50,000 '[' would crash it, and two values under one
// key would mean different things to different readers. So a scan without
// recursion goes first and rejects both.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_JSON_H
#define LQC_SUPPORT_JSON_H

#include "llvm/Support/JSON.h"

#include <string>

namespace lqc {

/// Limits of parseJson.
inline constexpr uint64_t kMaxJsonBytes = 256ULL << 20;
inline constexpr unsigned kMaxJsonDepth = 64;

/// Parses `text`, which came from `path`. Rejects, besides what is not JSON:
/// texts over kMaxJsonBytes, nesting deeper than kMaxJsonDepth, an object with
/// the same key twice, broken UTF-8. Linear in the size of the text.
///
/// Errors are one line: "PATH:LINE:COLUMN: message", both counted from 1,
/// columns in bytes.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text,
                                            llvm::StringRef path);

/// `value` as a short piece of a message: its JSON, cut after 80 bytes;
/// "nothing" for null pointers.
std::string describeJson(const llvm::json::Value *value);

} // namespace lqc

#endif // LQC_SUPPORT_JSON_H
