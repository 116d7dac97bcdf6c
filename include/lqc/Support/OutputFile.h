//===- OutputFile.h - files that appear whole or not at all -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_OUTPUTFILE_H
#define LQC_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace lqc {

/// Why a file cannot be written at `path`, asked before long work: something
/// that is no regular file is there, or its folder takes no file.
llvm::Error checkOutputFile(llvm::StringRef path);

/// Writes a file under a temporary name beside `path` and renames it. On an
/// error, and when a signal ends the program, what was at `path` stays and
/// nothing else is left. Errors: "PATH: cannot write: reason".
llvm::Error
writeOutputFile(llvm::StringRef path,
                llvm::function_ref<void(llvm::raw_ostream &)> write);

} // namespace lqc

#endif // LQC_SUPPORT_OUTPUTFILE_H
