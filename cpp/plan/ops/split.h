// How work is divided among threads. Only sizes and the number of threads decide, and results never
// depend on it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fi::plan {

/// Tasks handed out per thread where the work allows it: a slow thread does not hold up the rest,
/// and the parts of a small layer are not yet so small that each starts cold (4 lose 1-2 % of a
/// network).
inline constexpr int64_t kTasksPerThread = 2;

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

/// Rows and columns of a product, cut into a grid of tasks.
struct Grid {
  Split rows, columns;
  int64_t tasks() const { return rows.parts * columns.parts; }
};

/// Whether threads had better share out columns than rows. The thread with the most is waited for;
/// every part of the rows reads the whole rhs, and every part of the columns the whole lhs.
inline bool by_columns(const Split& rows, const Split& columns, int64_t threads) {
  constexpr double kReuse = 3;  // multiply-adds that take as long as an element from beyond L2
  const auto most = [&](const Split& s) {
    const int64_t units = (s.total + s.unit - 1) / s.unit;
    return static_cast<double>(std::min(s.total, (units + threads - 1) / threads * s.unit));
  };
  const double m = static_cast<double>(rows.total), n = static_cast<double>(columns.total);
  const double weight = kReuse / static_cast<double>(threads);
  const double by_rows = most(rows) * n + weight * (m + static_cast<double>(rows.parts) * n);
  const double over = most(columns) * m + weight * (n + static_cast<double>(columns.parts) * m);
  return over < by_rows;
}

/// Rows first, columns where rows do not suffice; or columns alone where the rhs (rhs_bytes; 0:
/// never) is more than a core keeps and that is better. Elsewhere rows are: the next layer is
/// shared out by rows too, and finds them in the same core's cache.
inline Grid split_grid(int64_t m, int64_t n, int64_t mr, int64_t nr, int threads,
                       int64_t independent, int64_t rhs_bytes) {
  constexpr int64_t kKept = 1 << 20;
  Grid grid{split(m, mr, 1), split(n, nr, 1)};
  if (threads <= 1) return grid;
  const int64_t wanted =
      (kTasksPerThread * threads + independent - 1) / std::max<int64_t>(1, independent);
  grid.rows = split(m, mr, wanted);
  const int64_t left = (wanted + grid.rows.parts - 1) / grid.rows.parts;
  if (left > 1) grid.columns = split(n, nr, left);
  const Split apart = split(n, nr, 4 * wanted);
  if (rhs_bytes > kKept && independent == 1 && by_columns(grid.rows, apart, threads)) {
    return {split(m, mr, 1), apart};
  }
  return grid;
}

}  // namespace fi::plan
