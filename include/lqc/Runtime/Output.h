//===- Output.h - files, standard output and failures -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_OUTPUT_H
#define LQC_RUNTIME_OUTPUT_H

#include <chrono>
#include <string>
#include <string_view>

namespace lqc::runtime {

/// The last part of `path`, or "model": what messages call the program.
std::string programName(const char *path);

/// Prints "NAME: message" to stderr and returns 1.
int reportFailure(const std::string &name, std::string_view message);

/// Reads a file, or standard input for "-", whole.
bool readWholeFile(const std::string &path, std::string &bytes,
                   std::string &error);

/// Standard output, buffered, with every failure noticed.
class Output {
public:
  void write(std::string_view text);
  /// False once a write has failed.
  bool flush();
  /// Flushes; returns 0, or 1 after a message that begins with `name`, which is
  /// left out if the reader just went away.
  int finish(const std::string &name);

private:
  std::string buffer;
  int failure = 0; ///< errno
};

/// Writes a text to standard output, with a newline at its end, and returns
/// what finish(name) does.
int printText(std::string_view text, const std::string &name);

/// A number with `digits` digits behind the point.
std::string formatNumber(double value, int digits);

class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_OUTPUT_H
