// How work is divided among threads. Only sizes and the number of threads decide, and results never
// depend on it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fi::plan {

/// Tasks handed out per thread where the work allows it: enough that a slow thread does not hold up
/// the rest.
inline constexpr int64_t kTasksPerThread = 4;

/// [0, total) cut into parts of whole `unit`s, as even as can be.
struct Split {
  int64_t total = 0, unit = 1, parts = 1;

  int64_t begin(int64_t part) const {
    const int64_t units = (total + unit - 1) / unit;
    return std::min(total, units * part / parts * unit);
  }
  int64_t end(int64_t part) const { return begin(part + 1); }
};

inline Split split(int64_t total, int64_t unit, int64_t wanted) {
  const int64_t units = std::max<int64_t>(1, (total + unit - 1) / unit);
  return {total, unit, std::clamp<int64_t>(wanted, 1, units)};
}

/// Rows and columns of a product, cut into a grid of tasks: rows first, columns where rows do not
/// suffice.
struct Grid {
  Split rows, columns;
  int64_t tasks() const { return rows.parts * columns.parts; }
};

inline Grid split_grid(int64_t m, int64_t n, int64_t mr, int64_t nr, int threads,
                       int64_t independent) {
  Grid grid{split(m, mr, 1), split(n, nr, 1)};
  if (threads <= 1) return grid;
  const int64_t wanted =
      (kTasksPerThread * threads + independent - 1) / std::max<int64_t>(1, independent);
  grid.rows = split(m, mr, wanted);
  const int64_t left = (wanted + grid.rows.parts - 1) / grid.rows.parts;
  if (left > 1) grid.columns = split(n, nr, left);
  return grid;
}

}  // namespace fi::plan
