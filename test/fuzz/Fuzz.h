//===- Fuzz.h - what a fuzz target is ---------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A target is a file that defines the two functions below. It is built twice:
// in the preset `fuzz` as a libFuzzer program, and everywhere else as a test
// (CorpusTest.cpp) that runs it on its seeds, on damaged copies of them, and on
// the inputs that once made it fail.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_FUZZ_FUZZ_H
#define LQC_TEST_FUZZ_FUZZ_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Reads the input as a hostile file. Whatever it holds, this returns 0; a
/// broken promise ends the program (see require).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace lqc::test {

/// Inputs that are valid, or nearly, made from the repository's files.
std::vector<std::string> fuzzSeeds();

//===----------------------------------------------------------------------===//
// For targets
//===----------------------------------------------------------------------===//

/// Ends the program with `what` unless `holds`.
void require(bool holds, const char *what);

/// An error is one line that is not long, whatever the file holds.
void requireOneLine(llvm::StringRef message);
void requireOneLine(llvm::Error error);

/// A file of the repository; `path` is relative to its root.
std::string repositoryFile(const std::string &path);

/// A file in memory that can be opened by its path.
class MemoryFile {
public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  /// Makes `bytes` the contents, with `hole` zero bytes behind them.
  void write(llvm::StringRef bytes, uint64_t hole = 0);
  const std::string &path() const { return name; }

private:
  int descriptor;
  std::string name;
};

} // namespace lqc::test

#endif // LQC_TEST_FUZZ_FUZZ_H
