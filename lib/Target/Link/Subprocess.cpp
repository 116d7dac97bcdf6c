//===- Subprocess.cpp - a program that does not outlive us ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/Subprocess.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace llvm;

namespace lqc {

static constexpr int kSignals[] = {SIGHUP, SIGINT, SIGTERM};
/// A group that was told to end is waited for in steps, at most so many: then
/// it is killed.
static constexpr int kMaxWaits = 100;
static constexpr timespec kWait = {0, 5'000'000}; // 5 ms

/// The process group of the running program, or 0.
static std::atomic<pid_t> runningGroup = 0;
/// The thread that waits for it.
static std::atomic<pthread_t> waitingThread;
static_assert(std::atomic<pthread_t>::is_always_lock_free);

namespace {
/// What the signals did before.
struct PreviousActions {
  struct sigaction actions[std::size(kSignals)];
};
} // namespace

static PreviousActions previous;

/// Async-signal-safe.
static void endGroup() {
  const pid_t group = runningGroup.load();
  if (!group)
    return;
  // Compiler drivers remove their own temporary files on SIGTERM.
  ::kill(-group, SIGTERM);
  for (int i = 0; ::kill(-group, 0) == 0 && i < kMaxWaits; ++i) {
    ::waitpid(group, nullptr, WNOHANG);
    ::nanosleep(&kWait, nullptr);
  }
  ::kill(-group, SIGKILL);
}

static void restoreActions() {
  for (size_t i = 0; i < std::size(kSignals); ++i)
    ::sigaction(kSignals[i], &previous.actions[i], nullptr);
}

/// Ends the group, then lets the previous action have the signal: it is blocked
/// here and comes when this returns. All on the waiting thread, which would
/// else see the group end and report that linking failed.
static void onSignal(int signal) {
  const int error = errno;
  if (!::pthread_equal(::pthread_self(), waitingThread.load())) {
    ::pthread_kill(waitingThread.load(), signal);
    errno = error;
    return;
  }
  endGroup();
  restoreActions();
  ::raise(signal);
  errno = error;
}

static void installActions() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  for (int signal : kSignals)
    sigaddset(&action.sa_mask, signal);
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &previous.actions[i]);
    if (previous.actions[i].sa_handler != SIG_IGN)
      ::sigaction(kSignals[i], &action, nullptr);
  }
}

/// posix_spawn in a new process group; returns an errno.
static int spawn(ArrayRef<std::string> arguments, const std::string &log,
                 const sigset_t &mask, pid_t &child) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_APPEND, 0);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setsigmask(&attributes, &mask);
  std::vector<char *> words;
  for (const std::string &argument : arguments)
    words.push_back(const_cast<char *>(argument.c_str()));
  words.push_back(nullptr);
  int error = ::posix_spawn(&child, words[0], &files, &attributes, words.data(),
                            environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return error;
}

Expected<bool> runSubprocess(ArrayRef<std::string> arguments,
                             const std::string &log) {
  sigset_t blocked, mask;
  sigemptyset(&blocked);
  for (int signal : kSignals)
    sigaddset(&blocked, signal);
  waitingThread = ::pthread_self();
  installActions();
  // A signal that comes before the group is known waits.
  ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
  pid_t child = 0;
  const int error = spawn(arguments, log, mask, child);
  runningGroup = error ? 0 : child;
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);

  int status = 0;
  pid_t ended = 0;
  if (!error)
    do
      ended = ::waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
  runningGroup = 0;
  restoreActions();
  if (error)
    return createStringError(std::strerror(error));
  return ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace lqc
