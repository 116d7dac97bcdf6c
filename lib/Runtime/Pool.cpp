//===- Pool.cpp - the thread pool behind lqc_dispatch ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Pool.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace lqc::runtime;

int lqc::runtime::availableProcessors() {
  cpu_set_t set;
  long count = 0;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    count = CPU_COUNT(&set);
  else // more processors than cpu_set_t has bits
    count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return int(std::clamp<long>(count, 1, kMaxThreads));
}

static int64_t nanoseconds() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

static void relax() { __builtin_ia32_pause(); }

static void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr,
            nullptr, 0);
}

//===----------------------------------------------------------------------===//
// Life of the threads
//===----------------------------------------------------------------------===//

std::unique_ptr<lqc_pool> lqc_pool::create(int threads, std::string &error) {
  std::unique_ptr<lqc_pool> pool(new lqc_pool);
  pool->spins = threads <= availableProcessors();
  pool->workers.reserve(size_t(threads));

  // Signals are for the main thread: workers inherit a full mask.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  for (int i = 1; i < threads && !failure; ++i) {
    pthread_t worker;
    failure = ::pthread_create(&worker, nullptr, workerMain, pool.get());
    if (!failure)
      pool->workers.push_back(worker);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (!failure)
    return pool;
  error = "cannot start " + std::to_string(threads) +
          " threads: " + std::strerror(failure);
  return nullptr;
}

lqc_pool::~lqc_pool() {
  stopping.store(true);
  wakeups.fetch_add(1);
  futex(wakeups, FUTEX_WAKE, INT_MAX);
  for (pthread_t worker : workers)
    ::pthread_join(worker, nullptr);
}

void *lqc_pool::workerMain(void *argument) {
  lqc_pool &pool = *static_cast<lqc_pool *>(argument);
  while (!pool.stopping.load(std::memory_order_relaxed)) {
    while (pool.runChunk())
      ;
    if (!pool.spinForWork())
      pool.sleepForWork();
  }
  return nullptr;
}

bool lqc_pool::spinForWork() const {
  if (!spins) {
    for (int i = 0; i < 8; ++i) {
      ::sched_yield();
      if (hasWork())
        return true;
    }
    return false;
  }
  const int64_t end = nanoseconds() + kSpinNanoseconds;
  do {
    for (int i = 0; i < 64; ++i) {
      if (hasWork())
        return true;
      relax();
    }
  } while (nanoseconds() < end && !stopping.load(std::memory_order_relaxed));
  return false;
}

void lqc_pool::sleepForWork() {
  // The order matters: who dispatches writes the ticket first and looks for
  // sleepers second; who goes to sleep does the opposite. So either the sleeper
  // sees the ticket, or the dispatcher sees the sleeper and changes `wakeups`,
  // and the futex does not wait for a value that has gone.
  sleepers.fetch_add(1);
  uint32_t seen = wakeups.load();
  if (uint32_t(ticket.load()) == 0 && !stopping.load())
    futex(wakeups, FUTEX_WAIT, seen);
  sleepers.fetch_sub(1);
}

void lqc_pool::wake(int64_t count) {
  if (!sleepers.load())
    return;
  wakeups.fetch_add(1);
  futex(wakeups, FUTEX_WAKE, uint32_t(count));
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

int64_t lqc_pool::chunksFor(int64_t units, int64_t grain) const {
  const int64_t largest = units / std::max<int64_t>(grain, 1);
  const int64_t perThread = std::min(largest / threads(), kChunksPerThread);
  return perThread ? perThread * threads() : largest;
}

/// Kernels are generated: they have no type that the sanitizer for calls
/// through pointers could look for in front of them.
__attribute__((no_sanitize("function"))) void
lqc_pool::call(const Job &work, int64_t begin, int64_t end) {
  work.kernel(work.arguments, work.count, begin, end);
}

bool lqc_pool::runChunk() {
  uint64_t seen = ticket.load(std::memory_order_acquire);
  do {
    if (!uint32_t(seen))
      return false;
  } while (!ticket.compare_exchange_weak(
      seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  const int64_t chunk = job.chunks - int64_t(uint32_t(seen));
  const int64_t begin = job.units * chunk / job.chunks;
  const int64_t end = job.units * (chunk + 1) / job.chunks;
  call(job, begin, end);
  done.fetch_add(1, std::memory_order_release);
  return true;
}

void lqc_pool::waitForChunks(int64_t chunks) const {
  for (int64_t round = 0; done.load(std::memory_order_acquire) != chunks;
       ++round) {
    if (spins && round < 2000)
      relax();
    else
      ::sched_yield();
  }
}

void lqc_pool::run(const Job &work, int64_t grain) {
  const int64_t chunks = workers.empty() ? 1 : chunksFor(work.units, grain);
  if (chunks < 2)
    return call(work, 0, work.units);

  job = work;
  job.chunks = chunks;
  done.store(0, std::memory_order_relaxed);
  const uint64_t number = (ticket.load(std::memory_order_relaxed) >> 32) + 1;
  ticket.exchange(number << 32 | uint64_t(chunks)); // see sleepForWork
  wake(std::min<int64_t>(chunks, threads()) - 1);
  while (runChunk())
    ;
  waitForChunks(chunks);
}

void lqc_pool::dispatch(lqc_kernel_function *kernel, void *const *arguments,
                        int64_t count, int64_t units, int64_t grain) {
  if (units <= 0)
    return;
  const Job work = {kernel, arguments, count, units, /*chunks=*/1};
  if (!observer)
    return run(work, grain);
  const int64_t start = nanoseconds();
  run(work, grain);
  observer->dispatched(kernel, count, double(nanoseconds() - start) * 1e-9);
}

extern "C" void lqc_dispatch(lqc_pool *pool, lqc_kernel_function *kernel,
                             void *const *arguments, int64_t count,
                             int64_t units, int64_t grain) {
  pool->dispatch(kernel, arguments, count, units, grain);
}
