// The floating-point mode of a thread: whether denormals count as zero. They can be a hundred times
// slower.
#pragma once

#include <cstdint>

#include "base/inline.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fi {

#if defined(__x86_64__)
FI_INLINE uint64_t fp_mode() { return _mm_getcsr(); }
FI_INLINE void set_fp_mode(uint64_t mode) { _mm_setcsr(static_cast<uint32_t>(mode)); }
inline constexpr uint64_t kFlushDenormals = 0x8040;  // FTZ: results, DAZ: operands
#elif defined(__aarch64__)
FI_INLINE uint64_t fp_mode() {
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
FI_INLINE void set_fp_mode(uint64_t mode) { asm volatile("msr fpcr, %0" ::"r"(mode)); }
inline constexpr uint64_t kFlushDenormals = 1ull << 24;  // FZ
#else
FI_INLINE uint64_t fp_mode() { return 0; }
FI_INLINE void set_fp_mode(uint64_t) {}
inline constexpr uint64_t kFlushDenormals = 0;
#endif

/// Denormals are zero on this thread while it lives; the pool's workers take on the mode of their
/// caller.
class FlushDenormals {
 public:
  FlushDenormals() : before_(fp_mode()) { set_fp_mode(before_ | kFlushDenormals); }
  ~FlushDenormals() { set_fp_mode(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  uint64_t before_;
};

}  // namespace fi
