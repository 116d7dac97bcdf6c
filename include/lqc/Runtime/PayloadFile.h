//===- PayloadFile.h - the running executable's payload, mapped -*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_PAYLOADFILE_H
#define LQC_RUNTIME_PAYLOADFILE_H

#include "lqc/Runtime/Payload.h"

#include <string>
#include <string_view>

namespace lqc::runtime {

/// A file with a payload behind its code, mapped read-only. Its pages are read
/// when they are touched.
class PayloadFile {
public:
  PayloadFile() = default;
  PayloadFile(const PayloadFile &) = delete;
  PayloadFile &operator=(const PayloadFile &) = delete;
  ~PayloadFile();

  /// Maps `path`. Checks the footer and the hashes of all sections except
  /// Weights. Returns false and says why in `error` ("payload …: rule, got:
  /// value").
  bool open(const char *path, std::string &error);

  /// Start of a section, a multiple of kPageBytes in memory too.
  const char *data(Section section) const {
    return base + footer[section].offset;
  }
  uint64_t bytes(Section section) const { return footer[section].bytes; }
  std::string_view text(Section section) const {
    return {data(section), bytes(section)};
  }

  /// Compares a section's bytes with the footer's hash; reads all of it.
  bool verify(Section section, std::string &error) const;

  /// The same for the weights; says which tensor is damaged.
  bool verifyWeights(std::string &error) const;

  /// Asks the system to read the weights ahead.
  void readAhead() const;

private:
  bool openDescriptor(int file, std::string &error);
  std::string damagedTensor() const;

  char *base = nullptr; ///< of the whole file
  PayloadFooter footer = {};
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_PAYLOADFILE_H
