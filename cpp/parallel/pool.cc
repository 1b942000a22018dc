#include "parallel/pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include "base/fp_mode.h"
#include "parallel/gate.h"

namespace fi::parallel {
namespace {

constexpr int kMaxWorkers = 255;  // beside the caller
constexpr std::chrono::microseconds kSpin(200);

std::atomic<int> processors{1};
thread_local bool inside = false;  // this thread runs a body of the pool

/// Tasks that lie side by side, handed out from the first to the last.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;

  /// False if all are handed out. The look first spares a finished share a write.
  bool take(int64_t* task) {
    if (next.load(std::memory_order_relaxed) >= end) return false;
    *task = next.fetch_add(1, std::memory_order_relaxed);
    return *task < end;
  }
};

/// What a call publishes. Written by the caller while every helper's gate is closed; the gate
/// orders it before their reads. The shares' counters alone change while they run: they only hand
/// out numbers, so they need no ordering of their own.
///
/// Every worker has a share of its own, and takes from the others' when that is done. So where
/// tasks are even, the same worker computes the same part of every layer, whose input it finds in
/// its own cache; and where they are not, or a worker comes late, nobody waits.
struct Job {
  TaskFn function = nullptr;
  void* body = nullptr;
  uint64_t fp_mode = 0;
  std::chrono::nanoseconds spin{0};
  int workers = 0;
  Share shares[kMaxWorkers + 1];

  void divide(int64_t all, int among) {
    workers = among;
    for (int i = 0; i < among; ++i) {
      shares[i].next.store(all * i / among, std::memory_order_relaxed);
      shares[i].end = all * (i + 1) / among;
    }
  }

  void work(int worker) {
    for (int i = 0; i < workers; ++i) {
      Share& share = shares[(worker + i) % workers];
      for (int64_t task; share.take(&task);) function(body, worker, task);
    }
  }
};

class Pool {
 public:
  /// False, and nothing done, if another call is using the pool.
  bool run(int threads, int64_t tasks, TaskFn function, void* body);
  int started() const { return started_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Helper {
    Gate gate;
    Gate::State before = Gate::closed;  // of the latest opening
  };

  int start_helpers(int wanted);
  void help(int worker);
  void finish(int helpers);

  std::mutex busy_;
  Job job_;
  Gate done_;
  alignas(64) std::atomic<int> pending_{0};  // helpers that have not finished
  std::atomic<int> started_{0};
  Helper helpers_[kMaxWorkers];
};

void Pool::help(int worker) {
  inside = true;
  std::chrono::nanoseconds spin{0};
  for (;;) {
    helpers_[worker - 1].gate.wait(spin);
    spin = job_.spin;
    set_fp_mode(job_.fp_mode);
    job_.work(worker);
    // Release: the caller, which acquires through done_, sees what this helper wrote. Acquire: the
    // last helper passes on what the others wrote. The job is not touched after this line.
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.open_up();
  }
}

/// Signals go to the program's own threads.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

/// Has at least `wanted` helpers, or as many as the system lets us have.
int Pool::start_helpers(int wanted) {
  wanted = std::min(wanted, kMaxWorkers);
  int count = started();
  if (count >= wanted) return wanted;
  BlockSignals block;
  try {
    for (; count < wanted; ++count) std::thread(&Pool::help, this, count + 1).detach();
  } catch (const std::system_error&) {
  }
  started_.store(count, std::memory_order_relaxed);
  return count;
}

bool Pool::run(int threads, int64_t tasks, TaskFn function, void* body) {
  std::unique_lock lock(busy_, std::try_to_lock);
  if (!lock) return false;
  const int helpers = start_helpers(static_cast<int>(std::min<int64_t>(threads, tasks)) - 1);
  job_.function = function;
  job_.body = body;
  job_.divide(tasks, helpers + 1);
  job_.fp_mode = fp_mode();
  job_.spin =
      helpers < processors.load(std::memory_order_relaxed) ? kSpin : std::chrono::microseconds(0);
  pending_.store(helpers, std::memory_order_relaxed);
  for (int i = 0; i < helpers; ++i) helpers_[i].before = helpers_[i].gate.open_up();
  job_.work(0);
  finish(helpers);
  return true;
}

/// All tasks are handed out. Helpers that have not woken yet are sent back to sleep rather than
/// waited for.
void Pool::finish(int helpers) {
  int late = 0;
  for (int i = 0; i < helpers; ++i) late += helpers_[i].gate.take_back(helpers_[i].before);
  if (late == helpers) return;
  // If the helpers that ran have all finished, none of them saw zero, so none opens done_. Acquire:
  // as in help().
  if (late > 0 && pending_.fetch_sub(late, std::memory_order_acq_rel) == late) return;
  done_.wait(job_.spin);
}

std::atomic<Pool*> current{nullptr};

/// The pool is never destroyed: its threads sleep in it until the process ends. A forked child has
/// none of the threads, so it leaves the parent's pool (and its locks, in whatever state) and makes
/// its own.
Pool& pool() {
  static const int watch_forks =
      pthread_atfork(nullptr, nullptr, [] { current.store(nullptr, std::memory_order_relaxed); });
  static_cast<void>(watch_forks);
  Pool* found = current.load(std::memory_order_acquire);
  if (found) return *found;
  auto made = std::make_unique<Pool>();
  if (current.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel))
    return *made.release();
  return *found;
}

/// Marks this thread as inside a body, so that nested calls run alone.
class Inside {
 public:
  Inside() : before_(inside) { inside = true; }
  ~Inside() { inside = before_; }

 private:
  bool before_;
};

}  // namespace

void run_tasks(int threads, int64_t tasks, TaskFn function, void* body) {
  const bool nested = inside;
  const Inside mark;
  if (!nested && pool().run(threads, tasks, function, body)) return;
  for (int64_t task = 0; task < tasks; ++task) function(body, 0, task);
}

void set_processors(int count) { processors.store(count, std::memory_order_relaxed); }

int started_threads() {
  const Pool* found = current.load(std::memory_order_acquire);
  return found ? found->started() : 0;
}

}  // namespace fi::parallel
