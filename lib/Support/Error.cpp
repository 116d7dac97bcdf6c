//===- Error.cpp - making llvm::Error in one line -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace lqc;

std::string lqc::quote(llvm::StringRef text) {
  constexpr size_t kMaxBytes = 120;
  bool cut = text.size() > kMaxBytes;
  std::string result = "'";
  bool isText = llvm::json::isUTF8(text);
  text = text.take_front(kMaxBytes);
  // The cut may fall inside a character; drop what is left of it.
  while (cut && isText && !text.empty() && !llvm::json::isUTF8(text))
    text = text.drop_back();
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !isText))
      result += "\\x" + llvm::utohexstr(byte, /*LowerCase=*/true, 2);
    else
      result += c;
  }
  return result + (cut ? "...'" : "'");
}

llvm::Error lqc::prefixError(const llvm::Twine &prefix, llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 prefix + ": " + message);
}
