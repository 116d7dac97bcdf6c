//===- Pool.h - the thread pool behind lqc_dispatch -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One dispatch cuts units [0, units) into a few equal *chunks* for each thread.
// All threads, the caller's included, claim chunks from one 64-bit word, the
// *ticket*:
//
//   high half: number of the dispatch    low half: chunks not yet claimed
//
// A claim is one compare-and-swap of the ticket, so a thread that slept through
// a dispatch can never take a chunk of it (the number differs), and the caller
// waits only for chunks that were claimed, never for a thread that the system
// has not scheduled. The job may be overwritten as soon as all its chunks are
// done, because nobody reads it without holding a chunk.
//
// Which thread does which chunk is left to chance; a kernel's result must not
// depend on it.
//
// Workers spin for kSpinNanoseconds between dispatches (a step's kernels follow
// one another within microseconds), then sleep on a futex. With more threads
// than processors spinning would keep others from working: then they yield.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_POOL_H
#define LQC_RUNTIME_POOL_H

#include "lqc/Runtime/Model.h"

#include <atomic>
#include <memory>
#include <pthread.h>
#include <string>
#include <vector>

namespace lqc::runtime {
inline constexpr int kMaxThreads = 256;
/// Chunks of one thread, at most: enough that a delayed thread's share is done
/// by the others.
inline constexpr int64_t kChunksPerThread = 4;
inline constexpr int64_t kSpinNanoseconds = 100'000;

/// Processors that this process may run on, 1 to kMaxThreads.
int availableProcessors();
} // namespace lqc::runtime

namespace lqc::runtime {
/// Is told of every dispatch of a pool that it observes.
class DispatchObserver {
public:
  virtual ~DispatchObserver() = default;
  /// `kernel` has done its work for `rows` rows in `seconds`.
  virtual void dispatched(lqc_kernel_function *kernel, int64_t rows,
                          double seconds) = 0;
};
} // namespace lqc::runtime

/// A fixed set of threads that run kernels. Dispatches come from one thread at
/// a time and allocate nothing.
struct lqc_pool {
public:
  /// Starts `threads` - 1 workers (1 to kMaxThreads threads in all). Returns
  /// null and says why in `error` if the system refuses.
  static std::unique_ptr<lqc_pool> create(int threads, std::string &error);
  lqc_pool(const lqc_pool &) = delete;
  lqc_pool &operator=(const lqc_pool &) = delete;
  ~lqc_pool();

  int threads() const { return int(workers.size()) + 1; }

  /// See lqc_dispatch.
  void dispatch(lqc_kernel_function *kernel, void *const *arguments,
                int64_t count, int64_t units, int64_t grain);

  /// From now on tells `observer` of every dispatch; null: nobody. Without one
  /// no time is taken.
  void observe(lqc::runtime::DispatchObserver *who) { observer = who; }

private:
  struct Job {
    lqc_kernel_function *kernel;
    void *const *arguments;
    int64_t count;
    int64_t units;
    int64_t chunks;
  };

  lqc_pool() = default;
  static void *workerMain(void *pool);
  void run(const Job &work, int64_t grain);
  int64_t chunksFor(int64_t units, int64_t grain) const;
  static void call(const Job &work, int64_t begin, int64_t end);
  bool runChunk();
  bool spinForWork() const;
  void sleepForWork();
  void wake(int64_t count);
  void waitForChunks(int64_t chunks) const;
  bool hasWork() const {
    return uint32_t(ticket.load(std::memory_order_acquire)) != 0;
  }

  alignas(64) std::atomic<uint64_t> ticket{0};
  alignas(64) std::atomic<uint32_t> done{0}; ///< chunks of this dispatch
  alignas(64) Job job = {};
  alignas(64) std::atomic<uint32_t> wakeups{0}; ///< what sleepers wait for
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};
  bool spins = true; ///< a processor for each thread
  lqc::runtime::DispatchObserver *observer = nullptr;
  std::vector<pthread_t> workers;
};

#endif // LQC_RUNTIME_POOL_H
