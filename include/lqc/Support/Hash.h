//===- Hash.h - the name of bytes by their content --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_HASH_H
#define LQC_SUPPORT_HASH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/BLAKE3.h"

#include <string>

namespace lqc {

/// Hashes bytes as they come. The result is BLAKE3 cut to 128 bits, as 32
/// lower-case hexadecimal digits: equal for equal bytes on every machine, and
/// nobody can make two files that share it.
class ContentHasher {
public:
  void update(llvm::ArrayRef<char> bytes);
  void update(llvm::StringRef text) { hasher.update(text); }
  /// The hash of all bytes so far; more may follow.
  std::string digits() const;

private:
  llvm::BLAKE3 hasher;
};

/// The hash of `bytes` in one go.
std::string contentHash(llvm::ArrayRef<char> bytes);

} // namespace lqc

#endif // LQC_SUPPORT_HASH_H
