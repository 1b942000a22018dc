// Element-wise steps whose result takes over the memory of an input that nothing reads later.
#pragma once

#include <vector>

#include "plan/arena.h"
#include "plan/program.h"

namespace fi::plan {

/// By buffer number: the buffer whose memory it lies in, itself or the input of the step that
/// writes it first. `lives`: each buffer's groups.
///
/// A step writes in place if it is unary or binary and alone in its group, and the input has the
/// result's dtype, strides and offset in a buffer of as many bytes that dies there, while the
/// result's is born there. Kernels read each element before they write it (eltwise.h), so a second
/// input may be the same tensor, but no other view of that buffer.
std::vector<int> in_place_owners(const Program& program, const std::vector<ArenaItem>& lives);

/// Buffers that lie in another's memory become part of its item; their own takes no bytes.
void join(const std::vector<int>& owners, std::vector<ArenaItem>* items);

}  // namespace fi::plan
