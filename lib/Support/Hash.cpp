//===- Hash.cpp - the name of bytes by their content ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Hash.h"

#include "llvm/ADT/StringExtras.h"

using namespace lqc;

void ContentHasher::update(llvm::ArrayRef<char> bytes) {
  hasher.update(llvm::StringRef(bytes.data(), bytes.size()));
}

std::string ContentHasher::digits() const {
  llvm::BLAKE3 copy = hasher;
  return llvm::toHex(copy.final<16>(), /*LowerCase=*/true);
}

std::string lqc::contentHash(llvm::ArrayRef<char> bytes) {
  ContentHasher hasher;
  hasher.update(bytes);
  return hasher.digits();
}
