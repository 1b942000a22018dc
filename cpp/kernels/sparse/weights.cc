// Packed weights: for each panel of output channels and each chunk of input channels, the rows and
// their entries. Rows of a chunk come in the order of their lengths, so that the branch that ends a
// row is foreseen.
//
//   int64_t begins[panels * chunks][2]   first row, first entry
//   int64_t ends[2]
//   Row rows[]
//   Entry entries[]
#include <algorithm>
#include <vector>

#include "kernels/sparse/packed.h"
#include "kernels/sparse/sparse.h"

namespace fi::sparse {
namespace {

/// Visits the nonzero weights of output o and input channels [begin, end) in the order of (i, ky,
/// kx).
template <class Visit>
void for_each_weight(const Layer& layer, const WeightView& w, int64_t o, int64_t begin, int64_t end,
                     Visit&& visit) {
  const Window& window = layer.shape.window;
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < window.kernel_w; ++kx) {
        const float value = w.data[o * w.out + i * w.in + ky * w.row + kx * w.column];
        if (value != 0) visit(value, i, ky, kx);
      }
    }
  }
}

int32_t offset_of(const Layer& layer, int64_t i, int64_t ky, int64_t kx) {
  const Window& window = layer.shape.window;
  int64_t offset = i * layer.channel_stride;
  if (!layer.direct) {
    const int64_t down = ky * window.dilation_h;
    const int64_t plane = kx * layer.phases + down % window.stride_h;
    offset += (plane * layer.plane_rows + down / window.stride_h) * layer.pitch;
  }
  return static_cast<int32_t>(offset * static_cast<int64_t>(sizeof(float)));
}

/// The rows of one chunk of one panel, in their order.
std::vector<Row> rows_of(const Layer& layer, const WeightView& w, int64_t panel, int64_t chunk) {
  const int64_t begin = chunk * layer.chunk_channels;
  const int64_t end = std::min(begin + layer.chunk_channels, layer.shape.inputs);
  const bool all = chunk == 0 || chunk == layer.chunks() - 1;  // the bias; the activation
  std::vector<Row> rows;
  for (int64_t o = layer.panel_begin(panel); o < layer.panel_begin(panel + 1); ++o) {
    int32_t count = 0;
    for_each_weight(layer, w, o, begin, end, [&](float, int64_t, int64_t, int64_t) { ++count; });
    if (count > 0 || all) rows.push_back({static_cast<int32_t>(o), count});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.entries < b.entries; });
  return rows;
}

}  // namespace

size_t packed_bytes(const Layer& layer, const WeightView& weights) {
  int64_t rows = 0, entries = 0;
  for (int64_t panel = 0; panel < layer.panels; ++panel) {
    for (int64_t chunk = 0; chunk < layer.chunks(); ++chunk) {
      const auto of_chunk = rows_of(layer, weights, panel, chunk);
      rows += static_cast<int64_t>(of_chunk.size());
      for (const Row& row : of_chunk) entries += row.entries;
    }
  }
  return Packed::bytes(layer, rows, entries);
}

void pack(const Layer& layer, const WeightView& weights, char* out) {
  std::vector<std::vector<Row>> all;
  int64_t row_count = 0;
  for (int64_t panel = 0; panel < layer.panels; ++panel) {
    for (int64_t chunk = 0; chunk < layer.chunks(); ++chunk) {
      all.push_back(rows_of(layer, weights, panel, chunk));
      row_count += static_cast<int64_t>(all.back().size());
    }
  }
  auto* begin = reinterpret_cast<Packed::Begin*>(out);
  auto* rows = reinterpret_cast<Row*>(begin + all.size() + 1);
  auto* entries = reinterpret_cast<Entry*>(rows + row_count);
  int64_t row = 0, entry = 0;
  for (size_t part = 0; part < all.size(); ++part) {
    begin[part] = {row, entry};
    const int64_t first = static_cast<int64_t>(part) % layer.chunks() * layer.chunk_channels;
    const int64_t end = std::min(first + layer.chunk_channels, layer.shape.inputs);
    for (const Row& r : all[part]) {
      rows[row++] = r;
      for_each_weight(layer, weights, r.output, first, end,
                      [&](float value, int64_t i, int64_t ky, int64_t kx) {
                        entries[entry++] = {value, offset_of(layer, i, ky, kx)};
                      });
    }
  }
  begin[all.size()] = {row, entry};
}

PackKey key_of(const Layer& layer) {
  return {layer.channel_stride, layer.plane_rows * layer.pitch, layer.chunk_channels, layer.panels};
}

}  // namespace fi::sparse
