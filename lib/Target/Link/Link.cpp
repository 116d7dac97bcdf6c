//===- Link.cpp - object + runtime + payload = executable -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/Link/Link.h"

#include "lib/Target/Link/Subprocess.h"
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

Expected<std::string> findRuntime(const LinkOptions &options) {
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

/// Makes a temporary file, to learn early that its folder takes one.
static Error probe(StringRef file, StringRef output) {
  std::error_code code;
  raw_fd_ostream stream(file, code);
  if (code)
    return fileError(output, "cannot write: " + code.message());
  return Error::success();
}

namespace {
/// The files that a link makes. Each is written under another name beside its
/// place; all take their names at the very end.
class OutputFiles {
public:
  explicit OutputFiles(ArrayRef<std::string> outputs)
      : outputs(outputs), files(outputs.size()) {}

  /// Learns early what would go wrong at the end.
  Error prepare() {
    for (auto [output, file] : zip_equal(outputs, files)) {
      if (Error error = checkOutput(output))
        return error;
      file.own((output + ".tmp-" + Twine(sys::Process::getProcessId())).str());
      if (Error error = probe(file.name(), output))
        return error;
    }
    return Error::success();
  }
  /// Where to write output `index`.
  const std::string &path(size_t index) const { return files[index].name(); }

  Error keep() {
    for (auto [output, file] : zip_equal(outputs, files))
      if (std::error_code code = file.keepAs(output))
        return fileError(output, "cannot write: " + code.message());
    return Error::success();
  }

private:
  ArrayRef<std::string> outputs;
  std::vector<TemporaryFile> files;
};
} // namespace

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

/// `name`: what messages call the file.
static Error writeBytes(ArrayRef<char> bytes, StringRef path, StringRef name) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (!code) {
    stream.write(bytes.data(), bytes.size());
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return fileError(name, "cannot write: " + code.message());
  return Error::success();
}

/// A file for the linker to read.
static Expected<TemporaryFile> writeInput(ArrayRef<char> bytes,
                                          StringRef ending) {
  Expected<TemporaryFile> file = TemporaryFile::create("lqc", ending);
  if (!file)
    return file.takeError();
  if (Error error = writeBytes(bytes, file->name(), file->name()))
    return std::move(error);
  return file;
}

static ArrayRef<char> bytesOf(StringRef text) {
  return ArrayRef<char>(text.data(), text.size());
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
  Expected<bool> succeeded = runSubprocess(arguments, log->name());
  if (succeeded && *succeeded)
    return Error::success();
  auto buffer = MemoryBuffer::getFile(log->name());
  std::string reason = !succeeded ? toString(succeeded.takeError())
                       : buffer   ? essence((*buffer)->getBuffer())
                                  : "no reason given";
  return fileError(output,
                   "linking with " + arguments[0] + " failed: " + reason);
}

/// Runs the linker on the object and the runtime. `more`: arguments that make
/// it an executable or a library.
static Error linkElf(ArrayRef<char> object, StringRef file, StringRef output,
                     const LinkOptions &options, ArrayRef<std::string> more) {
  Expected<std::string> compiler = findCompiler(options);
  if (!compiler)
    return compiler.takeError();
  Expected<std::string> runtime = findRuntime(options);
  if (!runtime)
    return runtime.takeError();
  Expected<TemporaryFile> objectFile = writeInput(object, "o");
  if (!objectFile)
    return objectFile.takeError();
  std::vector<std::string> arguments = {*compiler, "-o", file.str()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const std::string rest[] = {
      objectFile->name(), *runtime,
      // Only libc and libm are looked for on the user's machine.
      "-static-libstdc++", "-static-libgcc", "-pthread", "-lm", "-ldl",
      "-Wl,--gc-sections,--as-needed",
      // No debug information, but the names of kernels for profilers.
      "-Wl,-S",
      // The same bytes wherever this runs.
      "-Wl,--build-id=none"};
  arguments.insert(arguments.end(), std::begin(rest), std::end(rest));
  return runDriver(arguments, output);
}

static Error appendPayload(StringRef file, StringRef output,
                           WritePayload writePayload) {
  Expected<std::unique_ptr<PayloadWriter>> writer =
      PayloadWriter::open(file, output);
  if (!writer)
    return writer.takeError();
  if (Error error = writePayload(**writer))
    return error;
  return (*writer)->finish();
}

//===----------------------------------------------------------------------===//
// Executables
//===----------------------------------------------------------------------===//

Error linkExecutable(ArrayRef<char> object, WritePayload writePayload,
                     StringRef output, const LinkOptions &options) {
  const std::string outputs[] = {output.str()};
  OutputFiles files(outputs);
  if (Error error = files.prepare())
    return error;
  if (Error error = linkElf(object, files.path(0), output, options, {"-pie"}))
    return error;
  if (Error error = appendPayload(files.path(0), output, writePayload))
    return error;
  if (options.complete)
    if (Error error = options.complete(files.path(0)))
      return error;
  return files.keep();
}

//===----------------------------------------------------------------------===//
// Libraries
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kHeader =
#include "lib/Target/Link/CApiText.inc"
    ;

StringRef cApiHeader() { return kHeader; }

std::string replaceEnding(StringRef output, StringRef ending) {
  SmallString<128> path(output);
  sys::path::replace_extension(path, ending);
  return path.str().str();
}

/// The functions that the header marks with LQC_API, for the linker.
static std::string exportsOfHeader() {
  std::string script = "{ global:";
  StringRef rest = kHeader;
  while (true) {
    rest = rest.split("\nLQC_API ").second;
    if (rest.empty())
      return script + " local: *; };\n";
    StringRef name = rest.take_until([](char c) { return c == '('; });
    script +=
        (" " + name.substr(name.find("lqc_", name.rfind(' '))) + ";").str();
  }
}

Error linkShared(ArrayRef<char> object, WritePayload writePayload,
                 StringRef output, const LinkOptions &options) {
  const std::string outputs[] = {output.str(), replaceEnding(output, "h")};
  OutputFiles files(outputs);
  if (Error error = files.prepare())
    return error;
  Expected<TemporaryFile> exports =
      writeInput(bytesOf(exportsOfHeader()), "map");
  if (!exports)
    return exports.takeError();
  // The runtime is an archive: nothing but the first name pulls the API in.
  if (Error error = linkElf(object, files.path(0), output, options,
                            {"-shared", "-Wl,-u,lqc_open",
                             "-Wl,--version-script=" + exports->name()}))
    return error;
  if (Error error = appendPayload(files.path(0), output, writePayload))
    return error;
  if (Error error = writeBytes(bytesOf(kHeader), files.path(1), outputs[1]))
    return error;
  return files.keep();
}

Error writeObjectFiles(ArrayRef<char> object, WritePayload writePayload,
                       StringRef output) {
  const std::string outputs[] = {output.str(), replaceEnding(output, "payload"),
                                 replaceEnding(output, "h")};
  OutputFiles files(outputs);
  if (Error error = files.prepare())
    return error;
  if (Error error = writeBytes(object, files.path(0), output))
    return error;
  if (Error error = appendPayload(files.path(1), outputs[1], writePayload))
    return error;
  if (Error error = writeBytes(bytesOf(kHeader), files.path(2), outputs[2]))
    return error;
  return files.keep();
}

} // namespace lqc
