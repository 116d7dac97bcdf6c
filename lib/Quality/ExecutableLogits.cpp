//===- ExecutableLogits.cpp - logits of a running executable --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Quality/LogitSource.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lqc;

extern char **environ;

/// Wanted size of the pipe: enough for a step's rows of a small vocabulary, so
/// that the process computes on while the rows are read.
static constexpr int kPipeBytes = 1 << 20;
static constexpr size_t kMessageBytes = 4096;

static llvm::Error systemError(llvm::StringRef name, int code) {
  return makeError("{0}: {1}", name, llvm::sys::StrError(code));
}

static void closeDescriptor(int &descriptor) {
  if (descriptor >= 0)
    ::close(descriptor);
  descriptor = -1;
}

llvm::Expected<std::unique_ptr<ExecutableLogits>>
ExecutableLogits::start(llvm::StringRef path, llvm::StringRef name,
                        llvm::StringRef tokenFile,
                        const runtime::Windows &windows, unsigned threads) {
  const std::string words[] = {path.str(),     "--logits",
                               "--perplexity", tokenFile.str(),
                               "--window",     std::to_string(windows.window),
                               "--stride",     std::to_string(windows.stride),
                               "--threads",    std::to_string(threads)};
  std::unique_ptr<ExecutableLogits> source(new ExecutableLogits(name));
  if (llvm::Error error = source->launch(path, words))
    return std::move(error);
  return std::move(source);
}

llvm::Error ExecutableLogits::launch(llvm::StringRef path,
                                     llvm::ArrayRef<std::string> words) {
  messages = ::memfd_create("messages", MFD_CLOEXEC);
  int ends[2];
  if (messages < 0 || ::pipe2(ends, O_CLOEXEC) < 0)
    return systemError(modelName, errno);
  pipe = ends[0];
  ::fcntl(pipe, F_SETPIPE_SZ, kPipeBytes); // a smaller one works too

  llvm::SmallVector<char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
  int code = ::posix_spawn(&process, path.str().c_str(), &actions,
                           /*attrp=*/nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (!code)
    return llvm::Error::success();
  process = -1;
  return systemError(modelName, code);
}

ExecutableLogits::~ExecutableLogits() {
  closeDescriptor(pipe);
  if (process >= 0) {
    ::kill(process, SIGTERM);
    llvm::consumeError(wait());
  }
  closeDescriptor(messages);
}

llvm::Error ExecutableLogits::read(llvm::MutableArrayRef<float> rows) {
  llvm::MutableArrayRef<char> left(reinterpret_cast<char *>(rows.data()),
                                   rows.size() * sizeof(float));
  while (!left.empty()) {
    ssize_t count = ::read(pipe, left.data(), left.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(modelName, errno);
    if (count == 0) {
      if (llvm::Error error = wait())
        return error;
      return makeError("{0}: the executable must write a row of logits for "
                       "each token, got: an early end",
                       modelName);
    }
    left = left.drop_front(count);
  }
  return llvm::Error::success();
}

llvm::Error ExecutableLogits::finish() {
  char surplus;
  ssize_t count;
  do
    count = ::read(pipe, &surplus, 1);
  while (count < 0 && errno == EINTR);
  if (count > 0)
    return makeError("{0}: the executable must write a row of logits for each "
                     "token, got: more",
                     modelName);
  return wait();
}

/// The first line in a file in memory, without the "NAME: " before it.
static std::string firstLine(int messages) {
  char bytes[kMessageBytes];
  ssize_t count = ::pread(messages, bytes, sizeof(bytes), 0);
  llvm::StringRef text(bytes, count > 0 ? count : 0);
  llvm::StringRef line = text.split('\n').first;
  return line.contains(": ") ? line.split(": ").second.str() : line.str();
}

llvm::Error ExecutableLogits::wait() {
  int status = 0;
  pid_t ended;
  do
    ended = ::waitpid(process, &status, 0);
  while (ended < 0 && errno == EINTR);
  process = -1;
  if (ended < 0)
    return systemError(modelName, errno);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return llvm::Error::success();
  std::string message = firstLine(messages);
  if (WIFSIGNALED(status))
    return makeError("{0}: the executable was ended by signal {1}", modelName,
                     WTERMSIG(status));
  return makeError("{0}: {1}", modelName,
                   message.empty() ? "the executable failed without a message"
                                   : message);
}
