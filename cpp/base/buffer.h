// Aligned memory that one owner frees.
#pragma once

#include <cstdint>
#include <memory>

namespace fi {

/// A cache line, and the widest vector.
inline constexpr int64_t kAlignment = 64;

/// n rounded up to whole cache lines.
constexpr int64_t align_up(int64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

/// Uninitialised bytes that start at a multiple of kAlignment. Movable; empty after a move.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// Throws Error of kind memory if there is not enough, or if bytes is negative.
  explicit AlignedBuffer(int64_t bytes);

  char* data() const { return memory_.get(); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(memory_.get());
  }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Free> memory_;
  int64_t bytes_ = 0;
};

}  // namespace fi
