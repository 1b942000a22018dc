// Pooling of planar (NCHW) f32 tensors, vectorised over the pixels of a row: max and average by the
// formula of pool.h.
//
// A window of kernel_h x kernel_w taps is folded by kernel_h + kernel_w of them: first the tap rows
// of each output row, down, into a line of scratch that has the padding around it, then the line
// across, by the tap columns. A strip of lines is made before the first of them is read: loads that
// straddle stores have to wait until these are done.
#pragma once

#include "kernels/pool/pool.h"

namespace fi::pool {

/// Lines of scratch that have as many tap rows each: line r and column x are the fold of
/// src[r * src_step + i * tap + x], i < taps.
struct Down {
  const float* src;
  int64_t src_step, tap;
  float* dst;
  int64_t dst_step;
  int64_t lines, columns;
  int32_t taps;
};

/// Output rows that have as many tap rows each: row r and pixel t are finish(fold of
/// src[r * src_step + t * step + j * tap], j < taps). Vectors reach kLineSlack pixels beyond the
/// last one, in src and divisors.
struct Across {
  const float* src;
  int64_t src_step, step, tap;
  float* dst;
  int64_t dst_step;
  int64_t lines, pixels;
  int32_t taps;
  const float* divisors;  // average: divisors[t] * rows
  float rows;
};
inline constexpr int64_t kLineSlack = 15;

/// The lines that are made together: a function of window and sizes alone.
struct Strip {
  int64_t rows, line_floats;
  int64_t pixels;   // outputs of a line and what vectors reach
  int64_t columns;  // of the image, that some tap may read
};
Strip strip_of(const Pool2d& pool, int64_t width, int64_t out_height, int64_t out_width);
/// Whether a line is of reasonable length: windows may be mostly padding.
bool accepts(const Strip& strip);
/// Scratch that one worker needs.
size_t scratch_bytes(const Strip& strip);

/// Rows of some channels of one image.
struct PlanesPart {
  int64_t image, channel_begin, channel_end, row_begin, row_end;
};
/// Computes the part on the calling thread; `kernel` is a planar row.
void run_planes(const Kernel& kernel, const Pool2d& pool, const Planes<const float>& src,
                const Planes<float>& dst, const PlanesPart& part, float* scratch);

}  // namespace fi::pool
