//===- Output.cpp - standard output with every failure noticed ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace lqc::runtime {

constexpr size_t kBufferBytes = 1 << 16;

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

int Output::finish(const Executable &executable) {
  if (flush())
    return 0;
  if (failure == EPIPE) // the reader has seen enough
    return 1;
  return executable.fail(std::string("cannot write to standard output: ") +
                         std::strerror(failure));
}

std::string formatNumber(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

} // namespace lqc::runtime
