//===- Link.cpp - object + runtime + payload = executable -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/Link/Link.h"

#include "lqc/Support/TemporaryFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace lqc {

static Error fileError(StringRef name, const Twine &what) {
  return createStringError(Twine(name) + ": " + what);
}

//===----------------------------------------------------------------------===//
// What the link needs
//===----------------------------------------------------------------------===//

static Expected<std::string> findCompiler(const LinkOptions &options) {
  std::string wanted = options.compiler;
  if (wanted.empty())
    wanted = sys::Process::GetEnv("LQC_CXX").value_or("");
  if (!wanted.empty()) {
    ErrorOr<std::string> found = sys::findProgramByName(wanted);
    if (found)
      return *found;
    return createStringError("linking needs the compiler driver " + wanted +
                             ", which is not in PATH");
  }
  for (StringRef name : {"c++", "g++", "clang++"})
    if (ErrorOr<std::string> found = sys::findProgramByName(name))
      return *found;
  return createStringError("linking needs c++, g++ or clang++ in PATH: install "
                           "g++, or name a compiler driver in LQC_CXX");
}

static Expected<std::string> findRuntime(const LinkOptions &options) {
  std::string path = options.runtimeLibrary;
  if (path.empty()) {
    // Any address in this program will do.
    std::string program = sys::fs::getMainExecutable(
        nullptr, reinterpret_cast<void *>(&findRuntime));
    StringRef prefix = sys::path::parent_path(sys::path::parent_path(program));
    path = (prefix + "/lib/liblqc_runtime.a").str();
  }
  if (!sys::fs::exists(path))
    return fileError(path, "the runtime library is not there");
  return path;
}

/// Refuses to replace what is not a regular file: a folder, a device.
static Error checkOutput(StringRef output) {
  sys::fs::file_status status;
  if (sys::fs::status(output, status) || !sys::fs::exists(status) ||
      sys::fs::is_regular_file(status))
    return Error::success();
  return fileError(output, "output must be a regular file");
}

/// Makes the temporary file, to learn early that its folder takes one.
static Error probe(StringRef file, StringRef output) {
  std::error_code code;
  raw_fd_ostream stream(file, code);
  if (code)
    return fileError(output, "cannot write: " + code.message());
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

static Error writeObject(ArrayRef<char> object, const TemporaryFile &file) {
  std::error_code code;
  raw_fd_ostream stream(file.name(), code);
  if (!code) {
    stream.write(object.data(), object.size());
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return fileError(file.name(), "cannot write: " + code.message());
  return Error::success();
}

/// The line of a linker's output that says most: the first that reads like an
/// error, else the first.
static std::string essence(StringRef log) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines)
    if (line.contains("error") || line.contains("cannot") ||
        line.contains("undefined") || line.contains("No space") ||
        line.contains("too large"))
      return line.trim().str();
  return lines.empty() ? "no reason given" : lines.front().trim().str();
}

/// Runs the driver quietly; its words become the error's.
static Error runDriver(ArrayRef<std::string> arguments, StringRef output) {
  Expected<TemporaryFile> log = TemporaryFile::create("lqc-link", "log");
  if (!log)
    return log.takeError();
  StringRef path = log->name();
  SmallVector<StringRef> words(arguments.begin(), arguments.end());
  const std::optional<StringRef> redirects[] = {StringRef(), path, path};
  std::string message;
  int status =
      sys::ExecuteAndWait(words[0], words, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status == 0)
    return Error::success();
  if (message.empty()) {
    auto buffer = MemoryBuffer::getFile(path);
    message = buffer ? essence((*buffer)->getBuffer()) : "no reason given";
  }
  return fileError(output, "linking with " + words[0] + " failed: " + message);
}

static Error linkElf(StringRef object, StringRef file, StringRef output,
                     const LinkOptions &options) {
  Expected<std::string> compiler = findCompiler(options);
  if (!compiler)
    return compiler.takeError();
  Expected<std::string> runtime = findRuntime(options);
  if (!runtime)
    return runtime.takeError();
  const std::string arguments[] = {
      *compiler, "-o", file.str(), "-pie", object.str(), *runtime,
      // Only libc and libm are looked for on the user's machine.
      "-static-libstdc++", "-static-libgcc", "-pthread", "-lm",
      "-Wl,--gc-sections,--as-needed",
      // No debug information, but the names of kernels for profilers.
      "-Wl,-S",
      // The same bytes wherever this runs.
      "-Wl,--build-id=none"};
  return runDriver(arguments, output);
}

Error linkExecutable(ArrayRef<char> object, WritePayload writePayload,
                     StringRef output, const LinkOptions &options) {
  if (Error error = checkOutput(output))
    return error;
  TemporaryFile result;
  result.own((output + ".tmp-" + Twine(sys::Process::getProcessId())).str());
  if (Error error = probe(result.name(), output))
    return error;
  {
    Expected<TemporaryFile> objectFile = TemporaryFile::create("lqc", "o");
    if (!objectFile)
      return objectFile.takeError();
    if (Error error = writeObject(object, *objectFile))
      return error;
    if (Error error =
            linkElf(objectFile->name(), result.name(), output, options))
      return error;
  }

  auto writer = PayloadWriter::open(result.name(), output);
  if (!writer)
    return writer.takeError();
  if (Error error = writePayload(**writer))
    return error;
  if (Error error = (*writer)->finish())
    return error;
  if (options.complete)
    if (Error error = options.complete(result.name()))
      return error;
  if (std::error_code code = result.keepAs(output))
    return fileError(output, "cannot write: " + code.message());
  return Error::success();
}

} // namespace lqc
