//===- NewFile.h - a file that appears whole or not at all ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_NEWFILE_H
#define LQC_LIB_RUNTIME_NEWFILE_H

#include <string>
#include <string_view>

namespace lqc::runtime {

/// A file under another name until it is complete. Each function says what is
/// wrong ("PATH: cannot write: …"), or "".
class NewFile {
public:
  NewFile() = default;
  NewFile(const NewFile &) = delete;
  NewFile &operator=(const NewFile &) = delete;
  /// Removes what was not kept.
  ~NewFile();

  std::string open(const std::string &path);
  bool isOpen() const { return file >= 0; }
  std::string write(std::string_view bytes);
  /// Nothing more will be written.
  std::string complete();
  /// Gives it the name it was opened with.
  std::string keep();

private:
  std::string problem() const;

  std::string path, temporary;
  int file = -1;
};

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_NEWFILE_H
