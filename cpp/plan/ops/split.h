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
  struct Part {
    int64_t m_begin, m_end, n_begin, n_end;
  };
  Split rows, columns;
  int64_t tasks() const { return rows.parts * columns.parts + rest_tasks(); }

  Part part(int64_t task) const {
    if (threads > 0) return part_with_rest(task);
    const int64_t row = task / columns.parts, column = task % columns.parts;
    return {rows.begin(row), rows.end(row), columns.begin(column), columns.end(column)};
  }

  /// Where this many threads share out columns, and not each could have as many units: units of
  /// `rest`, which follow on `columns`, are cut by rows, a part for each thread.
  int64_t threads = 0;
  Split rest{};

 private:
  int64_t rest_tasks() const { return threads * rest_units(); }
  int64_t rest_units() const {
    return threads > 0 ? (rest.total - columns.total + rest.unit - 1) / rest.unit : 0;
  }
  // A thread's tasks follow one another: its columns, then its part of the rest.
  Part part_with_rest(int64_t task) const {
    const int64_t own = columns.parts / threads, each = own + rest_units();
    const int64_t thread = task / each, i = task % each;
    if (i < own) {
      const int64_t column = thread * own + i;
      return {0, rows.total, columns.begin(column), columns.end(column)};
    }
    const Split among{rows.total, rows.unit, threads};
    const int64_t n = columns.total + (i - own) * rest.unit;
    return {among.begin(thread), among.end(thread), n, std::min(n + rest.unit, rest.total)};
  }
};

/// Columns shared out among threads.
inline Grid split_columns(int64_t m, int64_t n, int64_t mr, int64_t nr, int64_t threads) {
  const int64_t units = (n + nr - 1) / nr, whole = units / threads * threads;
  Grid grid{split(m, mr, 1), split(n, nr, 4 * kTasksPerThread * threads)};
  if (whole == units || whole == 0 || (m + mr - 1) / mr < threads) return grid;
  grid.columns = split(whole * nr, nr, kTasksPerThread * threads);
  if (grid.columns.parts % threads != 0) grid.columns.parts = threads;
  grid.threads = threads;
  grid.rest = {n, nr, 1};
  return grid;
}

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
    return split_columns(m, n, mr, nr, threads);
  }
  return grid;
}

}  // namespace fi::plan
