//===- TemporaryFile.cpp - a file that does not stay ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/TemporaryFile.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

#include <unistd.h>
#include <utility>

using namespace lqc;
namespace fs = llvm::sys::fs;

TemporaryFile::TemporaryFile(TemporaryFile &&other) noexcept
    : path(std::exchange(other.path, {})) {}

TemporaryFile &TemporaryFile::operator=(TemporaryFile &&other) noexcept {
  if (this == &other)
    return *this;
  remove();
  path = std::exchange(other.path, {});
  return *this;
}

TemporaryFile::~TemporaryFile() { remove(); }

void TemporaryFile::remove() {
  if (path.empty())
    return;
  fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
  path.clear();
}

llvm::Expected<TemporaryFile> TemporaryFile::create(llvm::StringRef prefix,
                                                    llvm::StringRef suffix) {
  // The name is registered before the file is there: a signal in between must
  // not leave it behind.
  constexpr int kTries = 128;
  std::error_code code;
  for (int i = 0; i < kTries; ++i) {
    llvm::SmallString<128> path;
    code = fs::getPotentiallyUniqueTempFileName(prefix, suffix, path);
    if (code)
      break;
    TemporaryFile file;
    file.own(path);
    int descriptor = -1;
    code = fs::openFileForWrite(path, descriptor, fs::CD_CreateNew);
    if (!code) {
      ::close(descriptor);
      return file;
    }
    // It is somebody else's, or cannot be.
    llvm::sys::DontRemoveFileOnSignal(path);
    file.path.clear();
    if (code != std::errc::file_exists)
      break;
  }
  return makeError("cannot make a temporary file: {0}", code.message());
}

void TemporaryFile::own(llvm::StringRef name) {
  remove();
  path = name.str();
  llvm::sys::RemoveFileOnSignal(path);
}

std::error_code TemporaryFile::keepAs(llvm::StringRef name) {
  std::error_code code = fs::rename(path, name);
  if (!code) {
    llvm::sys::DontRemoveFileOnSignal(path);
    path.clear();
  }
  return code;
}
