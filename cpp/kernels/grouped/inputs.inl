// The two ways in which the lanes of a vector get their inputs. Include after FI_VEC_H.
#pragma once

#include "kernels/grouped/layout.h"
#include "kernels/name.h"
#include "simd/epilogue.inl"

namespace fi::grouped {
namespace {

/// Lanes of one group: an input is the same for all.
struct Broadcast {
  static constexpr bool permutes = false;

  FI_INLINE explicit Broadcast(const Layout&) {}
  /// Calls body(inputs) for every step k, where inputs(x) are the lanes' inputs of the pixel at x.
  template <bool, class Body>
  FI_INLINE void for_each_step(int64_t steps, int, Body&& body) const {
    for (int64_t k = 0; k < steps; ++k)
      body([k](const float* x) FI_INLINE_LAMBDA { return splat(x[k]); });
  }
};

/// Lanes of several groups: one vector of inputs, permuted.
struct Permute {
  static constexpr bool permutes = true;
  permv step[kLanes / 2];
  bool straight;  // step 0 moves nothing

  FI_INLINE explicit Permute(const Layout& layout)
      : straight(layout.channels.inputs == layout.channels.outputs) {
    int32_t from[kLanes];
    for (int64_t k = 0; k < layout.channels.inputs; ++k) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t group = lane / layout.channels.outputs;
        const int64_t input = group * layout.channels.inputs + layout.input_of(true, lane, k);
        from[lane] = static_cast<int32_t>(input < kLanes ? input : 0);
      }
      step[k] = permutation(from);
    }
  }
  template <bool tail, class Body>
  FI_INLINE void for_each_step(int64_t steps, int lanes, Body&& body) const {
    const auto loaded = [lanes](const float* x)
                            FI_INLINE_LAMBDA { return tail ? load_n(x, lanes) : load(x); };
    int64_t k = 0;
    if (straight) {
      body(loaded);
      k = 1;
    }
    for (; k < steps; ++k) {
      const permv order = step[k];
      body([&](const float* x) FI_INLINE_LAMBDA { return permute(loaded(x), order); });
    }
  }
};

}  // namespace
}  // namespace fi::grouped
