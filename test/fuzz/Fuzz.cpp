//===- Fuzz.cpp - what targets share --------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Fuzz.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

namespace lqc::test {

void require(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz target: %s\n", what);
  std::abort();
}

void requireOneLine(llvm::StringRef message) {
  // Names from the file are cut; a rule names two of them at most.
  constexpr size_t kLongest = 1000;
  require(!message.empty(), "an error must say something");
  require(message.size() <= kLongest, "a message must not be long");
  require(!message.contains('\n'), "a message must be one line");
}

void requireOneLine(llvm::Error error) {
  requireOneLine(llvm::toString(std::move(error)));
}

std::string repositoryFile(const std::string &path) {
  std::ifstream stream(LQC_SOURCE_DIR "/" + path, std::ios::binary);
  require(bool(stream), path.c_str());
  return {std::istreambuf_iterator<char>(stream), {}};
}

MemoryFile::MemoryFile()
    : descriptor(::memfd_create("fuzz", MFD_CLOEXEC)),
      name("/proc/self/fd/" + std::to_string(descriptor)) {
  require(descriptor >= 0, "memfd_create failed");
}

MemoryFile::~MemoryFile() { ::close(descriptor); }

void MemoryFile::write(llvm::StringRef bytes, uint64_t hole) {
  const auto size = static_cast<ssize_t>(bytes.size());
  require(::ftruncate(descriptor, 0) == 0 &&
              ::pwrite(descriptor, bytes.data(), bytes.size(), 0) == size &&
              ::ftruncate(descriptor, size + static_cast<off_t>(hole)) == 0,
          "writing a file in memory failed");
}

} // namespace lqc::test
