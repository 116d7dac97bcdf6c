//===- RunProgram.h - for tests of linked executables -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_LINK_RUNPROGRAM_H
#define LQC_TEST_UNIT_LINK_RUNPROGRAM_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lqc::test {

inline std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A new folder, removed at the end.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lqc-test-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path().filename().string());
    return names;
  }
  std::string path;
};

struct ProgramResult {
  int status; ///< exit status; 128 + signal if it was killed
  std::string out;
  std::string err;
};

/// Runs a shell command.
inline ProgramResult runProgram(const std::string &command) {
  TemporaryFolder folder;
  int status = std::system(
      ("{ " + command + "\n} >" + (folder / "out") + " 2>" + (folder / "err"))
          .c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          readFile(folder / "out"), readFile(folder / "err")};
}

} // namespace lqc::test

#endif // LQC_TEST_UNIT_LINK_RUNPROGRAM_H
