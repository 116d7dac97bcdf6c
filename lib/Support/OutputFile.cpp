//===- OutputFile.cpp - files that appear whole or not at all -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/OutputFile.h"

#include "lqc/Support/Error.h"

#include "llvm/Support/FileSystem.h"

using namespace lqc;

using llvm::sys::fs::TempFile;

static llvm::Error cannotWrite(llvm::StringRef path, llvm::Error error) {
  return prefixError(path + ": cannot write", std::move(error));
}

/// A new file beside `path`, which goes when a signal ends the program.
static llvm::Expected<TempFile> createBeside(llvm::StringRef path) {
  return TempFile::create(path + ".%%%%%%.tmp");
}

llvm::Error lqc::checkOutputFile(llvm::StringRef path) {
  namespace fs = llvm::sys::fs;
  fs::file_status status;
  if (!fs::status(path, status) && !fs::is_regular_file(status))
    return makeError("{0}: the output must be a regular file, got: {1}", path,
                     fs::is_directory(status) ? "a directory"
                                              : "a device or a pipe");
  llvm::Expected<TempFile> file = createBeside(path);
  if (!file)
    return cannotWrite(path, file.takeError());
  return file->discard();
}

llvm::Error
lqc::writeOutputFile(llvm::StringRef path,
                     llvm::function_ref<void(llvm::raw_ostream &)> write) {
  llvm::Expected<TempFile> file = createBeside(path);
  if (!file)
    return cannotWrite(path, file.takeError());
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  write(stream);
  stream.flush();
  std::error_code failure = stream.error();
  stream.clear_error(); // a stream that goes with an error ends the program
  if (failure) {
    llvm::consumeError(file->discard());
    return cannotWrite(path, llvm::errorCodeToError(failure));
  }
  if (llvm::Error error = file->keep(path))
    return cannotWrite(path, std::move(error));
  return llvm::Error::success();
}
