//===- TemporaryFile.h - a file that does not stay --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_TEMPORARYFILE_H
#define LQC_SUPPORT_TEMPORARYFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <system_error>

namespace lqc {

/// A file that is removed at the end, or when the process is killed by a
/// signal, unless it was kept. Move-only.
class TemporaryFile {
public:
  TemporaryFile() = default;
  TemporaryFile(TemporaryFile &&other) noexcept;
  TemporaryFile &operator=(TemporaryFile &&other) noexcept;
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  ~TemporaryFile();

  /// Makes an empty file in the system's folder for such files, called
  /// PREFIX-…, with `suffix` behind the dot if there is one.
  static llvm::Expected<TemporaryFile> create(llvm::StringRef prefix,
                                              llvm::StringRef suffix = "");

  /// Takes charge of a path where a file is, or will be.
  void own(llvm::StringRef name);
  /// Renames the file; from then on it stays.
  std::error_code keepAs(llvm::StringRef name);
  const std::string &name() const { return path; }

private:
  void remove();

  std::string path; ///< "": nothing
};

} // namespace lqc

#endif // LQC_SUPPORT_TEMPORARYFILE_H
