// The elements of a stored weight one by one, where it has them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "plan/weight.h"

namespace fi::plan {

[[noreturn]] inline void malformed_weight(const char* reason) {
  throw Error(ErrorKind::value, std::string("a weight in compressed form ") + reason);
}

/// Element i of a span, which may start at any byte.
template <class T>
T element(const Span& span, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(span.data) + i * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

/// Integer i of packed ones of 1 to 8 bits; the spans' sizes were checked against the counts.
inline int packed_integer(const Span& span, int64_t i, int bits) {
  const auto* bytes = static_cast<const uint8_t*>(span.data);
  const int64_t at = i * bits, byte = at / 8;
  int two = bytes[byte];
  if (at % 8 + bits > 8) two |= bytes[byte + 1] << 8;
  return two >> (at % 8) & ((1 << bits) - 1);
}

/// A walk through the weight's matrix of shape[0] rows, row by row.
class MatrixWalk {
 public:
  explicit MatrixWalk(const Weight& weight) {
    rows_ = weight.shape.empty() ? 1 : weight.shape[0];
    for (size_t d = 1; d < weight.shape.size(); ++d) columns_ *= weight.shape[d];
  }
  /// Goes on by so many elements; throws Error(value) behind the last one.
  void advance(int64_t elements) {
    column += elements;
    while (column >= columns_ && row < rows_) {
      column -= columns_;
      ++row;
    }
    if (row >= rows_) malformed_weight("has an entry beyond its last element");
  }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }

  int64_t row = 0, column = -1;

 private:
  int64_t rows_ = 1, columns_ = 1;
};

/// visit(row, column, code) for each code that is stored, in order, fillers left out: codebook,
/// sparse_codebook, scaled (two's complement), bits.
template <class Visit>
void for_each_code(const Weight& weight, Visit&& visit) {
  MatrixWalk walk(weight);
  if (weight.form == WeightForm::sparse_codebook) {
    const int filler_gap = (1 << weight.index_bits) - 1;
    for (int64_t i = 0; i < weight.count; ++i) {
      const int gap = packed_integer(weight.gaps, i, weight.index_bits);
      const int code = packed_integer(weight.codes, i, weight.code_bits);
      walk.advance(gap + 1);
      if (code != 0 || gap != filler_gap) visit(walk.row, walk.column, code);
    }
    return;
  }
  const bool codebook = weight.form == WeightForm::codebook;
  const Span& codes = codebook ? weight.codes : weight.values;
  const int bits = weight.code_bits;
  for (int64_t i = 0, row = 0; row < walk.rows(); ++row) {
    for (int64_t column = 0; column < walk.columns(); ++column, ++i) {
      visit(row, column, packed_integer(codes, i, bits));
    }
  }
}

/// visit(row, column, value) for each element that is stored, in order: csr, block_sparse.
template <class Visit>
void for_each_stored(const Weight& weight, Visit&& visit) {
  const MatrixWalk matrix(weight);
  const int64_t height = weight.block_rows, width = weight.block_columns;
  int64_t i = 0;
  for (int64_t row = 0; row < matrix.rows() / height; ++row) {
    const int64_t begin = i, end = element<uint32_t>(weight.row_ptr, row + 1);
    if (end < begin || end > weight.count) malformed_weight("has row pointers that do not ascend");
    for (int64_t inner = 0; inner < height; ++inner) {
      for (i = begin; i < end; ++i) {
        const int64_t block = weight.index_bits == 16 ? element<uint16_t>(weight.col_idx, i)
                                                      : element<uint32_t>(weight.col_idx, i);
        if ((block + 1) * width > matrix.columns()) {
          malformed_weight("has a column beyond its last");
        }
        for (int64_t k = 0; k < width; ++k) {
          visit(row * height + inner, block * width + k,
                element<float>(weight.values, (i * height + inner) * width + k));
        }
      }
    }
    i = end;
  }
}

}  // namespace fi::plan
