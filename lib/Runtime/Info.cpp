//===- Info.cpp - what this executable is, and whether it is whole --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

namespace lqc::runtime {

int info(Executable &executable) {
  const Section section =
      executable.options.json ? Section::Info : Section::Summary;
  std::string_view text = executable.payload.text(section);
  return printText(text, executable.name);
}

int verify(Executable &executable) {
  // The other sections have been checked at the start.
  std::string error;
  if (!executable.payload.verifyWeights(error))
    return executable.fail(error);
  return printText(
      "payload is whole: " +
          std::to_string(executable.payload.bytes(Section::Weights)) +
          " bytes of weights",
      executable.name);
}

} // namespace lqc::runtime
