// A gate that one thread waits at and others open.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace fi::parallel {

/// Tells the processor that this is a spin loop.
inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Gate {
 public:
  enum State : int { closed, parked, open };  // parked: closed, and the waiter sleeps

  /// Waits until the gate is open, spinning at most `spin` before it sleeps, and closes it behind
  /// itself.
  void wait(std::chrono::nanoseconds spin) {
    if (spin.count() > 0 && spin_until_open(spin)) return;
    while (!park()) {
      if (pass()) return;
    }
    std::unique_lock lock(mutex_);
    while (!pass()) sleeper_.wait(lock);
  }

  /// Opens the gate, and wakes the waiter if it sleeps. All that was written before is seen by the
  /// waiter (release here, acquire in wait). The empty critical section is what makes the wake-up
  /// sure: the sleeper looks at the state while it holds the mutex, so it either sees the gate open
  /// or is already waiting when it is notified.
  State open_up() {
    const State before = state_.exchange(open, std::memory_order_acq_rel);
    if (before == parked) {
      {
        std::lock_guard lock(mutex_);
      }
      sleeper_.notify_one();
    }
    return before;
  }

  /// Takes an opening back if the waiter has not passed yet; `before` is what open_up gave. True if
  /// it was in time.
  bool take_back(State before) {
    State expected = open;
    return state_.compare_exchange_strong(expected, before, std::memory_order_acquire);
  }

 private:
  bool pass() {
    State expected = open;
    return state_.compare_exchange_strong(expected, closed, std::memory_order_acquire);
  }

  bool park() {
    State expected = closed;
    return state_.compare_exchange_strong(expected, parked, std::memory_order_relaxed);
  }

  bool spin_until_open(std::chrono::nanoseconds spin) {
    constexpr int kPausesPerLook = 32;  // a look at the clock costs about as much
    const auto end = std::chrono::steady_clock::now() + spin;
    do {
      for (int i = 0; i < kPausesPerLook; ++i) {
        if (state_.load(std::memory_order_relaxed) == open && pass()) return true;
        pause();
      }
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  std::atomic<State> state_{closed};
  std::mutex mutex_;
  std::condition_variable sleeper_;
};

}  // namespace fi::parallel
