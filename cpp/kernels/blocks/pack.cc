#include "kernels/blocks/pack.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace fi::blocks {
namespace {

constexpr int64_t kStep = kQuads * kBlock;

/// What a packed buffer starts with; the parts follow at these offsets.
struct Header {
  Matrix matrix;  // its pointers are set when it is looked at
  int64_t begin, row_of, block, index, value;
};

template <class T>
T* part(const AlignedBuffer& packed, int64_t Header::* offset) {
  return reinterpret_cast<T*>(packed.data() + packed.as<Header>()->*offset);
}

/// A zeroed buffer with its header; `stored` blocks or steps.
AlignedBuffer make_buffer(const Matrix& matrix, int64_t stored) {
  const bool pixels = matrix.way == Way::pixels;
  Header header{matrix, align_up(sizeof(Header)), 0, 0, 0, 0};
  int64_t end = header.begin + align_up(((pixels ? matrix.rows : matrix.groups) + 1) * 8);
  const auto place = [&](int64_t bytes) {
    const int64_t at = end;
    end += align_up(bytes);
    return at;
  };
  header.row_of = place(pixels ? 0 : matrix.groups * kQuads * 4);
  header.block = place(pixels ? stored * static_cast<int64_t>(sizeof(Block)) : 0);
  header.index = place(pixels ? 0 : stored * kQuads * 2);
  header.value = place(pixels ? 0 : stored * kStep * 4);
  AlignedBuffer packed(end);
  std::memset(packed.data(), 0, static_cast<size_t>(packed.bytes()));
  std::memcpy(packed.data(), &header, sizeof header);
  return packed;
}

Matrix shape_of(const BlockRows& w, Way way) {
  Matrix matrix{};
  matrix.way = way;
  matrix.block_outputs = w.block_outputs;
  matrix.outputs = w.outputs;
  matrix.inputs = w.inputs;
  matrix.rows = w.rows();
  const int64_t unit = way == Way::rows ? kQuads : kOutputs / w.block_outputs;
  matrix.groups = (w.rows() + unit - 1) / unit;
  matrix.blocks = static_cast<int64_t>(w.blocks.size());
  return matrix;
}

AlignedBuffer pack_pixels(const BlockRows& w) {
  AlignedBuffer packed = make_buffer(shape_of(w, Way::pixels), w.begin.back());
  std::copy(w.begin.begin(), w.begin.end(), part<int64_t>(packed, &Header::begin));
  std::copy(w.blocks.begin(), w.blocks.end(), part<Block>(packed, &Header::block));
  return packed;
}

/// Rows, the longest first.
std::vector<int64_t> by_length(const BlockRows& w) {
  std::vector<int64_t> order(static_cast<size_t>(w.rows()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return w.begin[a + 1] - w.begin[a] > w.begin[b + 1] - w.begin[b];
  });
  return order;
}

AlignedBuffer pack_rows(const BlockRows& w) {
  const Matrix matrix = shape_of(w, Way::rows);
  const std::vector<int64_t> order = by_length(w);
  std::vector<int64_t> begin(static_cast<size_t>(matrix.groups) + 1);
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const int64_t longest = order[g * kQuads];
    begin[g + 1] = begin[g] + (w.begin[longest + 1] - w.begin[longest] + 1) / 2 * 2;
  }
  AlignedBuffer packed = make_buffer(matrix, begin.back());
  std::copy(begin.begin(), begin.end(), part<int64_t>(packed, &Header::begin));
  int32_t* row_of = part<int32_t>(packed, &Header::row_of);
  uint16_t* index = part<uint16_t>(packed, &Header::index);
  float* value = part<float>(packed, &Header::value);
  const int64_t unit = w.block_outputs == 1 ? kBlock : 1;
  const int64_t zeros = w.inputs / unit;  // behind x
  std::fill_n(index, begin.back() * kQuads, static_cast<uint16_t>(zeros));
  for (int64_t i = 0; i < matrix.groups * kQuads; ++i) {
    const int64_t row = i < w.rows() ? order[i] : -1;
    row_of[i] = static_cast<int32_t>(row);
    if (row < 0) continue;
    int64_t step = begin[i / kQuads];
    for (int64_t b = w.begin[row]; b < w.begin[row + 1]; ++b, ++step) {
      const Block& block = w.blocks[b];
      index[step * kQuads + i % kQuads] = static_cast<uint16_t>(block.input / unit);
      std::copy_n(block.value, kBlock, value + step * kStep + i % kQuads * kBlock);
    }
  }
  return packed;
}

}  // namespace

bool rows_reach(int64_t inputs, int block_outputs) {
  return inputs / (block_outputs == 1 ? kBlock : 1) <= UINT16_MAX;
}

AlignedBuffer pack(const BlockRows& weights, Way way) {
  if (weights.outputs > INT32_MAX || weights.inputs > INT32_MAX ||
      (way == Way::rows && !rows_reach(weights.inputs, weights.block_outputs))) {
    throw Error(ErrorKind::value, "a huge matrix");
  }
  return way == Way::rows ? pack_rows(weights) : pack_pixels(weights);
}

Matrix matrix_of(const AlignedBuffer& packed) {
  Matrix matrix = packed.as<Header>()->matrix;
  matrix.begin = part<int64_t>(packed, &Header::begin);
  matrix.row_of = part<int32_t>(packed, &Header::row_of);
  matrix.block = part<Block>(packed, &Header::block);
  matrix.index = part<uint16_t>(packed, &Header::index);
  matrix.value = part<float>(packed, &Header::value);
  return matrix;
}

int64_t packed_bytes(int64_t blocks, Way way) {
  const int64_t of_block = way == Way::rows ? kBlock * 4 + 2 : static_cast<int64_t>(sizeof(Block));
  return blocks * of_block;
}

}  // namespace fi::blocks
