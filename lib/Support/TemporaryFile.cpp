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
  llvm::SmallString<128> path;
  if (std::error_code code = fs::createTemporaryFile(prefix, suffix, path))
    return makeError("cannot make a temporary file: {0}", code.message());
  TemporaryFile file;
  file.own(path);
  return file;
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
