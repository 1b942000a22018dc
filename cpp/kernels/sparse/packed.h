// The packed weights of a layer as weights.cc writes them.
#pragma once

#include "kernels/sparse/sparse.h"

namespace fi::sparse {

class Packed {
 public:
  struct Begin {
    int64_t row, entry;
  };

  Packed(const Layer& layer, const char* data)
      : chunks_(layer.chunks()),
        begin_(reinterpret_cast<const Begin*>(data)),
        rows_(reinterpret_cast<const Row*>(begin_ + layer.panels * chunks_ + 1)),
        entries_(reinterpret_cast<const Entry*>(rows_ + begin_[layer.panels * chunks_].row)) {}

  /// Sets the rows and entries of a tile.
  void show(int64_t panel, int64_t chunk, Tile* tile) const {
    const Begin* begin = begin_ + panel * chunks_ + chunk;
    tile->rows = rows_ + begin->row;
    tile->row_count = begin[1].row - begin->row;
    tile->entries = entries_ + begin->entry;
  }

  static size_t bytes(const Layer& layer, int64_t rows, int64_t entries) {
    return static_cast<size_t>(layer.panels * layer.chunks() + 1) * sizeof(Begin) +
           static_cast<size_t>(rows) * sizeof(Row) + static_cast<size_t>(entries) * sizeof(Entry);
  }

 private:
  const int64_t chunks_;
  const Begin* begin_;
  const Row* rows_;
  const Entry* entries_;
};

}  // namespace fi::sparse
