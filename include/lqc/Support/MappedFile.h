//===- MappedFile.h - a file as read-only memory ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_MAPPEDFILE_H
#define LQC_SUPPORT_MAPPEDFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace lqc {

/// A file mapped read-only. Nothing is read before it is touched. Move-only.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  /// Maps the file at `path`. An empty file is fine. A missing or unreadable
  /// file, a directory, a pipe or a device is an error "PATH: reason".
  static llvm::Expected<MappedFile> open(llvm::StringRef path);

  llvm::ArrayRef<char> bytes() const { return {data, length}; }
  uint64_t size() const { return length; }
  llvm::StringRef text() const { return {data, length}; }

  /// Gives back the memory of the pages that hold bytes [offset, offset +
  /// size); they are read again when touched. Keeps resident memory low while
  /// a large file streams through. The range is cut to the file.
  void dropPages(uint64_t offset, uint64_t size) const;

private:
  const char *data = nullptr;
  size_t length = 0;
};

} // namespace lqc

#endif // LQC_SUPPORT_MAPPEDFILE_H
