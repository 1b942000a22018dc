// A weight in the form it is stored in; only prepare decodes it, to what a kernel packs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace fi::plan {

enum class WeightForm : uint8_t { dense, sparse_codebook };

struct Span {
  const void* data = nullptr;
  int64_t bytes = 0;
};

/// Immutable; `owner` keeps the memory (a file mapping, a NumPy array) alive.
struct Weight {
  uint64_t id =
      0;  // unique in the process: with a packing format, the key of the packed-weight cache
  WeightForm form = WeightForm::dense;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;  // dense: contiguous, row-major (OIHW for convolutions)
  Span values;                 // dense: the elements; sparse_codebook: the codebook, f32
  Span codes;                  // sparse_codebook: one u8 per stored entry
  Span gaps;                   // sparse_codebook: one 4-bit gap per entry, low nibble first
  std::shared_ptr<const void> owner;
};

/// The weight as dense f32, row-major, in `out` (the product of the shape's elements).
void decode_f32(const Weight& weight, float* out);

}  // namespace fi::plan
