//===- MappedFile.cpp - a file as read-only memory ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/MappedFile.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/ScopeExit.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace lqc;

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data(std::exchange(other.data, nullptr)),
      length(std::exchange(other.length, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<char *>(data), length);
}

static llvm::Error systemError(llvm::StringRef path) {
  return makeError("{0}: {1}", path,
                   llvm::StringRef(std::strerror(errno)).lower());
}

llvm::Expected<MappedFile> MappedFile::open(llvm::StringRef path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  int file = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return systemError(path);
  llvm::scope_exit closeFile([&] { ::close(file); });
  struct stat status;
  if (fstat(file, &status) != 0)
    return systemError(path);
  if (S_ISDIR(status.st_mode))
    return makeError("{0}: is a directory", path);
  if (!S_ISREG(status.st_mode))
    return makeError("{0}: is not a regular file", path);
  MappedFile result;
  if (status.st_size == 0)
    return result;
  void *memory = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED)
    return systemError(path);
  result.data = static_cast<const char *>(memory);
  result.length = status.st_size;
  return result;
}

void MappedFile::dropPages(uint64_t offset, uint64_t size) const {
  if (offset >= length || size == 0)
    return;
  size = std::min<uint64_t>(size, length - offset);
  uint64_t page = sysconf(_SC_PAGESIZE);
  uint64_t first = offset / page * page;
  // Only advice: a failure costs memory, never a result.
  madvise(const_cast<char *>(data) + first, offset + size - first,
          MADV_DONTNEED);
}
