// Over vec.h: parts of vectors.
#pragma once

#include FI_VEC_H

namespace fi {
namespace {

/// The first n lanes of a; zeros behind them, whatever was there.
FI_INLINE f32v keep_first(f32v a, int n) {
  float lanes[kLanes];
  store(lanes, a);
  return load_n(lanes, n);
}

}  // namespace
}  // namespace fi
