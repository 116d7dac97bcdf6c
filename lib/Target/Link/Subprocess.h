//===- Subprocess.h - a program that does not outlive us --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A linker that goes on when the compiler was interrupted would write the file
// that the compiler has just removed. So while a program runs, it and all it
// starts are one process group, and SIGHUP, SIGINT and SIGTERM end this group
// first, then do what they did before.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_TARGET_LINK_SUBPROCESS_H
#define LQC_LIB_TARGET_LINK_SUBPROCESS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace lqc {

/// Runs `arguments` (the program's path first), with no input and its output in
/// the file `log`, and waits. True if it ended with status 0; an error if it
/// could not be started. One thread at a time.
llvm::Expected<bool> runSubprocess(llvm::ArrayRef<std::string> arguments,
                                   const std::string &log);

} // namespace lqc

#endif // LQC_LIB_TARGET_LINK_SUBPROCESS_H
