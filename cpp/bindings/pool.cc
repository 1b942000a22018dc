// Lets tests see the thread pool and the CPU quota at work.
#include "parallel/pool.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/fp_mode.h"
#include "cpu/topology.h"

namespace py = pybind11;

namespace fi::bindings {
namespace {

py::array_t<int64_t> to_array(const std::vector<int64_t>& values) {
  return py::array_t<int64_t>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// Each task runs `inner` nested tasks and waits for `microseconds`, the first for `first` more.
/// Returns, by task: the worker that ran it, and how many (nested) tasks ran for it on worker 0 of
/// the nested call; the latter must be max(inner, 1).
py::tuple pool_run(int threads, int64_t tasks, int64_t inner, int64_t microseconds, int64_t first) {
  std::vector<int64_t> workers(static_cast<size_t>(tasks), -1),
      counts(static_cast<size_t>(tasks), 0);
  {
    const py::gil_scoped_release release;
    parallel_for(threads, tasks, [&](int worker, int64_t task) {
      workers[task] = worker;
      if (inner == 0) ++counts[task];
      parallel_for(threads, inner, [&](int own, int64_t) { counts[task] += own == 0; });
      const std::chrono::microseconds pause(microseconds + (task == 0 ? first : 0));
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
    });
  }
  return py::make_tuple(to_array(workers), to_array(counts));
}

/// By task: whether denormals were flushed where it ran, under a caller that flushes them; and at
/// last on the caller after.
py::array_t<int64_t> pool_flushing(int threads, int64_t tasks) {
  const auto flushing = [] {
    return static_cast<int64_t>((fp_mode() & kFlushDenormals) == kFlushDenormals);
  };
  std::vector<int64_t> seen(static_cast<size_t>(tasks) + 1, 0);
  {
    const FlushDenormals flush;
    parallel_for(threads, tasks, [&](int, int64_t task) { seen[task] = flushing(); });
  }
  seen.back() = flushing();
  return to_array(seen);
}

/// Seconds of each of `calls` calls of as many tasks as threads: empty ones, or (meet) such that
/// wait until all have begun, so that nobody does the work of another; but for a millisecond at
/// most, since a call that finds the pool busy runs alone.
py::array_t<double> pool_seconds(int threads, int64_t calls, bool meet) {
  using Clock = std::chrono::steady_clock;
  const int all = meet ? threads : 0;
  py::array_t<double> seconds(static_cast<py::ssize_t>(calls));
  for (int64_t i = 0; i < calls; ++i) {
    std::atomic<int> begun{0};
    const auto start = Clock::now();
    parallel_for(threads, threads, [&](int, int64_t) {
      begun.fetch_add(1, std::memory_order_relaxed);
      while (begun.load(std::memory_order_relaxed) < all &&
             Clock::now() - start < std::chrono::milliseconds(1)) {
      }
    });
    seconds.mutable_data()[i] = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return seconds;
}

}  // namespace

void bind_pool(py::module_& module) {
  module.def("_pool_run", &pool_run, py::arg("threads"), py::arg("tasks"), py::arg("inner") = 0,
             py::arg("microseconds") = 0, py::arg("first") = 0);
  module.def("_pool_seconds", &pool_seconds, py::arg("threads"), py::arg("calls"),
             py::arg("meet") = false);
  module.def("_pool_flushing", &pool_flushing, py::arg("threads"), py::arg("tasks"));
  module.def("_pool_started", &parallel::started_threads);
  module.def("_cgroup_quota", &cpu::cgroup_quota, py::arg("root"), py::arg("self"));
}

}  // namespace fi::bindings
