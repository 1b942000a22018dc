// A weight in the form it is stored in; only prepare decodes it, to what a kernel packs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace fi::plan {

enum class WeightForm : uint8_t {
  dense,
  sparse_codebook,  // entries of a code and a gap (Deep Compression)
  codebook,         // a code per element
  csr,
  block_sparse,  // 1x4 or 4x1 blocks in compressed rows of blocks
  scaled,        // s8 or s4 with a scale per filter
  bits           // +scale or -scale
};

struct Span {
  const void* data = nullptr;
  int64_t bytes = 0;
};

/// Immutable; `owner` keeps the memory (a file mapping, a NumPy array) alive. The forms are those
/// of python/fastinfer/graph/weight; integers below 8 bits are packed, the lowest bit first.
struct Weight {
  uint64_t id =
      0;  // unique in the process: with a packing format, the key of the packed-weight cache
  WeightForm form = WeightForm::dense;
  DType dtype = DType::f32;    // of the stored elements where dense, else f32
  std::vector<int64_t> shape;  // row-major (OIHW for convolutions)
  Span values;                 // dense, csr, block_sparse: elements; *codebook: the codebook, f32;
                               // scaled, bits: packed integers
  Span codes;                  // *codebook: count codes of code_bits
  Span gaps;                   // sparse_codebook: count gaps of index_bits
  Span row_ptr;                // csr, block_sparse: u32, one more than rows
  Span col_idx;                // csr, block_sparse: index_bits (16 or 32) each
  Span scale;                  // scaled, bits: f32, one per filter
  int64_t count = 0;           // entries, values or blocks as stored
  int code_bits = 8;           // 1 to 8; scaled: 4 or 8
  int index_bits = 4;          // sparse_codebook: 1 to 8; csr, block_sparse: 16 or 32
  int block_rows = 1, block_columns = 1;
  std::shared_ptr<const void> owner;
  std::shared_ptr<const void> identity;  // while this lives, `id` stands for the same elements,
                                         // though the Weight and its memory may go and come again
};

/// The weight as dense f32, row-major, in `out` (the product of the shape's elements).
void decode_f32(const Weight& weight, float* out);

}  // namespace fi::plan
