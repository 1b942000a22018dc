// Loops that run as fast as a core can, by which other kernels' speed is judged:
//
//   fma    accumulators <- accumulators * a + b, in registers: the peak of multiply-accumulate
//   read   sum of a buffer: the bandwidth of loads from wherever the buffer lies
//   copy   dst[i] <- src[i]: loads and stores together
#pragma once

#include <cstdint>

#include "base/features.h"
#include "kernels/kernel.h"

namespace fi::peak {

enum class Kind : uint8_t { fma, read, copy };
inline constexpr int kKinds = 3;

const char* name_of(Kind kind);
bool kind_from_name(const char* name, Kind* out);

struct Kernel {
  KernelInfo info;
  Kind kind;
  int64_t units;  // what one of n stands for: MAC (fma), bytes moved (read: 4; copy: 8)

  /// fma: n rounds; src holds the start value, a and b. read, copy: n elements; a multiple of
  /// kBlock. Returns a value that depends on all the work, so that none of it can be left out.
  float (*run)(const float* src, float* dst, int64_t n);
};
inline constexpr int64_t kBlock = 256;

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The best row of a kind that a CPU with these features can run; never null.
const Kernel* find(Kind kind, FeatureMask features);

/// Units per second (MAC, bytes) of `threads` threads together, each with its own share of a buffer
/// of `bytes` (split by copy into source and destination; fma takes none): the best of the rounds
/// that fit into `seconds`.
double measure(const Kernel& kernel, int threads, int64_t bytes, double seconds);

/// The formulas in float64, of the same arguments.
double reference(Kind kind, const Kernel& kernel, const float* src, int64_t n);

}  // namespace fi::peak
