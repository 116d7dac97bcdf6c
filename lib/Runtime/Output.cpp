//===- Output.cpp - files, standard output and failures -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Output.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace lqc::runtime {

constexpr size_t kBufferBytes = 1 << 16;

std::string programName(const char *path) {
  if (!path || !*path)
    return "model";
  const char *slash = std::strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

int reportFailure(const std::string &name, std::string_view message) {
  std::fprintf(stderr, "%s: %.*s\n", name.c_str(), int(message.size()),
               message.data());
  return 1;
}

bool readWholeFile(const std::string &path, std::string &bytes,
                   std::string &error) {
  const bool standardInput = path == "-";
  const int file =
      standardInput ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t got = file < 0 ? -1 : 1;
  while (got > 0) {
    constexpr size_t kStep = 1 << 20;
    const size_t used = bytes.size();
    bytes.resize(used + kStep);
    do
      got = ::read(file, bytes.data() + used, kStep);
    while (got < 0 && errno == EINTR);
    bytes.resize(used + size_t(std::max<ssize_t>(got, 0)));
  }
  if (got < 0)
    error =
        (standardInput ? "standard input" : path) + ": " + std::strerror(errno);
  if (!standardInput && file >= 0)
    ::close(file);
  return got == 0;
}

void Output::write(std::string_view text) {
  buffer.append(text);
  if (buffer.size() >= kBufferBytes)
    flush();
}

bool Output::flush() {
  size_t written = 0;
  while (!failure && written < buffer.size()) {
    ssize_t n = ::write(STDOUT_FILENO, buffer.data() + written,
                        buffer.size() - written);
    if (n >= 0)
      written += size_t(n);
    else if (errno != EINTR)
      failure = errno;
  }
  buffer.clear();
  return !failure;
}

int Output::finish(const std::string &name) {
  if (flush())
    return 0;
  if (failure == EPIPE) // the reader has seen enough
    return 1;
  return reportFailure(name, std::string("cannot write to standard output: ") +
                                 std::strerror(failure));
}

std::string formatNumber(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

int printText(std::string_view text, const std::string &name) {
  Output output;
  output.write(text);
  if (!text.ends_with('\n'))
    output.write("\n");
  return output.finish(name);
}

} // namespace lqc::runtime
