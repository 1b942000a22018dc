// Which taps of a window are inside the input.
#pragma once

#include <cstdint>

#include "base/inline.h"

namespace fi {

/// Positions [begin, end) are valid; the others are padding.
struct Span {
  int64_t begin, end;
};

/// The t of [0, count) with 0 <= start + t * step < size.
FI_INLINE Span inside(int64_t start, int64_t step, int64_t count, int64_t size) {
  int64_t begin = start < 0 ? (-start + step - 1) / step : 0;
  int64_t end = start < size ? (size - start + step - 1) / step : 0;
  end = end < count ? end : count;
  begin = begin < end ? begin : end;
  return {begin, end};
}

}  // namespace fi
