//===- Error.h - making llvm::Error in one line -----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_ERROR_H
#define LQC_SUPPORT_ERROR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"

#include <string>

namespace lqc {

/// An error with the message formatv(format, values...). Messages are lower
/// case, without a full stop: "PATH: tensor NAME: rule, got: value".
template <typename... Ts>
llvm::Error makeError(const char *format, Ts &&...values) {
  return llvm::createStringError(
      llvm::inconvertibleErrorCode(),
      llvm::Twine(llvm::formatv(format, std::forward<Ts>(values)...).str()));
}

/// `text` between single quotes, for names that come from files: control
/// characters and broken UTF-8 are escaped, more than 120 bytes are cut, so
/// that a message is always one readable line.
std::string quote(llvm::StringRef text);

/// The error with "prefix: " in front of its message.
llvm::Error prefixError(const llvm::Twine &prefix, llvm::Error error);

} // namespace lqc

#endif // LQC_SUPPORT_ERROR_H
