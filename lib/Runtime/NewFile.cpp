//===- NewFile.cpp - a file that appears whole or not at all --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/NewFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace lqc::runtime {

NewFile::~NewFile() {
  if (file >= 0)
    ::close(file);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

std::string NewFile::problem() const {
  return path + ": cannot write: " + std::strerror(errno);
}

std::string NewFile::open(const std::string &name) {
  path = name;
  temporary = name + ".tmp-" + std::to_string(::getpid());
  file =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file >= 0)
    return {};
  temporary.clear();
  return problem();
}

std::string NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written >= 0)
      bytes.remove_prefix(size_t(written));
    else if (errno != EINTR)
      return problem();
  }
  return {};
}

std::string NewFile::complete() {
  return ::close(std::exchange(file, -1)) ? problem() : "";
}

std::string NewFile::keep() {
  if (std::rename(temporary.c_str(), path.c_str()))
    return problem();
  temporary.clear();
  return {};
}

} // namespace lqc::runtime
