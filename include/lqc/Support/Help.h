//===- Help.h - whether a command line asks for help ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_HELP_H
#define LQC_SUPPORT_HELP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

namespace lqc {

/// True if an argument is --help or -h. For tools whose main() is MLIR's: its
/// own answer is some 2000 options of all of LLVM.
inline bool asksForHelp(int argc, char **argv) {
  return llvm::any_of(llvm::ArrayRef(argv, argc), [](llvm::StringRef argument) {
    return argument == "--help" || argument == "-h";
  });
}

} // namespace lqc

#endif // LQC_SUPPORT_HELP_H
