// Fork-join parallelism: one pool of threads for the whole process.
//
//   parallel_for(threads, tasks, [&](int worker, int64_t task) { ... });
//
// calls the body once for each task, on at most `threads` threads at a time. The caller is worker
// 0; each worker has a number of its own below `threads`, which picks its scratch. Each worker
// begins with a share of its own, the same part of the tasks at every call, in order; when that is
// done it takes tasks of the others' shares, one by one. It returns when all are done.
//
// The body must not throw. A call from inside a body, and a call while another thread's call is
// running, runs on its own caller alone, as worker 0: nothing nests, and nothing waits for a
// stranger. Works in forked children, whose pool starts anew at its first use.
#pragma once

#include <cstdint>
#include <type_traits>

namespace fi::parallel {

using TaskFn = void (*)(void* body, int worker, int64_t task);

/// parallel_for without its template.
void run_tasks(int threads, int64_t tasks, TaskFn function, void* body);

/// Threads beyond this number share processors, so nobody spins while more than this many work. Set
/// at start-up.
void set_processors(int count);

/// Threads that the pool has started in this process, without callers.
int started_threads();

}  // namespace fi::parallel

namespace fi {

template <class F>
void parallel_for(int threads, int64_t tasks, F&& body) {
  if (threads <= 1 || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(0, task);
    return;
  }
  using Body = std::remove_reference_t<F>;
  parallel::run_tasks(
      threads, tasks,
      [](void* b, int worker, int64_t task) { (*static_cast<Body*>(b))(worker, task); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace fi
