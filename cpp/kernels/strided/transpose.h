// Blocked transposes of planes of equal-sized elements.
#pragma once

#include <cstdint>

namespace fi::strided {

/// dst(i, j) = src(i, j) for i < ni, j < nj, elements of `size` bytes: src is contiguous over i and
/// src_step bytes apart over j, dst contiguous over j and dst_step apart over i. Both directions
/// are read and written in whole cache lines; a side of up to four elements (the channels of a
/// picture) is interleaved instead.
void transpose(int64_t size, const char* src, int64_t src_step, char* dst, int64_t dst_step,
               int64_t ni, int64_t nj);

}  // namespace fi::strided
